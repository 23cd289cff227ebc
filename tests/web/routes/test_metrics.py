from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from statscache.store import meters, schema, tables
from statscache.store.tables import NOT_LISTENING, RECALLED

from ..conftest import CHECKPOINT, daemons, make, serving, writing
from ..guests import NOW

OWNER = {"id": 1, "journal": "j", "host": "h", "path": "p", "process": 1, "token": "t"}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
LETTER = {
    **{"message_id": "m", "arrived": 1, "time": 1, "topic": "t", "body": "b", "error": "e"},
    **{"traceback": "t", "set_aside": 1, "attempts": 1},
}


@pytest.fixture
def app(uri):
    """Over all that there is to measure, told by a daemon that beats."""
    made = make(uri)
    with daemons(made) as store:
        schema.upgrade(store)
    mine = {"ident": "event-logs", "complete_until": NOW - 7, "suspended": "tired"}
    owed = {"addressee": "", "opened": 0.0}
    with writing(made) as connection:
        for statement in (
            sa.insert(tables.checkpoint).values(CHECKPOINT | mine),
            sa.insert(tables.checkpoint).values(CHECKPOINT | {"ident": "of-others"}),
            sa.insert(tables.owner).values(beat=NOW - 1, **OWNER),
            sa.insert(tables.dead_letter).values(ident="event-logs", **LETTER),
            sa.insert(tables.owed).values(start=0, stop=10, reason=NOT_LISTENING, **owed),
            sa.insert(tables.owed).values(start=5, stop=9, reason=RECALLED, reached=6, **owed),
            sa.insert(tables.owed).values(start=6, stop=9, reason=RECALLED, healed=8, **owed),
            sa.insert(tables.refused).values(
                journal="j", reason="no topic", number=3, last=1, example='"'
            ),
        ):
            connection.execute(statement)
        told = {meters.ACCEPTED: {"": 12}, meters.TURNS: {"1s": 5, "60s": 1}}
        meters.write(connection, told, NOW)
    yield made
    serving(made).store.close()


def scrape(app):
    """Every sample: its name and the values of its labels, sorted by their names, to its value."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }


def test_everything_that_the_database_tells_is_there(app):
    found = scrape(app)
    wanted = {
        ("statscache_up",): 1,
        ("statscache_lag_seconds", "event-logs"): 7,
        ("statscache_messages_counted_total", "event-logs"): 9,
        ("statscache_messages_expired_total", "event-logs"): 1,
        ("statscache_revisions_total", "event-logs"): 3,
        ("statscache_dead_letters", "event-logs"): 1,
        ("statscache_suspended", "event-logs"): 1,
        ("statscache_gaps",): 1,
        ("statscache_owed", NOT_LISTENING): 1,
        ("statscache_owed", RECALLED): 1,
        ("statscache_owed_seconds", NOT_LISTENING): 10,
        ("statscache_owed_seconds", RECALLED): 3,
        ("statscache_daemon_up",): 1,
        ("statscache_messages_refused_total", "no topic"): 3,
        ("statscache_messages_accepted_total",): 12,
        ("statscache_turns_total", "1s"): 5,
        ("statscache_turns_total", "60s"): 1,
    }
    assert {key: value for key, value in found.items() if key in wanted} == wanted
    assert not [key for key in found if "of-others" in key]


def test_what_a_daemon_measured_goes_with_it(app):
    with writing(app) as connection:
        connection.execute(sa.update(tables.owner).values(beat=NOW - 60))
    found = scrape(app)
    assert found["statscache_daemon_up",] == 0
    assert ("statscache_messages_accepted_total",) not in found
    assert found["statscache_messages_refused_total", "no topic"] == 3


def test_requests_are_counted_by_the_template_of_their_route(app):
    client = app.test_client()
    for path in ("/live", "/live", "/api/a", "/api/b", "/x", "/y?z"):
        client.get(path).get_data()
    client.post("/live").get_data()
    client.open("/live", method="BREW").get_data()
    found = scrape(app)
    total = {key[1:]: value for key, value in found.items() if key[0].endswith("requests_total")}
    assert total == {
        ("GET", "/live", "200"): 2,
        ("GET", "/api/<name>", "404"): 2,
        ("GET", "none", "404"): 2,
        ("other", "none", "405"): 2,
    }
    assert found["statscache_http_request_duration_seconds_count", "/live"] == 2
    assert found["statscache_http_requests_in_flight",] == 1, "this one"


def test_openmetrics_is_spoken_where_it_is_asked_for(app):
    client = app.test_client()
    answer = client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.mimetype == "application/openmetrics-text"
    assert answer.text.endswith("# EOF\n")
    assert {one.name for one in openmetrics(answer.text)} >= {"statscache_up", "statscache_gaps"}
    plain = client.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert plain.headers["Cache-Control"] == "no-store"


def test_names_have_units_and_every_metric_explains_itself(app):
    for family in parse(app.test_client().get("/metrics").text):
        assert re.fullmatch(r"statscache_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        assert not re.search("(milli|minutes|_ms$|kilo)", family.name)


@pytest.mark.parametrize("revision", ["0001", "9999"])
def test_tables_of_another_version_are_as_good_as_none(app, revision):
    with writing(app) as connection:
        connection.exec_driver_sql(f"UPDATE statscache_version SET version_num = '{revision}'")
    assert scrape(app)["statscache_up",] == 0


def test_a_database_that_is_away_fails_no_scrape(tmp_path, caplog):
    for uri in ("postgresql://nobody@127.0.0.1:1/nothing", f"sqlite:///{tmp_path}/none.sqlite"):
        app = make(uri)
        app.test_client().get("/live").get_data()
        found = scrape(app)
        assert found["statscache_up",] == 0
        assert found["statscache_http_requests_total", "GET", "/live", "200"] == 1
    assert "Traceback" not in caplog.text
