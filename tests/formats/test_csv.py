from __future__ import annotations

import csv as reference
import io
import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.formats import csv

fields = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(fields, min_size=width, max_size=width), min_size=1)
)


def test_a_header_comes_first_and_each_line_ends_in_crlf():
    text = csv.dumps(["timestamp", "volume"], [[datetime(2026, 1, 1), 5], [0, None]])
    assert text == "timestamp,volume\r\n1767225600,5\r\n0,\r\n"


def test_without_rows_there_is_the_header():
    assert csv.dumps(["timestamp", "volume"], []) == "timestamp,volume\r\n"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("plain", "plain"),
        ("with, comma", '"with, comma"'),
        ('with "quotes"', '"with ""quotes"""'),
        ("two\nlines", '"two\nlines"'),
        ("carriage\rreturn", '"carriage\rreturn"'),
        (" spaces ", " spaces "),
        ("grün", "grün"),
        ("nul\0", r"nul\u0000"),
        ("\ud800", r"\ud800"),
        (True, "True"),
        (0.1, "0.1"),
        (10**30, "1" + "0" * 30),
        (math.inf, "inf"),
        ({"a": [1, None, "x"]}, '"{""a"":[1,null,""x""]}"'),
        ([1, 2], '"[1,2]"'),
        ((), "[]"),
    ],
)
def test_a_field_is_quoted_where_it_has_to_be(value, field):
    assert csv.dumps(["a", "b"], [[value, 1]]) == f"a,b\r\n{field},1\r\n"


@given(tables)
def test_any_reader_reads_back_what_is_written(table):
    header, *rows = table
    text = csv.dumps(header, rows)
    assert list(reference.reader(io.StringIO(text, newline=""), strict=True)) == table


@given(tables)
def test_lines_come_one_by_one(table):
    header, *rows = table
    assert "".join(csv.lines(header, iter(rows))) == csv.dumps(header, rows)
    assert len(list(csv.lines(header, rows))) == len(table)


def test_lines_are_made_while_rows_are_read():
    def endless():
        while True:
            yield [1]

    lines = csv.lines(["a"], endless())
    assert [next(lines) for _ in range(3)] == ["a\r\n", "1\r\n", "1\r\n"]


def test_moments_are_written_as_asked_for():
    rows = [[datetime(2026, 1, 1)]]
    assert csv.dumps(["a"], rows, "ms") == "a\r\n1767225600000\r\n"
    assert csv.dumps(["a"], rows, "iso") == "a\r\n2026-01-01T00:00:00Z\r\n"
