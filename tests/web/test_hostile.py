"""Whatever a client sends, no answer is a 500."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from statscache.registry import ARGUMENTS
from statscache.web.query import query

from .guests import Odd

BUILDS = "/api/builds-by-state-1h"

COLUMNS = {
    "/api/": ["detail", "format"],
    "/api/coverage": ["start", "stop", "limit", "format"],
    "/api/coverage.csv": ["start", "stop", "limit", "format"],
    "/api/builds-by-state-1h": ["timestamp", "state", "volume"],
    "/api/builds-by-state-1h.csv": ["timestamp", "state", "volume"],
    "/api/event-logs": ["timestamp", "category", "message"],
    "/api/python-3.11-builds": Odd.columns(),
    "/api/event-logs/layout": ["format", "callback"],
}
TIMES = ("now", "-24h", "-999999w", "0", "-1", "1767800000000", "2026-01-07", "0001-01-01")
NUMBERS = ("1", "3", "999", "9" * 12)
TEXTS = ("failed", "", "\0", "'", "%s", "x" * 400)
USUAL = {
    **dict.fromkeys(["start", "stop", "before", "timestamp", "seen"], TIMES),
    **dict.fromkeys(["limit", "page", "rows_per_page", "volume", "scalar"], NUMBERS),
    **dict.fromkeys(["state", "category", "message"], TEXTS),
    "order": ("asc", "desc"),
    "format": ("json", "csv"),
    "callback": ("f",),
    "every": ("1h", "7h", "1d", "week", "100y", "1ms"),
    "tz": ("UTC", "Europe/Berlin", "Pacific/Apia", "Asia/Kolkata"),
    "pivot": ("state", "volume"),
    "fields": ("volume", "timestamp,state"),
    "fill": ("0", "-5"),
    "time": ("s", "ms", "iso"),
    **dict.fromkeys(["open", "links"], ("0", "1")),
    "day": ("2026-01-01",),
    "level": ("low",),
}
VALUES = [
    "",
    "0",
    "-1",
    "1",
    "3",
    "9" * 12,
    "9" * 18,
    str(2**63),
    str(10**30),
    "1e400",
    "-1e308",
    "nan",
    "inf",
    "1.5",
    "٣",
    "\0",
    "\ud800",
    "\U0010ffff",
    "now",
    "-999999999999w",
    "10000-01-01",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01",
    "253402300799",
    "-62135596800",
    "asc",
    "json",
    "csv",
    "html",
    "true",
    "low",
    "failed",
    "a" * 400,
    "A" * 36,
    "' OR 1=1 --",
    "%s %(x)s :y ?",
]

odd_texts = st.sampled_from(VALUES) | st.text(max_size=20) | st.integers().map(str)
odd_names = st.sampled_from(sorted(ARGUMENTS)) | st.text(max_size=5)
odd_pairs = st.lists(st.tuples(odd_names, odd_texts), max_size=2)


def encode(pairs):
    return urlencode(pairs, errors="surrogatepass").encode()


@st.composite
def requests(draw):
    """A path, and a query that is mostly of use there."""
    path = draw(st.sampled_from(sorted(COLUMNS)))
    names = [*COLUMNS[path], *sorted(query.ARGUMENTS - {"cursor"})]
    chosen = draw(st.lists(st.sampled_from(names), max_size=6, unique=True))
    pairs = [(name, draw(st.sampled_from(USUAL.get(name, ["1"])))) for name in chosen]
    odd = draw(st.just([]) | odd_pairs)
    return path, encode([*pairs, *odd])


garbage = st.tuples(st.sampled_from(sorted(COLUMNS)), st.binary(max_size=60))
accepts = st.sampled_from(["", "*/*", "text/html", "text/csv;q=x, */*;q=0.1", "image/*"])


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=requests() | garbage, accept=accepts)
@example(request=(BUILDS, b"state=\xff"), accept="")
@example(request=(BUILDS, b"page=999999999999&rows_per_page=1000"), accept="")
@example(request=(BUILDS, b"limit=999999999999&page=2&rows_per_page=1"), accept="")
@example(request=(BUILDS, b"start=0001-01-01&stop=9999-12-31"), accept="")
@example(request=(BUILDS, b"&".join([b"state=x"] * 1000)), accept="")
def test_no_query_is_an_error_of_the_server(client, request, accept):
    path, query_string = request
    environ = {"QUERY_STRING": query_string.decode("latin-1")}
    response = client.get(path, environ_overrides=environ, headers={"Accept": accept})
    assert response.status_code in (200, 400, 406, 414)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(min_size=1, max_size=30) | st.binary(min_size=1, max_size=30))
def test_no_path_is_an_error_of_the_server(client, name):
    path = "/api/" + (quote(name, errors="surrogatepass") if isinstance(name, str) else quote(name))
    assert client.get(path).status_code in (200, 302, 308, 404)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=50),
    name=st.sampled_from(["Accept", "Host", "Range", "If-None-Match", "Origin"]),
)
@example(name="Host", value="x" * 300)
def test_no_header_is_an_error_of_the_server(client, name, value):
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value}
    response = client.get("/api/builds-by-state-1h?limit=2", environ_overrides=environ)
    assert response.status_code in (200, 400, 406)
