from __future__ import annotations

import math

import pytest

from statscache.errors import HistoryAwayError
from statscache.history.page import read

ASKED = {"start": 1, "end": 60, "page": 2}


def test_a_page_has_its_messages_and_the_total():
    body = b'{"raw_messages": [{"id": "a"}], "total": 101, "count": 1, "arguments": {"page": 2.0}}'
    assert read(body, ASKED) == ([{"id": "a"}], 101)


def test_what_only_python_writes_as_json_is_read_too():
    body = rb'{"raw_messages": [NaN, "\ud800", 1e999, 123456789012345678901], "total": 4}'
    (nan, *rest), total = read(body, ASKED)
    assert math.isnan(nan)
    assert (rest, total) == (["\ud800", math.inf, 123456789012345678901], 4)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"raw_messages": [', "not JSON"),
        (b'{"raw_messages": ["\xff"], "total": 1}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"{}", "no raw_messages"),
        (b'{"error": "canceled"}', "no raw_messages"),
        (b'{"raw_messages": {}, "total": 0}', "no raw_messages"),
        (b'{"raw_messages": [], "total": "0"}', "no total"),
        (b'{"raw_messages": [], "total": true}', "no total"),
        (b'{"raw_messages": [], "total": 5, "count": 5}', "counts others"),
        (b'{"raw_messages": [], "total": 0, "arguments": {"start": 2.0}}', "another question"),
        (b'{"raw_messages": [], "total": 0, "arguments": {"page": 1}}', "another question"),
    ],
)
def test_what_is_no_such_page_is_asked_for_again(body, said):
    with pytest.raises(HistoryAwayError, match=said):
        read(body, ASKED)


@pytest.mark.parametrize("arguments", ["null", "[]", "{}", '{"start": "2026-01-01", "end": null}'])
def test_arguments_that_tell_nothing_are_no_fault(arguments):
    body = f'{{"raw_messages": [], "total": 0, "arguments": {arguments}}}'
    assert read(body.encode(), ASKED) == ([], 0)
