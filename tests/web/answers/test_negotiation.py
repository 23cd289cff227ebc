from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.web.answers.negotiation import CSV, HTML, JSON, choose

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JQUERY = "text/javascript, application/javascript, application/ecmascript, */*; q=0.01"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", JSON),
        (" ", JSON),
        (",", JSON),
        ("*/*", JSON),
        ("*", JSON),
        ("application/json", JSON),
        ("Application/JSON", JSON),
        ("text/json", JSON),
        ("application/*", JSON),
        (JQUERY, JSON),
        ("text/csv", CSV),
        ("text/csv; header=present; charset=utf-8", CSV),
        ("application/csv", CSV),
        ("text/csv, */*", CSV),
        ("text/csv, */*;q=0.5", CSV),
        ("application/json;q=0.2, text/csv;q=0.3", CSV),
        ("application/json;q=0, text/json;q=0, application/*;q=0, text/*", CSV),
        ("*/*, application/*;q=0, text/javascript;q=0.1, text/json;q=0.1", CSV),
        (BROWSER, JSON),
        ("image/png", None),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("nonsense", None),
    ],
)
def test_the_header_decides_between_json_and_csv(accept, wanted):
    choice = choose(None, None, accept, (JSON, CSV))
    assert (choice and choice.format) == wanted


def test_a_browser_gets_a_page_where_there_is_one():
    assert choose(None, None, BROWSER, (JSON, CSV, HTML)).format == HTML
    assert choose(None, None, "*/*", (JSON, CSV, HTML)).format == JSON


def test_the_suffix_goes_before_the_argument_and_that_before_the_header():
    assert choose("csv", "json", "application/json", (JSON, CSV)).format == CSV
    assert choose(None, "json", "text/csv", (JSON, CSV)).format == JSON
    assert choose("xml", "json", "application/json", (JSON, CSV)) is None
    assert choose(None, "html", "*/*", (JSON, CSV)) is None


def test_the_media_type_is_the_one_that_was_asked_for():
    assert choose(None, None, "application/csv", (JSON, CSV)).media == "application/csv"
    assert choose(None, None, "text/*", (CSV,)).media == "text/csv"


@given(st.text() | st.text("texcsvaplionj/*;q=.,01 "))
def test_any_header_is_understood(accept):
    choose(None, None, accept, (JSON, CSV, HTML))
