"""Who listens over HTTP to a real server hears of each commit, once and in order."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from urllib.request import urlopen

import pytest
import sqlalchemy as sa

from statscache.journal import Journal
from statscache.models import count_model
from statscache.store import Store, changes, ownership, schema, tables

from ..conftest import serving
from ..live import guests
from ..live.listening import apply, key, listening
from ..served import SERVERS, served

IDENT = "volume-by-category-1h"
PATH = f"/api/{IDENT}/events"
HOUR = 3600
MODEL = count_model(IDENT, ("category",))


def add(model, session, amounts):
    model.add(session, amounts)


def commit(store, amounts):
    return guests.commit(store, IDENT, MODEL, add, amounts)


@pytest.fixture
def store(uri):
    with guests.counted(uri, IDENT) as opened:
        yield opened


@pytest.fixture
def server(uri, store):
    with served(uri) as running:
        yield running


on_sqlite = pytest.mark.parametrize("uri", ["sqlite"], indirect=True)
"""What tells the states of a database apart is tried on both where it stands."""


def row(hour, category, volume):
    return {"timestamp": hour * HOUR, "category": category, "volume": volume}


def test_each_commit_is_told_once_and_in_order(server, store):
    hear_each_commit(server, store)


@on_sqlite
def test_so_it_is_under_gunicorn(uri, store):
    with served(uri, "gunicorn") as running:
        hear_each_commit(running, store)


def hear_each_commit(server, store):
    with listening(server.port, PATH) as listener:
        assert listener.response.headers["Content-Type"].startswith("text/event-stream")
        assert listener.response.headers["X-Accel-Buffering"] == "no"
        assert listener.response.headers["Cache-Control"] == "no-store"
        first = listener.next()
        assert first.kind == "reset"
        assert first.data == {"revision": 3, "key": ["timestamp", "category"], "why": "new"}
        for number in range(1, 4):
            revision = commit(store, {(0, "a"): 1, (number * HOUR, "b"): 7})
            event = listener.next()
            assert event.data == {
                "revision": revision,
                "rows": [row(0, "a", number), row(number, "b", 7)],
                "gone": [],
            }


def test_after_a_cut_it_goes_on_where_it_was_without_missing_or_doubling(server, store):
    rows, seen, heard = {}, [], ""
    for number in range(5):
        if number:
            commit(store, {(0, "a"): 1, (number * HOUR, "b"): 7})
        with listening(server.port, PATH, heard) as listener:
            event = listener.next()
            if number == 0:
                names = event.data["key"]
            else:
                apply(names, rows, event)
                seen.append(event.data["revision"])
            commit(store, {(HOUR, "during"): 1})
            apply(names, rows, event := listener.next())
            seen.append(event.data["revision"])
            heard = listener.heard
    assert seen == list(range(4, 4 + len(seen)))
    with urlopen(f"http://127.0.0.1:{server.port}/api/{IDENT}?rows_per_page=1000") as answer:
        assert rows == {key(names, one): [one] for one in json.load(answer)}


@on_sqlite
def test_filters_and_fields_and_time_are_those_of_a_page(server, store):
    path = f"{PATH}?category=a&fields=timestamp,category&time=iso"
    with listening(server.port, path) as listener:
        listener.next()
        commit(store, {(0, "b"): 1})
        commit(store, {(HOUR, "a"): 1, (HOUR, "b"): 1})
        assert listener.next().data["rows"] == [
            {"timestamp": "1970-01-01T01:00:00Z", "category": "a"}
        ]


def lost(server, heard, path=PATH):
    """Why all is to be read again, if it is."""
    with listening(server.port, path, heard) as listener:
        event = listener.next()
        return event.data.get("why") if event.kind == "reset" else None


@pytest.fixture
def heard(server, store):
    """What somebody has heard who went away before the newest commit."""
    with listening(server.port, PATH) as listener:
        listener.next()
        commit(store, {(0, "a"): 1})
        listener.next()
    commit(store, {(0, "a"): 1})
    return listener.heard


@on_sqlite
def test_it_is_told_to_begin_anew_where_notes_are_gone(server, store, heard):
    assert lost(server, heard) is None
    with store.writing() as connection:
        for revision in range(100, 110):
            changes.note(connection, "other", revision, {(0.0, ())}, 0)
        changes.prune(connection, 3)
    assert lost(server, heard) == "lost"


@on_sqlite
def test_and_where_rows_were_recalled(server, store, heard):
    with store.writing() as connection:
        changes.note(connection, IDENT, 6, (), 0)
    assert lost(server, heard) == "lost"


@on_sqlite
def test_and_where_another_daemon_has_counted_or_it_is_another_database(
    server, store, heard, tmp_path
):
    with closing(Journal(tmp_path / "journal.sqlite")) as journal, store.writing() as connection:
        connection.execute(sa.update(tables.checkpoint).values(journal=journal.uuid, position=0))
    with closing(Journal(tmp_path / "journal.sqlite")) as journal:
        ownership.claim(store, journal, 0)
    assert lost(server, heard) == "lost"


@on_sqlite
def test_and_where_the_revision_is_from_a_time_to_come(server, store, heard):
    with store.writing() as connection:
        connection.execute(sa.update(tables.checkpoint).values(revision=1))
    assert lost(server, heard) == "lost"


@on_sqlite
@pytest.mark.parametrize("other", ["rubbish", "", "1"])
def test_and_where_the_id_is_of_something_else(server, store, heard, other):
    if other == "1":
        assert lost(server, heard, f"{PATH}?category=a") == "lost"
    else:
        assert lost(server, other) == ("lost" if other else "new")


@pytest.mark.parametrize(
    ("query", "argument"),
    [
        ("stop=now", "stop"),
        ("every=1d", "every"),
        ("page=1", "page"),
        ("format=csv", "format"),
        ("callback=show", "callback"),
        ("links=1", "links"),
        ("fields=volume", "fields"),
        ("fields=timestamp,volume", "fields"),
        ("start=tomorrow", "start"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_what_makes_no_sense_for_a_stream_is_an_error(client, query, argument):
    answer = client.get(f"/api/builds-by-state-1h/events?{query}")
    assert answer.status_code == 400
    assert answer.json["argument"] == argument
    assert answer.json["allowed"]


def test_a_dashboard_hears_which_statistics_change_and_goes_on_where_it_was(server, store):
    commit(store, {(HOUR, "bodhi"): 1})
    with listening(server.port, "/api/events") as listener:
        reset = listener.next()
        assert (reset.kind, reset.data["why"]) == ("reset", "new")
        commit(store, {(HOUR, "bodhi"): 1})
        event = listener.next()
        assert (event.kind, [*event.data["changed"]]) == ("message", [IDENT])
        assert event.data["changed"][IDENT] > reset.data["changed"][IDENT]
    commit(store, {(HOUR, "koji"): 1})
    with listening(server.port, "/api/events", listener.heard) as listener:
        missed = listener.next()
        assert missed.data["changed"][IDENT] > event.data["changed"][IDENT]
    with listening(server.port, f"/api/events?ident={IDENT}", "nonsense") as listener:
        assert listener.next().data["why"] == "lost"


def test_a_dashboard_can_listen_to_what_keeps_rows_only(client):
    for query in ("ident=nothing", "ident=silent", "ident="):
        answer = client.get(f"/api/events?{query}")
        assert (answer.status_code, answer.json["argument"]) == (400, "ident")
    assert client.get("/api/events?nonsense=1").status_code == 400
    assert client.head("/api/events?ident=event-logs&ident=builds-by-state-1h").status_code == 200


def test_what_cannot_be_listened_to_is_told(client):
    assert client.get("/api/silent/events").status_code == 404
    assert client.get("/api/nothing/events").status_code == 404
    assert client.get("/api/builds-by-state-1h.csv/events").status_code == 406
    assert client.get("/api/never-counted-1d/events").status_code == 503, "no table yet"


def test_a_server_that_answers_one_at_a_time_lets_nobody_listen(client):
    answer = client.get(
        "/api/builds-by-state-1h/events", environ_overrides={"wsgi.multithread": False}
    )
    assert answer.status_code == 503
    assert "one request at a time" in answer.json["detail"]


def test_a_head_request_takes_no_place(client, app):
    answer = client.head("/api/builds-by-state-1h/events")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert serving(app).requests.live_readers._value.get() == 0


@pytest.mark.parametrize("kind", SERVERS)
def test_beyond_so_many_readers_the_next_is_told_when_to_come_back(sqlite_uri, kind):
    store = Store(sqlite_uri)
    schema.upgrade(store)
    with served(sqlite_uri, kind, app__live_readers=2) as running, ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(listening(running.port, PATH)).next()
        stack.enter_context(listening(running.port, PATH)).next()
        with running.get(PATH) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "10"
            assert "2 listen already" in json.load(answer)["detail"]
        with running.get("/metrics") as answer:
            assert b"statscache_live_readers 2.0" in answer.read()
        first.close()
        if kind == "gunicorn":
            # There a reader that has left is seen when something is said to it.
            return
        for _ in range(100):
            with running.get("/metrics") as answer:
                if b"statscache_live_readers 1.0" in answer.read():
                    break
            time.sleep(0.05)
        with listening(running.port, PATH) as listener:
            assert listener.next().kind == "reset"
    store.close()
