from __future__ import annotations

import pytest

from statscache.plugins.names import packages
from statscache.plugins.paths import find, parse

MSG = {
    "name": "cairo",
    "update": {"builds": [{"nvr": "cairo-1-2", "type": "rpm"}, {"nvr": "gzip-1-2"}]},
    "module": {"builds": [{"nvr": "php-8-1", "type": "module"}]},
    "owners": {"a": "ada", "b": ["grace", "edsger"]},
}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("name", {"cairo"}),
        ("missing.name", set()),
        ("name.of.text", set()),
        ("update.builds.nvr:build", {"cairo", "gzip"}),
        ("update.builds.{type=rpm}.nvr:build", {"cairo", "gzip"}),
        ("update.builds.{type==rpm}.nvr:build", {"cairo"}),
        ("module.builds.{type=rpm}.nvr:build", set()),
        ("{release=}.name", {"cairo"}),
        ("{name=}.name", set()),
        ("{name==cairo}.update.builds.{type==rpm}.nvr:build", {"cairo"}),
        ("*.builds.nvr:build", {"cairo", "gzip", "php"}),
        ("owners.*", {"ada", "grace", "edsger"}),
        ("name module.builds.nvr:build", {"cairo", "php"}),
    ],
)
def test_a_path_leads_to_names(path, names):
    assert find(parse(path, packages), MSG) == names


def test_no_path_finds_no_name():
    assert find(parse("", packages), MSG) == frozenset()


@pytest.mark.parametrize("msg", [None, [], "cairo", 1, True])
def test_there_are_no_names_in_what_is_no_object(msg):
    assert find(parse("name *", packages), msg) == frozenset()


def test_a_reader_that_does_not_exist_is_refused():
    with pytest.raises(KeyError, match="bild"):
        parse("nvr:bild", packages)
