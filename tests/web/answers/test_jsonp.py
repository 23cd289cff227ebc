from __future__ import annotations

import pytest

from statscache.errors import QueryError
from statscache.web.answers import jsonp


@pytest.mark.parametrize("name", ["f", "$", "_x1", "jQuery1234_567", "app.charts.show", "a" * 128])
def test_a_plain_name_is_taken(name):
    assert jsonp.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "1f",
        "f()",
        "a.",
        ".a",
        "a..b",
        "a[0]",
        "a b",
        "a;b",
        "<script>",
        "é",
        "a\n",
        "a" * 129,
        "/*",
    ],
)
def test_anything_else_is_refused(name):
    with pytest.raises(QueryError, match="JavaScript name"):
        jsonp.check(name)


def test_the_script_calls_the_function_with_the_json():
    assert jsonp.wrap("f", '["\u2028\u2029"]') == '/**/f(["\\u2028\\u2029"]);'
