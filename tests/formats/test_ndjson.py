from __future__ import annotations

import json as reference
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from statscache.formats import json, ndjson

rows = st.lists(st.lists(st.integers() | st.text() | st.none(), min_size=2, max_size=2))


def test_a_row_is_an_object_on_a_line():
    text = ndjson.dumps(["timestamp", "state"], [[datetime(2026, 1, 1), "two\nlines"], [0, None]])
    assert text == (
        '{"timestamp":1767225600,"state":"two\\nlines"}\n{"timestamp":0,"state":null}\n'
    )


def test_without_rows_there_is_nothing():
    assert ndjson.dumps(["timestamp"], []) == ""


@given(rows)
def test_the_lines_are_the_items_of_the_array_that_json_has(rows):
    lines = list(ndjson.lines(["a", "b"], iter(rows)))
    assert all(line.count("\n") == 1 and line.endswith("\n") for line in lines)
    assert list(map(reference.loads, lines)) == reference.loads(json.dumps(["a", "b"], rows))


def test_lines_are_made_while_rows_are_read():
    def endless():
        while True:
            yield [1]

    lines = ndjson.lines(["a"], endless())
    assert [next(lines) for _ in range(2)] == ['{"a":1}\n', '{"a":1}\n']
