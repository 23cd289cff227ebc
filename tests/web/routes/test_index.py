from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from statscache.store import schema, tables
from statscache.store.tables import BEFORE_THE_PLUGIN

from ..conftest import daemons, make, serving, writing
from ..guests import STATES

GOLDEN = Path(__file__).parents[1] / "golden"
BUILDS = "/api/builds-by-state-1h"
HISTORY = {"start": 0.0, "stop": 10_000.0, "reached": 2_500.0, "share": 0.25, "brought": 1_234}
ROWS = ["application/json", "text/csv", "application/x-ndjson", "text/html"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("index.json", "/api/"),
        ("index.csv", "/api/?format=csv"),
        ("detail.json", "/api/?detail=1"),
        ("detail.csv", "/api/?detail=1&format=csv"),
        ("builds.json", f"{BUILDS}.json?limit=4"),
        ("builds.csv", f"{BUILDS}.csv?order=asc&limit=4"),
        ("events.json", "/api/event-logs"),
        ("events.csv", "/api/event-logs.csv"),
        ("events.js", "/api/event-logs?callback=jQuery1234_567&_=1"),
        ("layout.json", "/api/event-logs/layout"),
        ("builds.ndjson", f"{BUILDS}.ndjson?limit=4"),
        ("events.ndjson", "/api/event-logs.ndjson?time=iso"),
        ("latest.csv", "/api/event-logs/latest.csv"),
        ("pivot.csv", f"{BUILDS}.csv?every=6h&pivot=state&fill=0&time=iso"),
        ("export.csv", f"{BUILDS}/export?order=asc&time=iso&state=failed"),
        ("export.ndjson", f"{BUILDS}/export.ndjson?order=asc&time=ms&state=failed"),
        ("problem.json", f"{BUILDS}?rows_per_page=0"),
    ],
)
def test_answers_are_what_the_golden_files_hold(client, name, url):
    assert client.get(url).data == (GOLDEN / name).read_bytes()


def test_the_index_is_a_page_for_a_browser(client):
    response = client.get("/api/", headers={"Accept": BROWSER})
    assert response.mimetype == "text/html"
    page = response.get_data(as_text=True)
    assert "Builds entering each state." in page
    assert '<a class="ident" href="/api/builds-by-state-1h">' in page
    assert "2026-01-07 23:59:59" in page
    assert "not counted yet" in page
    assert "cannot be imported" in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_index_can_be_read_before_the_daemon_ever_ran(sqlite_uri):
    app = make(sqlite_uri)
    client = app.test_client()
    assert len(client.get("/api/").json) == 5
    assert {one["freshness"] for one in client.get("/api/?detail=1").json["statistics"]} == {None}
    assert client.get("/api/?format=html").status_code == 200
    serving(app).store.close()


def test_the_index_tells_of_history_that_is_read_where_there_is_any_to_read(sqlite_uri):
    for endpoint, told in ((None, None), ("http://localhost:1/datagrepper", HISTORY)):
        app = make(sqlite_uri, datagrepper__endpoint=endpoint)
        client = app.test_client()
        if told is None:
            with daemons(app) as store:
                schema.upgrade(store)
            span = {"addressee": "event-logs", "start": 0, "stop": 10_000, "opened": 0}
            state = {"reason": BEFORE_THE_PLUGIN, "reached": 2_500, "brought": 1_234}
            with writing(app) as connection:
                connection.execute(sa.insert(tables.owed).values(**span, **state))
        described = client.get("/api/?detail=1").json["statistics"]
        found = {one["ident"]: one["history"] for one in described}
        page = client.get("/api/?format=html").text
        serving(app).store.close()
        assert found["event-logs"] == told
        assert found["silent"] is None
        assert ("25 %</span> read, to" in page) is bool(told)
        assert ("1970-01-01 00:41:40</span>, 1,234 messages" in page) is bool(told)


@pytest.mark.parametrize("path", [BUILDS, f"{BUILDS}/", f"{BUILDS}.json", f"{BUILDS}.json/"])
def test_a_statistic_answers_with_and_without_suffix_and_slash(client, path):
    assert len(client.get(path).json) == 30


def test_an_ident_may_hold_a_dot(client):
    assert client.get("/api/python-3.11-builds").json == [2, 1]
    assert client.get("/api/python-3.11-builds.csv").text == "2\r\n1\r\n"


@pytest.mark.parametrize(
    ("query", "volumes"),
    [
        ("limit=2", [93, 92]),
        ("limit=2&order=asc", [1, 2]),
        ("start=1767826800", [93, 92, 91]),
        ("start=-2h&state=failed", [92]),
        ("stop=1767798000&order=asc&rows_per_page=4", [1, 2, 3, 11]),
        ("before=1767798000", [3, 2, 1]),
        ("start=2026-01-07T14:00Z&before=1767798000000", [3, 2, 1]),
        ("state=failed&state=canceled&limit=3", [92, 91, 82]),
        ("volume=3", [3]),
        ("timestamp=1767794400&order=asc", [1, 2, 3]),
        ("page=8&rows_per_page=4", [2, 1]),
        ("page=9&rows_per_page=4", []),
        ("limit=5&page=2&rows_per_page=4", [82]),
        ("state=gr%C3%B6%C3%9Fe,+%22quoted%22&limit=1", [93]),
        ("state=none", []),
        ("start=now", []),
        ("limit=1&_=1767826800", [93]),
    ],
)
def test_rows_are_those_that_were_asked_for(client, query, volumes):
    response = client.get(f"{BUILDS}?{query}")
    assert response.status_code == 200
    assert [row["volume"] for row in response.json] == volumes


