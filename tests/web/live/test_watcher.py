"""One thread looks for changes, for all who listen, and only while somebody does."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import Empty, Queue

import pytest
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import event

from statscache.web.live.telling import Teller
from statscache.web.live.topic import topic
from statscache.web.live.watcher import Watcher

from ..conftest import serving
from . import guests
from .conftest import NOW
from .listening import Listener

BUILDS = topic(("builds-1h",), {}, "tests")
VISITS = topic(("visits-1d",), {}, "tests")


class Ear:
    """A reader that takes all at once."""

    def __init__(self, watcher, of=BUILDS, heard=None):
        self.texts, self.hung_up = Queue(), threading.Event()
        self.reader = watcher.admit(of, heard, 1000)
        self.reader.join(self.texts.put, self.hung_up.set)

    def next(self, seconds=10):
        return self.texts.get(timeout=seconds)

    def kind(self):
        return next(Listener.of(self.next())).kind


@pytest.fixture
def make(live):
    app, _ = live
    parts = serving(app)
    made = []

    def watcher(tell=None, heartbeat=15.0):
        gauge = Gauge("x", "x", registry=CollectorRegistry())
        teller = Teller(parts.plugins, parts.config, lambda: NOW)
        made.append(Watcher(parts.store, tell or teller.tell, gauge, heartbeat))
        return made[-1]

    yield watcher
    for one in made:
        for reader in [*one._admitted]:
            one.leave(reader)
        ended(one)


def ended(watcher):
    for _ in range(100):
        if watcher._thread is None:
            return True
        time.sleep(0.05)
    return False


def count(live, number=1):
    app, store = live
    model = serving(app).plugins["builds-1h"].model
    guests.commit(store, "builds-1h", model, guests.build, 0, "new", number)


def test_a_change_is_read_once_for_all_who_listen(live, make):
    told = []
    parts = serving(live[0])
    teller = Teller(parts.plugins, parts.config, lambda: NOW)

    def tell(connection, of, before, now):
        told.append(of)
        return teller.tell(connection, of, before, now)

    watcher = make(tell)
    ears = [Ear(watcher) for _ in range(50)]
    assert {ear.kind() for ear in ears} == {"reset"}
    told.clear()
    count(live)
    assert len({ear.next() for ear in ears}) == 1
    assert told == [BUILDS]


def test_while_nothing_changes_it_costs_one_query_a_turn(live, make):
    watcher = make()
    ears = [Ear(watcher, of) for of in (BUILDS, VISITS) for _ in range(20)]
    for ear in ears:
        ear.next()
    asked = []
    event.listen(
        serving(live[0]).store.engine, "before_cursor_execute", lambda *args: asked.append(args[2])
    )
    time.sleep(1.7)
    asked = [one for one in asked if "statscache_checkpoint" in one]
    assert 2 <= len(asked) <= 4
    assert len({*asked}) == 1


def test_the_thread_ends_with_the_last_reader_and_begins_again(live, make):
    watcher = make()
    for _ in range(2):
        ear = Ear(watcher)
        assert ear.kind() == "reset"
        assert watcher._thread.is_alive()
        ear.reader.leave()
        ear.reader.leave()
        assert watcher._gauge._value.get() == 0
        assert ended(watcher)


def test_silence_is_broken_by_comments_that_say_how_far_one_has_heard(live, make):
    watcher = make(heartbeat=0.1)
    ear = Ear(watcher)
    ear.next()
    count(live, 0)
    text = ear.next().decode()
    assert text.startswith("id: ")
    assert text.endswith("\n: \n\n")
    assert BUILDS.heard(text.split()[1]) is not None


def test_that_others_come_is_no_word_to_those_who_are_there(live, make):
    watcher = make(heartbeat=0.3)
    ear = Ear(watcher)
    ear.next()
    for _ in range(10):
        Ear(watcher).next()
        time.sleep(0.1)
    assert ear.next(0).endswith(b": \n\n")


def test_places_are_limited_and_free_again(make):
    watcher = make()
    readers = [watcher.admit(BUILDS, None, 2) for _ in range(3)]
    assert readers[2] is None
    readers[0].leave()
    assert watcher.admit(BUILDS, None, 2)
    assert watcher.admit(BUILDS, None, 2) is None


def test_who_has_left_before_it_begins_is_told_nothing(make):
    watcher = make()
    reader = watcher.admit(BUILDS, None, 2)
    reader.leave()
    reader.join(lambda text: None, lambda: None)
    assert watcher._thread is None


@pytest.mark.parametrize("uri", ["sqlite"], indirect=True)
def test_while_the_database_is_away_all_wait_and_the_log_says_so_once(live, make, caplog):
    app, store = live
    watcher = make(heartbeat=0.1)
    ear = Ear(watcher)
    ear.next()
    count(live)
    assert b"rows" in ear.next()
    file = Path(store.url.database)
    file.rename(file.with_name("away"))
    serving(app).store.close()
    time.sleep(1.2)
    while not ear.texts.empty():
        assert ear.next().endswith(b": \n\n")
    file.with_name("away").rename(file)
    count(live)
    while b"rows" not in ear.next():
        pass
    said = [one for one in caplog.messages if "live readers" in one]
    assert len(said) == 2
    assert "no such file" in said[0]
    assert "again" in said[1]


def test_a_topic_that_fails_is_hung_up_on_and_harms_no_other(live, make, caplog):
    parts = serving(live[0])
    teller = Teller(parts.plugins, parts.config, lambda: NOW)

    def tell(connection, of, before, now):
        if of == VISITS and before:
            raise ValueError("visits")
        return teller.tell(connection, of, before, now)

    watcher = make(tell)
    visits, builds = Ear(watcher, VISITS), Ear(watcher)
    visits.next()
    builds.next()
    count(live)
    model = serving(live[0]).plugins["visits-1d"].model
    guests.commit(live[1], "visits-1d", model, guests.visit, 0, "front", "ada")
    assert b"rows" in builds.next()
    assert visits.hung_up.wait(10)
    with pytest.raises(Empty):
        visits.next(0.1)
    assert "live readers of visits-1d are hung up on" in caplog.text


def test_who_comes_back_is_told_what_was_missed_and_those_who_stayed_are_not(live, make):
    watcher = make()
    stayed, gone = Ear(watcher), Ear(watcher)
    stayed.next()
    heard = BUILDS.heard(next(Listener.of(gone.next())).id)
    gone.reader.leave()
    count(live)
    assert b"rows" in stayed.next()
    back = Ear(watcher, heard=heard)
    assert b"rows" in back.next()
    with pytest.raises(Empty):
        stayed.next(0.7)
