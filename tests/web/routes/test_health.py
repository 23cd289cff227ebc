from __future__ import annotations

import pytest
import sqlalchemy as sa

from statscache.store import schema, tables
from statscache.store.tables import NOT_LISTENING

from ..conftest import CHECKPOINT, daemons, make, serving, writing
from ..guests import NOW

OWNER = {"id": 1, "journal": "j", "host": "h", "path": "p", "process": 1, "token": "t"}


@pytest.fixture
def app(uri):
    """Over tables in which one statistic was counted a second ago, another ten."""
    made = make(uri)
    with daemons(made) as store:
        schema.upgrade(store)
    with writing(made) as connection:
        for ident, seconds in (("builds-by-state-1h", 1), ("event-logs", 10.5)):
            values = CHECKPOINT | {"ident": ident, "complete_until": NOW - seconds}
            connection.execute(sa.insert(tables.checkpoint).values(values))
    yield made
    serving(made).store.close()


def test_a_process_is_alive_whatever_becomes_of_the_database():
    client = make("postgresql://nobody@127.0.0.1:1/nothing").test_client()
    answer = client.get("/live")
    assert (answer.status_code, answer.json) == (200, {"live": True})
    assert answer.headers["Cache-Control"] == "no-store"


def test_who_is_ready_says_how_stale_each_statistic_is_and_the_worst(app):
    answer = app.test_client().get("/ready")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "ready": True,
        "stale": 10.5,
        "statistics": {
            "builds-by-state-1h": 1,
            "event-logs": 10.5,
            "never-counted-1d": None,
            "python-3.11-builds": None,
            "silent": None,
        },
        "daemon": {"alive": False, "beat": None},
        "gaps": 0,
        "suspended": [],
        "dead_letters": 0,
    }


def test_a_daemon_that_beats_and_gaps_and_dead_letters_are_told_of(app):
    letter = {"message_id": "m", "arrived": 1, "time": 1, "topic": "t", "body": "secret"}
    letter |= {"error": "secret", "traceback": "secret", "set_aside": 1, "attempts": 1}
    gap = {"addressee": "", "start": 1, "stop": 2, "reason": NOT_LISTENING, "opened": 2}
    with writing(app) as connection:
        connection.execute(sa.insert(tables.owner).values(beat=NOW - 3, **OWNER))
        connection.execute(sa.insert(tables.owed).values(gap))
        for ident in ("event-logs", "event-logs", "of-others"):
            connection.execute(sa.insert(tables.dead_letter).values(ident=ident, **letter))
    answer = app.test_client().get("/ready")
    assert answer.json["daemon"] == {"alive": True, "beat": NOW - 3}
    assert (answer.json["gaps"], answer.json["dead_letters"]) == (1, 2)
    assert "secret" not in answer.text


def test_a_statistic_that_is_suspended_is_named_and_does_not_make_the_rest_stale(app):
    with writing(app) as connection:
        mine = tables.checkpoint.c.ident == "event-logs"
        connection.execute(sa.update(tables.checkpoint).where(mine).values(suspended="tired"))
    told = app.test_client().get("/ready?stale=5")
    assert told.status_code == 200
    assert (told.json["stale"], told.json["suspended"]) == (1, ["event-logs"])
    assert told.json["statistics"]["event-logs"] == 10.5


@pytest.mark.parametrize(("stale", "status"), [(11, 200), (10, 503)])
def test_whoever_asks_says_what_is_too_stale(app, stale, status):
    answer = app.test_client().get(f"/ready?stale={stale}")
    assert answer.status_code == status
    assert answer.json["ready"] is (status == 200)
    assert answer.json["statistics"]["event-logs"] == 10.5
    if status == 503:
        assert answer.mimetype == "application/problem+json"
        assert answer.json["detail"] == "The statistics are 10.5 seconds old; 10 are allowed."


def test_what_was_never_counted_is_stale_for_whoever_asks(uri):
    app = make(uri)
    with daemons(app) as store:
        schema.upgrade(store)
    client = app.test_client()
    assert client.get("/ready").json["stale"] is None
    assert client.get("/ready?stale=5").status_code == 503
    serving(app).store.close()


def test_who_cannot_read_the_database_is_not_ready():
    answer = make("postgresql://nobody@127.0.0.1:1/nothing").test_client().get("/ready")
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert "cannot be reached" in answer.json["detail"]


def test_before_the_daemon_has_made_the_tables_it_is_not_ready(uri):
    app = make(uri)
    assert app.test_client().get("/ready").status_code == 503
    serving(app).store.close()


@pytest.mark.parametrize("revision", ["0001", "9999"])
def test_tables_behind_or_ahead_of_this_version_are_no_good(app, revision):
    with writing(app) as connection:
        connection.exec_driver_sql(f"UPDATE statscache_version SET version_num = '{revision}'")
    answer = app.test_client().get("/ready")
    assert answer.status_code == 503
    assert f"at revision {revision}" in answer.json["detail"]


@pytest.mark.parametrize(
    "path", ["/live?x=1", "/ready?stale=soon", "/ready?stale=-1", "/ready?x=1"]
)
def test_what_cannot_be_used_is_named(app, path):
    assert app.test_client().get(path).status_code == 400