def test_an_empty_answer_is_an_empty_list_or_a_header_line(client):
    assert client.get(f"{BUILDS}?state=none").data == b"[]"
    response = client.get(f"{BUILDS}.csv?state=none")
    assert response.text == "timestamp,state,volume\r\n"
    assert (response.headers["X-Link-Count"], response.headers["X-Link-Number"]) == ("0", "1")


@pytest.mark.parametrize(
    ("path", "accept", "mimetype"),
    [
        (BUILDS, "*/*", "application/json"),
        (BUILDS, BROWSER, "text/html"),
        (BUILDS, "text/json", "application/json"),
        (BUILDS, "application/javascript", "application/json"),
        (BUILDS, "text/csv", "text/csv"),
        (BUILDS, "application/csv", "application/csv"),
        (f"{BUILDS}.csv", "application/json", "text/csv"),
        (f"{BUILDS}?format=csv", "application/json", "text/csv"),
        (f"{BUILDS}.json?format=csv", "text/csv", "application/json"),
        (f"{BUILDS}?callback=f", "*/*", "application/javascript"),
        (f"{BUILDS}?callback=f", "text/javascript", "application/javascript"),
        ("/api/event-logs/layout.json?callback=f", "*/*", "application/javascript"),
    ],
)
def test_the_answer_comes_as_it_was_asked_for(client, path, accept, mimetype):
    response = client.get(path, headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, mimetype)
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "accept", "available"),
    [
        (BUILDS, "image/png", [*ROWS, "image/svg+xml"]),
        (f"{BUILDS}?format=xml", "*/*", [*ROWS, "image/svg+xml"]),
        ("/api/event-logs.svg", "*/*", ROWS),
        ("/api/event-logs", "image/svg+xml", ROWS),
        (f"{BUILDS}/latest.svg", "*/*", ROWS),
        ("/api/", "image/png", ["application/json", "text/csv", "text/html"]),
        ("/api/event-logs/layout", "text/csv", ["application/json"]),
        ("/api/event-logs/layout.csv", "*/*", ["application/json"]),
    ],
)
def test_a_format_that_cannot_be_had_is_answered_with_those_that_can(
    client, path, accept, available
):
    response = client.get(path, headers={"Accept": accept})
    assert (response.status_code, response.json["available"]) == (406, available)


GRAFANA = (
    "start=${__from}&stop=${__to}&every=${__interval}&pivot=state&fill=0&open=0&order=asc&time=ms"
)


@pytest.mark.parametrize(
    ("interval", "rows"),
    [("500ms", 9), ("20s", 9), ("1m", 9), ("1h", 9), ("2h", 4), ("6h", 1), ("1d", 0), ("7d", 0)],
)
def test_grafana_can_ask_for_a_chart_of_any_width(client, interval, rows):
    """What its data source Infinity sends once its variables have values."""
    values = {"from": "1767794400000", "to": "1767830400000", "interval": interval}
    query = re.sub(r"\$\{__(\w+)\}", lambda name: values[name[1]], GRAFANA)
    found = client.get(f"{BUILDS}?{query}", headers={"Accept": "*/*"}).json
    assert len(found) == rows
    assert all(set(row) == {"timestamp", *STATES} for row in found)
    times = [row["timestamp"] for row in found]
    assert times == sorted(times)
    assert all(time % 3_600_000 == 0 for time in times)


def test_the_line_for_grafana_stands_in_the_reference():
    assert GRAFANA in (Path(__file__).parents[3] / "docs" / "rest.rst").read_text()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("fields=volume&limit=1", [{"volume": 93}]),
        (
            "fields=volume,timestamp&limit=1&time=iso",
            [{"timestamp": "2026-01-07T23:00:00Z", "volume": 93}],
        ),
        ("every=1d&fields=volume", [{"timestamp": 1767744000, "volume": 1410}]),
        (
            "every=1d&tz=Asia/Tokyo&state=failed&limit=1",
            [{"timestamp": 1767798000, "state": "failed", "volume": 468}],
        ),
        (
            "every=year&pivot=state&top=1&state=failed&state=canceled",
            [{"timestamp": 1767225600, "failed": 470, "other": 460}],
        ),
        (
            "every=1h&fields=volume&fill=0&start=-3h&open=0",
            [{"timestamp": 1767823200, "volume": 246}],
        ),
        ("open=0&limit=1&fields=timestamp", [{"timestamp": 1767823200}]),
    ],
)
def test_rows_have_the_shape_that_was_asked_for(client, query, found):
    assert client.get(f"{BUILDS}?{query}").json == found


def test_csv_cannot_be_called_back(client):
    response = client.get(f"{BUILDS}.csv?callback=f")
    assert (response.status_code, response.json["argument"]) == (400, "callback")


def test_a_plugin_without_layout_or_rows_has_none_to_show(client):
    assert client.get(f"{BUILDS}/layout").status_code == 404
    assert client.get("/api/silent").status_code == 404
    assert client.get("/api/nothing/layout").status_code == 404


def test_every_statistic_says_how_far_it_is_complete(client):
    assert client.get(BUILDS).headers["X-Statscache-Complete-Until"] == "1767830399.5"
    assert "X-Statscache-Complete-Until" not in client.get("/api/python-3.11-builds").headers


def test_head_answers_like_get_without_a_body(client):
    response = client.head(f"{BUILDS}?limit=1")
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == str(len(client.get(f"{BUILDS}?limit=1").data))
    assert response.headers["X-Link-Count"] == "1"
