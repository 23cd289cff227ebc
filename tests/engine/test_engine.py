"""The engine: what comes in goes into the journal, and each turn lets the plugins count it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from guests import (
    Ids,
    MakeEngine,
    Message,
    abandon,
    bad,
    build,
    checkpoint,
    counted,
    feed,
    on_sqlite,
    once,
    owed,
    suspend,
    turn,
)
from samples import NOW, message
from sqlalchemy.orm import Session

from statscache.engine import engine as module
from statscache.engine.engine import PERIODS, period
from statscache.message import EVERYBODY
from statscache.registry import Statistic
from statscache.schedule import Schedule
from statscache.store import Store
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING

DAY = 86_400


# -- turns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "rides"),
    [(1, 1), (2, 1), (5, 5), (15, 5), (60, 60), (90, 5), (120, 60), (DAY, 60)],
)
def test_a_statistic_rides_the_slowest_producer_that_divides_its_interval(
    interval: int, rides: int
) -> None:
    schedule = Schedule(timedelta(seconds=interval))
    assert period(Statistic("a", Ids, schedule, "tests", None)) == rides
    assert period(Statistic("a", Ids, None, "tests", None)) == 5


@on_sqlite
def test_a_turn_is_for_those_who_ride_it(make_engine: MakeEngine) -> None:
    plugins = [bad(name=f"n{one}", interval=timedelta(seconds=one)) for one in (1, 5, 60)]
    engine = make_engine(*plugins)
    feed(engine, range(3))
    for producer, done in ((1, {"n1-1s"}), (60, {"n1-1s", "n60-1m"}), (5, set(engine._counters))):
        engine.turn(producer, NOW)
        assert engine._pool.wait(10)
        assert {one for one in engine._counters if checkpoint(engine.store, one).position} == done


@on_sqlite
def test_a_turn_commits_what_waits_before_it_counts(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    engine.accept(message(1), NOW, more=True)
    assert engine.journal.end() == 0
    turn(engine)
    assert counted(engine.store) == once([1])


@on_sqlite
def test_quiet_turns_say_how_far_all_is_complete(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    feed(engine, range(3))
    suspend(engine.store, "bad-1s", "why")
    turn(engine, NOW + 1)
    turn(engine, NOW + 9)
    found = checkpoint(engine.store)
    assert (found.complete_until, found.revision) == (NOW + 9, 1)
    assert checkpoint(engine.store, "bad-1s").complete_until == NOW


@on_sqlite
def test_what_arrives_during_a_turn_is_for_the_next(make_engine: MakeEngine) -> None:
    """A bucket ends where the journal ended when the turn began."""

    def meanwhile(one: Message) -> None:
        if one["i"] == 0:
            engine.accept(message(7), NOW + 1)

    engine = make_engine(bad(process=meanwhile))
    feed(engine, range(2))
    engine.turn(1, NOW + 2)
    assert engine._pool.wait(10)
    assert counted(engine.store, "bad-1s") == once(range(2))
    turn(engine, NOW + 3)
    assert counted(engine.store, "bad-1s") == once([0, 1, 7])


def test_producers_and_consumer_have_threads_of_their_own(make_engine: MakeEngine) -> None:
    plugins = [bad(name=f"n{one}", interval=timedelta(seconds=one)) for one in (1, 5, 60)]
    engine = make_engine(Ids, *plugins, engine__batch=7)
    ended = threading.Event()

    def produce(seconds: int) -> None:
        while not ended.wait(0.01):
            engine.turn(seconds, NOW)

    producers = [threading.Thread(target=produce, args=(seconds,)) for seconds in PERIODS]
    for producer in producers:
        producer.start()
    for number in range(400):
        engine.accept(message(number % 300), NOW, more=number % 5 > 0)
    ended.set()
    for producer in producers:
        producer.join(10)
    turn(engine)
    turn(engine)
    for ident in engine._counters:
        assert counted(engine.store, ident) == once(range(300))
        assert checkpoint(engine.store, ident).counted == 300


@pytest.mark.parametrize("broken", ["journal", "store", "registry", "nothing"])
@on_sqlite
def test_a_turn_lets_nothing_out(
    make_engine: MakeEngine, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    if broken == "journal":
        engine.journal.close()
        engine.accept(message(9), NOW, more=True)
    if broken == "store":
        with engine.store.writing() as connection:
            connection.exec_driver_sql("DROP TABLE statscache_checkpoint")
    if broken == "registry":
        engine._counters["nobody"] = engine._counters["ids-1s"]
    for second in range(3):
        for producer in PERIODS:
            engine.turn(producer, NOW + second)
    assert engine._pool.wait(10)
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) <= 4
    assert bool(caplog.records) == (broken != "nothing")
    abandon(engine)


@on_sqlite
def test_after_the_end_a_turn_does_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    engine.stop(NOW)
    for producer in PERIODS:
        engine.turn(producer, NOW)
    engine.stop(NOW)
    assert checkpoint(Store(str(engine.store.url)), "ids-1s").position == 0


@on_sqlite
def test_what_waits_at_the_end_is_counted_after_it(make_engine: MakeEngine) -> None:
    first = make_engine(Ids)
    first.accept(message(1), NOW, more=True)
    first.stop(NOW)
    second = make_engine(Ids)
    turn(second)
    assert counted(second.store) == once([1])


@on_sqlite
def test_the_end_waits_for_what_is_being_counted(make_engine: MakeEngine) -> None:
    def slow(_message: Message) -> None:
        time.sleep(0.05)

    engine = make_engine(bad(process=slow))
    feed(engine, range(5))
    engine.turn(1, NOW)
    time.sleep(0.05)
    engine.stop(NOW)
    store = Store(str(engine.store.url))
    assert counted(store, "bad-1s") == once(range(5))
    store.close()


@on_sqlite
def test_the_end_does_not_wait_for_ever(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    wake = threading.Event()
    first = make_engine(bad(process=lambda _: wake.wait(30)))
    feed(first, range(2))
    first.turn(1, NOW)
    first.stop(NOW)
    second = make_engine(bad())
    turn(second)
    wake.set()
    assert first._pool.wait(10)
    assert counted(second.store, "bad-1s") == once(range(2))


@on_sqlite
def test_memory_does_not_grow_with_the_backlog(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Weigher(bad()):
        def handle(self, session: Session, messages: list[Message]) -> None:
            sizes.append(sum(len(one["msg"]) for one in messages))
            super().handle(session, messages)

    monkeypatch.setattr(module, "SLICE_BYTES", 100_000)
    engine = make_engine(Weigher, Ids)
    feed(engine, range(40), msg="x" * 20_000)
    turn(engine)
    assert counted(engine.store) == counted(engine.store, "bad-1s") == once(range(40))
    assert max(sizes) <= 120_000
    kept = [len(one.entry.body) for part in engine._slices._recent.values() for one in part.kept]
    assert sum(kept) <= 2 * 120_000


# -- plugins that come and go ----------------------------------------------------------------------


@on_sqlite
def test_a_new_plugin_joins_at_the_end_and_is_owed_its_history(make_engine: MakeEngine) -> None:
    class Recent(bad()):
        backlog_delta = timedelta(days=7)

    first = make_engine(Ids)
    feed(first, range(3))
    turn(first)
    first.stop(NOW)
    second = make_engine(Ids, Recent, now=NOW + 10, consumer__epoch=NOW - 30 * DAY)
    feed(second, range(3, 5), NOW + 11)
    turn(second, NOW + 11)
    assert counted(second.store) == once(range(5))
    assert counted(second.store, "bad-1s") == once(range(3, 5))
    (mine,) = [one for one in owed(second.store) if one[0] == "bad-1s"]
    assert mine == ("bad-1s", NOW + 10 - 7 * DAY, NOW + 10)
    assert (EVERYBODY, NOW - 30 * DAY, NOW) in owed(second.store, BEFORE_THE_PLUGIN)


def test_history_is_handed_to_whom_it_is_addressed_and_once(make_engine: MakeEngine) -> None:
    """Whether it came for all before that, or comes for all after it."""
    first = make_engine(Ids)
    feed(first, range(4))
    turn(first)
    first.stop(NOW)
    engine = make_engine(Ids, bad())
    for number in (2, 3, 4, 5, 5):
        engine.intake.accept(message(number), NOW, addressee="bad-1s")
    turn(engine)
    feed(engine, range(4, 8))
    for number in (0, 6, 7):
        engine.intake.accept(message(number), NOW, addressee="bad-1s")
    turn(engine)
    feed(engine, range(8))
    turn(engine)
    assert counted(engine.store, "bad-1s") == once([0, *range(2, 8)])
    assert counted(engine.store) == once(range(8))


@on_sqlite
def test_a_plugin_that_was_off_goes_on_where_it_stopped(make_engine: MakeEngine) -> None:
    for plugins in ([Ids, bad()], [Ids], [bad()], [Ids, bad()]):
        engine = make_engine(*plugins)
        start = engine.journal.end()
        feed(engine, range(start, start + 3))
        engine.turn(1, NOW)
        assert engine._pool.wait(10)
        engine.stop(NOW)
    engine = make_engine(Ids, bad())
    assert counted(engine.store, "bad-1s") == counted(engine.store) == once(range(12))


@on_sqlite
def test_two_with_the_same_bookmark_share_what_they_read(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(reads_only=True), bad(name="other", reads_only=True))
    feed(engine, range(30))
    turn(engine)
    for ident in ("ids-1s", "bad-1s", "other-1s"):
        assert counted(engine.store, ident) == once(range(30))


@on_sqlite
def test_a_first_start_that_is_cut_off_before_it_listens_leaves_a_gap(
    make_engine: MakeEngine, uri: str, tmp_path: Path
) -> None:
    first = build(uri, tmp_path / "journal.sqlite", Ids)
    first.start(NOW, listens=False)
    abandon(first)
    second = make_engine(Ids, now=NOW + 50)
    turn(second, NOW + 60)
    assert owed(second.store, NOT_LISTENING) == [(EVERYBODY, NOW, NOW + 50)]


@on_sqlite
def test_who_is_furthest_behind_counts_next(make_engine: MakeEngine) -> None:
    order = []

    class Telling(Ids):
        def handle(self, session: Session, messages: Sequence[Message]) -> None:
            order.append(self.name)
            super().handle(session, messages)

    class Ahead(Telling):
        name = "ahead"

    class Behind(Telling):
        name, interval = "behind", timedelta(minutes=1)

    engine = make_engine(Ahead, Behind, engine__workers=1, engine__batch=5)
    feed(engine, range(5))
    engine.turn(1, NOW)
    assert engine._pool.wait(30)
    assert order == ["ahead"]
    feed(engine, range(5, 15))
    turn(engine)
    assert sorted(order) == ["ahead"] * 3 + ["behind"] * 3
    last_ahead = len(order) - 1 - order[::-1].index("ahead")
    assert order[:last_ahead].count("behind") >= 2
