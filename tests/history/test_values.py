"""Values out of a text, however it is cut into pieces."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from statscache.history import values as module
from statscache.history.values import values

odd = st.sampled_from(["\\", '"', "é", "\U0001f600", "\ud800", "}{", "[,]", "\n", ""])
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | odd
found = st.recursive(leaves, lambda inside: st.lists(inside) | st.dictionaries(odd, inside))
objects = st.lists(st.dictionaries(odd, found, max_size=3), max_size=4)
between = st.sampled_from(["", "\n", "\r\n\t", " , ", "\ufeff"])


def in_pieces(text: str, lengths: list[int]) -> Callable[[int], str]:
    """A `read` that gives less than it is asked for."""
    source, given = io.StringIO(text, "\n"), iter(lengths)
    return lambda most: source.read(min(most, next(given, 7)))


@settings(max_examples=60)
@given(objects, between, st.booleans(), st.lists(st.integers(1, 30)))
@example([{"a": -1e-7, "b": True, "c": float("-inf")}], "", True, [1] * 99)
def test_the_pieces_make_no_difference(some, gap, as_array, lengths):
    text = (", " if as_array else gap).join(json.dumps(one) for one in some)
    read = in_pieces(f"[{text}]" if as_array else text, lengths)
    assert [json.dumps(value) for _, value in values(read, 1)] == [json.dumps(one) for one in some]


@given(st.text("{}[],:\"'\\ \n0aé\udcff"), st.lists(st.integers(1, 5)))
def test_whatever_there_is_it_ends_and_says_the_line(text, lengths):
    lines = [line for line, _ in values(in_pieces(text, lengths), 5)]
    assert lines == sorted(lines)
    assert all(5 <= line <= 5 + text.count("\n") for line in lines)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1', "it ends in the middle of a message"),
        ('[{"a": 1}', "it ends in the middle of an array"),
        ('{"a" 1}      ', "it is not JSON (Expecting ':' delimiter)"),
        ('{"a": "\udcff"}', "it is not UTF-8"),
        ("\udcff\udcfe", "it is not UTF-8"),
    ],
)
def test_it_says_why_a_value_cannot_be_had(text, reason):
    *_, (_, error) = values(io.StringIO(text).read, 1)
    assert isinstance(error, ValueError)
    assert str(error) == reason


def test_behind_what_is_not_json_it_does_not_guess():
    known: list[Any] = [value for _, value in values(io.StringIO('{"a": 1} ?\n{"b": 2}').read, 1)]
    assert known[0] == {"a": 1}
    assert isinstance(known[1], ValueError)
    assert len(known) == 2


def test_no_more_is_read_than_a_value_may_be_long():
    asked: list[int] = []

    def endless(most: int) -> str:
        asked.append(most)
        return "x" * most if asked[1:] else '{"a": "'

    ((line, error),) = values(endless, 3)
    assert (line, str(error)) == (3, "it is longer than 32 MiB")
    assert module.LONGEST < sum(asked) <= 2 * module.LONGEST + module.PIECE
