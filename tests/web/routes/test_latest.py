from __future__ import annotations

from pathlib import Path

import pytest

from statscache.store.aside import put

from ..conftest import fill, make, serving, writing

GOLDEN = Path(__file__).parents[1] / "golden"
BUILDS = "/api/builds-by-state-1h/latest"
EVENTS = "/api/event-logs/latest"


@pytest.mark.parametrize(
    ("path", "query", "messages"),
    [
        (EVENTS, "", ["plain", "rawhide"]),
        (EVENTS, "stop=2026-01-07T12:00:00Z", ["f43", "rawhide"]),
        (EVENTS, "category=rawhide", ["rawhide"]),
        (EVENTS, "category=none", []),
        (EVENTS, "limit=1", ["plain"]),
        (EVENTS, "start=2026-01-07T12:00:00.1Z", ["plain"]),
        (BUILDS, "", [91, 92, 93]),
        (BUILDS, "before=2026-01-07T23:00Z&fields=volume", [81, 82, 83]),
        (BUILDS, "state=failed&state=canceled&limit=1", [91]),
    ],
)
def test_it_is_the_newest_row_of_each_key(client, path, query, messages):
    found = client.get(f"{path}?{query}").json
    shown = [one.get("volume", one.get("message")) for one in found]
    named = [
        one["category"] if isinstance(text, str) and text != "plain" else text
        for one, text in zip(found, shown, strict=True)
    ]
    assert named == messages


def test_a_model_without_keys_has_one_newest_row_written_in_its_own_way(client):
    assert client.get("/api/python-3.11-builds/latest").json == [2]
    assert client.get("/api/python-3.11-builds/latest?fields=scalar").json == [{"scalar": 2}]


@pytest.mark.parametrize(
    ("suffix", "mimetype"),
    [
        ("", "application/json"),
        (".json", "application/json"),
        (".csv", "text/csv"),
        (".ndjson", "application/x-ndjson"),
        (".html", "text/html"),
    ],
)
def test_it_comes_in_every_format(client, suffix, mimetype):
    response = client.get(f"{EVENTS}{suffix}")
    assert (response.status_code, response.mimetype) == (200, mimetype)
    assert response.headers["X-Statscache-Complete-Until"] == "1767830399.5"


@pytest.mark.parametrize(
    "argument", ["page=1", "cursor=a", "rows_per_page=1", "order=asc", "every=1d"]
)
def test_what_it_does_not_understand_is_an_error(client, argument):
    response = client.get(f"{BUILDS}?{argument}")
    assert (response.status_code, response.json["argument"]) == (400, argument.split("=")[0])


def test_where_there_are_no_rows_to_be_had_it_says_so(client):
    assert client.get("/api/silent/latest").status_code == 404
    assert client.get("/api/nothing/latest").status_code == 404
    assert client.get("/api/never-counted-1d/latest").status_code == 503


def test_rows_that_stand_aside_are_told_too(sqlite_uri):
    app = make(sqlite_uri)
    builds = serving(app).plugins["builds-by-state-1h"].model
    fill(app, builds)
    before = app.test_client().get(BUILDS).json
    with writing(app) as connection:
        put(connection, "builds-by-state-1h", builds)
        connection.exec_driver_sql(
            "INSERT INTO statscache_owed (addressee, start, stop, reason, opened) "
            "VALUES ('builds-by-state-1h', 0, 1, 'recalled', 0)"
        )
    response = app.test_client().get(BUILDS)
    serving(app).store.close()
    assert response.headers["X-Statscache-Rebuilding"] == "0.00"
    assert response.json == before
    assert len(before) == 3
