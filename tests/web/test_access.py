from __future__ import annotations

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statscache.web import access
from statscache.web.access import Answered, line

from .conftest import make

BEGAN = 1_767_830_400.25
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ "
    r'"(?:[^"\\]|\\.)*" \d{3} \d+ \d+\.\d "(?:[^"\\]|\\.)*"'
)

bytes_as_text = st.binary(max_size=40).map(lambda some: some.decode("latin-1"))


def answered(**environ):
    return Answered(environ, 200, 123, BEGAN, 0.00456)


def test_a_line_tells_who_asked_what_and_what_they_got():
    told = line(
        answered(
            REMOTE_ADDR="192.0.2.7",
            REQUEST_METHOD="GET",
            SCRIPT_NAME="/stats",
            PATH_INFO="/api/größe".encode().decode("latin-1"),
            QUERY_STRING="start=-24h&state=a%20b",
            HTTP_USER_AGENT='curl "8"',
        )
    )
    assert told == (
        '2026-01-08T00:00:00Z 192.0.2.7 "GET /stats/api/gr%C3%B6%C3%9Fe?start=-24h&state=a%20b" '
        r'200 123 4.6 "curl \"8\""'
    )


@given(
    st.fixed_dictionaries(
        dict.fromkeys(
            ("REMOTE_ADDR", "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_USER_AGENT"),
            bytes_as_text,
        )
    )
)
def test_no_client_can_forge_a_line_or_a_column(environ):
    environ["REMOTE_ADDR"] = "192.0.2.7"
    told = line(answered(**environ))
    assert told.isprintable()
    assert LINE.fullmatch(told)


def test_a_line_is_not_endless():
    assert len(line(answered(QUERY_STRING="x" * 10**6, HTTP_USER_AGENT="x" * 10**6))) < 11_000


@pytest.fixture
def level():
    before = access.log.level
    yield access.log.setLevel
    access.log.setLevel(before)


def test_it_is_off_even_where_everything_else_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    make("sqlite:////nowhere/none.sqlite").test_client().get("/live").get_data()
    assert not [one for one in caplog.records if one.name == "statscache.web.access"]


def test_when_it_is_on_each_request_is_a_line(caplog, level):
    level(logging.INFO)
    client = make("sqlite:////nowhere/none.sqlite").test_client()
    client.get("/live?\u0085\r\n").get_data()
    client.get("/live", headers={"User-Agent": "me"}).get_data()
    said = [one.message for one in caplog.records if one.name == "statscache.web.access"]
    assert len(said) == 2
    assert re.fullmatch(r'\S+ 127\.0\.0\.1 "GET /live" 200 13 [\d.]+ "me"', said[1])
    assert all(map(LINE.fullmatch, said))
