"""The law: whoever does what the events say has the rows of now."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statscache.store import Store, changes
from statscache.store.changes import State
from statscache.web.live.telling import Teller
from statscache.web.live.topic import Topic, topic
from statscache.web.query import arguments as args
from statscache.web.query.query import ARGUMENTS

from ..conftest import serving
from . import guests
from .conftest import NOW
from .listening import Event, Listener, Rows, apply, key

ASKED = [
    "builds-1h",
    "builds-1h?state=failed&state=new",
    "builds-1h?fields=timestamp,state&time=iso",
    "builds-1h?volume=2",
    "builds-1h?start=2026-01-07T01:00:00Z",
    "visits-1d",
    "visits-1d?door=front&time=ms",
    "heard",
    "heard?who=ada",
    "sayings",
    "sayings?category=b&start=2026-01-07T00:00:01Z",
    "sayings?message=y",
]


class Dashboard:
    """Knows rows from a page, and from what it was told since."""

    def __init__(self, app: Flask, path: str) -> None:
        self.app = app
        self.path, _, self.query = path.partition("?")
        self.rows: Rows = {}
        self.names: list[str] = []
        self.seen: Counter[str] = Counter()
        self.state: State | None = None
        parts = serving(app)
        self.teller = Teller(parts.plugins, parts.config, lambda: NOW)

    @property
    def topic(self) -> Topic:
        model = serving(self.app).plugins[self.path].model
        arguments = args.parse(self.query.encode(), ARGUMENTS, ("fields", *model.columns()))
        return topic((self.path,), arguments, "tests")

    def hear(self) -> None:
        """What changed since the last time; over a line that was cut, if need be."""
        with serving(self.app).store.reading() as connection:
            state = changes.state(connection, [self.path])
            text = self.teller.tell(connection, self.topic, self.state, state)
        self.state = self.topic.heard(self.topic.event_id(state))
        for event in Listener.of(text):
            self.seen[event.kind] += 1
            self.do(event)

    def do(self, event: Event) -> None:
        if event.kind == "reset":
            self.names = event.data["key"]
            self.rows = self.read()
            return
        apply(self.names, self.rows, event)

    def read(self) -> Rows:
        found: Rows = {}
        query = f"{self.query}&stop=2030-01-01&rows_per_page=1000&order=asc".lstrip("&")
        answer = self.app.test_client().get(f"/api/{self.path}?{query}")
        for row in answer.json:
            found.setdefault(key(self.names, row), []).append(row)
        return found


small = st.integers(0, 2)
OPERATIONS = st.one_of(
    st.tuples(
        st.just("builds-1h"),
        st.just(guests.build),
        small,
        st.sampled_from(["new", "failed", "done"]),
        small,
    ),
    st.tuples(
        st.just("visits-1d"),
        st.just(guests.visit),
        small,
        st.sampled_from(["front", "back"]),
        st.sampled_from("ae"),
    ),
    st.tuples(
        st.just("heard"),
        st.just(guests.hear),
        small,
        st.sampled_from(["ada", "eve"]),
        st.sampled_from("xy"),
    ),
    st.tuples(
        st.just("sayings"),
        st.sampled_from([guests.say, guests.say_again, guests.unsay]),
        small,
        st.sampled_from("ab"),
        st.sampled_from("xy"),
    ),
    st.tuples(
        st.sampled_from(["builds-1h", "visits-1d", "heard", "sayings"]),
        st.sampled_from(["expire", "recall", "prune", "hear", "hear", "hear"]),
    ),
)


class Overview:
    """Knows the revision of each statistic, from what it was told."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.known: dict[str, int] = {}
        self.state: State | None = None
        parts = serving(app)
        self.topic = Topic(tuple(parts.plugins), None, "")
        self.teller = Teller(parts.plugins, parts.config, lambda: NOW)

    def hear(self) -> dict[str, int]:
        """What has changed since the last time."""
        with serving(self.app).store.reading() as connection:
            state = changes.state(connection, self.topic.idents)
            text = self.teller.tell(connection, self.topic, self.state, state)
        self.state = self.topic.heard(self.topic.event_id(state))
        told = [event.data["changed"] for event in Listener.of(text)]
        self.known.update(*told)
        return told[0] if told else {}


def do(store: Store, app: Flask, operation: tuple[Any, ...], dashboards: list[Dashboard]) -> None:
    ident, act, *arguments = operation
    model = serving(app).plugins[ident].model
    if act == "hear":
        for one in dashboards:
            one.hear()
    elif act == "prune":
        with store.writing() as connection:
            changes.prune(connection, 3)
    elif act == "expire":
        guests.expire(store, ident, model, guests.START + 1)
    elif act == "recall":
        guests.recall(store, ident, model)
    else:
        guests.commit(store, ident, model, act, *arguments)


def test_whoever_does_what_the_events_say_has_the_rows_of_now(live):
    app, store = live
    seen = Counter()

    @given(st.lists(OPERATIONS, max_size=25))
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    def law(operations):
        dashboards = [Dashboard(app, path) for path in ASKED]
        for one in dashboards:
            one.hear()
        for operation in operations:
            do(store, app, operation, dashboards)
        for one in dashboards:
            one.hear()
            assert one.rows == one.read(), one.path
            seen.update(one.seen)

    law()
    assert seen["message"] > 20


def test_an_overview_hears_of_each_statistic_that_changes_and_of_no_other(live):
    app, store = live
    overview = Overview(app)
    assert set(overview.hear()) == {"builds-1h", "visits-1d", "heard", "sayings"}
    assert overview.hear() == {}
    builds = serving(app).plugins["builds-1h"].model
    guests.commit(store, "builds-1h", builds, guests.build, 1, "new", 1)
    guests.commit(store, "builds-1h", builds, guests.build, 1, "failed", 1)
    before = overview.known["builds-1h"]
    (told,) = overview.hear().items()
    assert told[0] == "builds-1h"
    assert told[1] > before
    guests.expire(store, "builds-1h", builds, guests.START + 2 * 3_600)
    assert [*overview.hear()] == ["builds-1h"]
    guests.recall(store, "sayings", serving(app).plugins["sayings"].model)
    assert [*overview.hear()] == ["sayings"]


def test_an_overview_is_told_of_all_where_another_daemon_counts(live):
    app, _ = live
    overview = Overview(app)
    overview.hear()
    assert overview.state is not None
    overview.state = overview.state._replace(owner="00000000")
    assert len(overview.hear()) == 4


def test_the_id_of_an_overview_of_hundreds_fits_into_a_header():
    idents = tuple(f"statistic-{number}-1h" for number in range(500))
    marks = {ident: changes.Mark(10**6, 2**63 - 1, False) for ident in idents}
    overview = Topic(idents, None, "")
    state = State("01234567", 10**9, 2 * 10**9, marks)
    told = overview.event_id(state)
    assert len(told) < 8_190 / 1.5
    heard = overview.heard(told)
    assert heard is not None
    assert {ident: mark.revision for ident, mark in heard.marks.items()} == dict.fromkeys(
        idents, 10**6
    )
