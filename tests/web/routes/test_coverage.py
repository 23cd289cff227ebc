"""`/api/coverage`: when the daemon listened, which gaps are open or healed, what was brought."""

from __future__ import annotations

import csv

import pytest
import sqlalchemy as sa

from statscache.store import schema, tables
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING, RECALLED, REPLAYED

from ..conftest import daemons, make, serving, writing
from ..guests import NOW

URL = "/api/coverage"
HOUR = 3600
BROWSER = "text/html,*/*;q=0.8"

OPEN = {
    "start": 1_767_820_000.5,
    "stop": 1_767_821_000,
    "reason": NOT_LISTENING,
    "statistic": None,
    "healed": None,
    "given_up": None,
    "reached": None,
    "brought": 0,
}


def owed(start, stop, reason=NOT_LISTENING, addressee="", **changes):
    values = {"start": start, "stop": stop, "reason": reason, "addressee": addressee}
    return sa.insert(tables.owed).values(opened=0.0, **values, **changes)


def heard(start, stop, journal="j"):
    return sa.insert(tables.coverage).values(start=start, stop=stop, journal=journal)


@pytest.fixture
def client(uri):
    """Over a database in which the daemon has missed something, and others have asked for more."""
    app = make(uri, app__maximum_rows_per_page=3)
    with daemons(app) as store:
        schema.upgrade(store)
    with writing(app) as connection:
        for statement in (
            heard(NOW - 10 * HOUR, NOW - 9 * HOUR, "older"),
            heard(1_767_821_000, 1_767_830_000.25),
            heard(1_767_810_000, 1_767_820_000.5),
            owed(1_767_820_000.5, 1_767_821_000),
            owed(100, 200, addressee="event-logs", healed=300.0, reached=260.0, brought=1234),
            owed(50, 60, accepted=70.0, reached=55.0),
            owed(0, 100, BEFORE_THE_PLUGIN, "event-logs", reached=62.0),
            owed(200, 300, RECALLED, "<b>", healed=400.0, brought=5),
            owed(400, 500, REPLAYED, healed=600.0),
        ):
            connection.execute(statement)
    yield app.test_client()
    serving(app).store.close()


def test_it_tells_when_the_daemon_listened_the_newest_first(client):
    listened = client.get(URL).json["listened"]
    assert listened[:2] == [
        {"start": 1_767_821_000, "stop": 1_767_830_000.25},
        {"start": 1_767_810_000, "stop": 1_767_820_000.5},
    ]
    assert len(listened) == 3


def test_gaps_are_open_healed_or_given_up(client):
    first, healed, given_up = client.get(URL).json["gaps"]
    assert first == OPEN
    assert (healed["statistic"], healed["healed"], healed["brought"]) == ("event-logs", 300, 1234)
    assert (given_up["healed"], given_up["given_up"], given_up["reached"]) == (None, 70, 55)


def test_what_is_read_but_for_what_comes_late_is_not_said_to_be_read_beyond_its_end(client):
    with writing(client.application) as connection:
        connection.execute(owed(1_000, 2_000, reached=2_600.0))
    page = client.get(f"{URL}.html?start=900&stop=2000").text
    assert "read, but for what comes late" in page
    assert "read to" not in page


def test_a_time_without_length_in_which_a_command_held_the_journal_is_not_shown(client):
    before = client.get(URL).json["listened"]
    with writing(client.application) as connection:
        connection.execute(heard(1_767_820_500, 1_767_820_500))
    assert client.get(URL).json["listened"] == before


def test_what_nobody_had_missed_is_no_gap(client):
    history = client.get(URL).json["history"]
    assert [one["reason"] for one in history] == [REPLAYED, RECALLED, BEFORE_THE_PLUGIN]
    assert history[2]["reached"] == 62


@pytest.mark.parametrize(
    ("query", "listened", "gaps", "history"),
    [
        ("start=1767820500", 1, 1, 0),
        ("start=1767820000.5", 2, 1, 0),
        ("stop=99", 0, 1, 1),
        ("stop=100", 0, 2, 1),
        ("start=60&stop=1970-01-01T00:03:20Z", 0, 2, 2),
        ("start=-30m", 1, 0, 0),
    ],
)
def test_what_overlaps_the_time_that_was_asked_for_is_shown(client, query, listened, gaps, history):
    found = client.get(f"{URL}?{query}").json
    numbers = [len(found[kind]) for kind in ("listened", "gaps", "history")]
    assert numbers == [listened, gaps, history]


def test_of_each_kind_there_are_only_so_many_and_whether_there_are_more_is_said(client):
    found = client.get(f"{URL}?limit=1").json
    assert found["gaps"] == [OPEN]
    assert [len(found["listened"]), len(found["history"]), found["more"]] == [1, 1, True]
    assert client.get(f"{URL}?limit=1&start=1767820500").json["more"] is False
    assert client.get(f"{URL}?limit=999").json["more"] is False


def test_the_server_has_a_maximum(uri):
    app = make(uri, app__maximum_rows_per_page=1, app__default_rows_per_page=1)
    with daemons(app) as store:
        schema.upgrade(store)
    with writing(app) as connection:
        for start in (1, 3):
            connection.execute(heard(start, start + 1))
    found = app.test_client().get(f"{URL}?limit=2").json
    serving(app).store.close()
    assert (found["listened"], found["more"]) == ([{"start": 3, "stop": 4}], True)


@pytest.mark.parametrize(
    "request_", [(f"{URL}.csv", {}), (URL, {"Accept": "text/csv"}), (f"{URL}?format=csv", {})]
)
def test_as_csv_it_is_one_table(client, request_):
    path, headers = request_
    rows = list(csv.DictReader(client.get(path, headers=headers).text.splitlines()))
    assert [row["kind"] for row in rows] == ["listened"] * 3 + ["gaps"] * 3 + ["history"] * 3
    assert rows[3]["start"] == "1767820000.5"
    assert rows[3]["statistic"] == rows[3]["healed"] == ""


def test_it_is_a_page_for_a_browser(client):
    answer = client.get(URL, headers={"Accept": BROWSER})
    assert answer.mimetype == "text/html"
    assert "1,234" in answer.text
    assert "read to 1970-01-01 00:01:02" in answer.text
    assert 'given up at <span class="short">1970-01-01 00:01:10' in answer.text
    assert "16.7 min" in answer.text
    assert "&lt;b&gt;" in answer.text
    assert "There is more" not in answer.text
    assert "There is more" in client.get(f"{URL}.html?limit=1").text


def test_it_can_be_called_back(client):
    assert client.get(f"{URL}?callback=show&limit=1").text.startswith("/**/show({")


@pytest.mark.parametrize(
    ("query", "argument"),
    [("page=2", "page"), ("start=x", "start"), ("limit=0", "limit"), ("start=1&start=2", "start")],
)
def test_what_cannot_be_used_is_named(client, query, argument):
    answer = client.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json["argument"]) == (400, argument)


def test_what_it_cannot_be_had_as_is_not_acceptable(client):
    assert client.get(f"{URL}.svg").status_code == 406


def test_before_the_daemon_has_ever_run_it_is_asked_for_later(sqlite_uri):
    app = make(sqlite_uri)
    answer = app.test_client().get(URL)
    serving(app).store.close()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
