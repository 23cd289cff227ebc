from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import RequestURITooLarge

from statscache.errors import QueryError
from statscache.web.query import arguments


def refused(query):
    with pytest.raises(QueryError) as error:
        arguments.parse(query, ("order", "limit"), ("state",))
    return error.value


def test_values_are_gathered_by_name_in_their_order():
    query = b"state=b&limit=5&state=a+%C3%BC&state=&_=123"
    assert arguments.parse(query, ("limit",), ("state",)) == {
        "state": ["b", "a ü", ""],
        "limit": ["5"],
        "_": ["123"],
    }


def test_an_unknown_argument_is_refused_with_a_list_of_those_there_are():
    error = refused(b"oder=asc")
    assert (error.argument, error.value) == ("oder", "asc")
    assert error.allowed.endswith("there are: limit, order, state")


def test_an_argument_given_twice_is_refused():
    assert refused(b"limit=1&limit=1").allowed.startswith("one value")


def test_an_empty_argument_is_refused():
    assert refused(b"limit=").allowed.startswith("a value")
    assert refused(b"limit").argument == "limit"


@pytest.mark.parametrize("query", [b"state=%FF", b"state=%ED%A0%80", b"state=\xff", b"%C3=1"])
def test_what_is_no_utf8_is_refused(query):
    assert refused(query).allowed.startswith("UTF-8")


def test_a_query_of_a_hundred_kilobytes_is_refused():
    with pytest.raises(RequestURITooLarge):
        arguments.parse(b"state=" + b"x" * 100_000, (), ("state",))


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_understood_or_refused(query):
    try:
        parsed = arguments.parse(query, ("limit",), ("state",))
    except QueryError:
        return
    assert set(parsed) <= {"limit", "state", "_"}


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("9" * 12, 10**12 - 1)])
def test_a_whole_number_is_read(text, number):
    assert arguments.whole({"limit": [text]}, "limit") == number


@pytest.mark.parametrize("text", ["0", "-1", "+1", "1.0", "1e3", "9" * 13, "٣", "x", " 1", "\0"])
def test_what_is_no_number_from_one_on_is_refused(text):
    with pytest.raises(QueryError, match="whole number"):
        arguments.whole({"limit": [text]}, "limit")


def test_a_choice_is_one_of_the_words_or_the_default():
    assert arguments.choice({}, "order", ("desc", "asc"), "desc") == "desc"
    assert arguments.choice({"order": ["asc"]}, "order", ("desc", "asc"), "desc") == "asc"
    with pytest.raises(QueryError, match="allowed: desc or asc"):
        arguments.choice({"order": ["ASC"]}, "order", ("desc", "asc"), "desc")
