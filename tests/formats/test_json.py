from __future__ import annotations

import json as reference
import math
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.formats import json

cells = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
)


def test_rows_are_objects_with_keys_in_the_order_of_columns():
    text = json.dumps(["timestamp", "volume", "a"], [[datetime(2026, 1, 1), 5, "ü"], [0, None, ""]])
    assert text == (
        '[{"timestamp":1767225600,"volume":5,"a":"ü"},{"timestamp":0,"volume":null,"a":""}]'
    )


def test_without_rows_there_is_an_empty_list():
    assert json.dumps(["timestamp"], []) == "[]"


@given(st.lists(st.lists(cells, min_size=3, max_size=3)))
def test_what_is_written_is_read_back(rows):
    read = reference.loads(json.dumps(["a", "b", "c"], rows))
    assert [list(row.values()) for row in read] == rows
    assert all(list(row) == ["a", "b", "c"] for row in read)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_json_is_null(value):
    assert json.dumps(["a"], [[value]]) == '[{"a":null}]'


@pytest.mark.parametrize(
    "value",
    [10**30, "\ud800\0", {"\ud800": 10**30}, {1: b"\xff"}, Decimal("NaN"), object(), {1, 2}],
)
def test_an_odd_column_spoils_no_answer(value):
    (row,) = reference.loads(json.dumps(["odd", "volume"], [[value, 5]]))
    assert row["volume"] == 5


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="argument"):
        json.dumps(["a", "b"], [[1]])


def test_moments_are_written_as_asked_for():
    rows = [[datetime(2026, 1, 1)]]
    assert json.dumps(["a"], rows, "ms") == '[{"a":1767225600000}]'
    assert json.dumps(["a"], rows, "iso") == '[{"a":"2026-01-01T00:00:00Z"}]'
