"""What keeps journal and store bounded, and tells other processes what the daemon knows."""

from __future__ import annotations

import threading

import pytest
from guests import (
    Ids,
    MakeEngine,
    Message,
    abandon,
    bad,
    checkpoint,
    counted,
    feed,
    on_sqlite,
    once,
    owed,
    rows,
    suspend,
    turn,
)
from samples import NOW, message

from statscache.engine import Engine, upkeep
from statscache.message import EVERYBODY
from statscache.store.owed import owe
from statscache.store.tables import NOT_LISTENING, TRIMMED

DAY = 86_400
MEGABYTE = "x" * (1 << 20)


def stored(engine: Engine) -> int:
    """How many entries the journal still has."""
    return len(engine.journal.slice(0, engine.journal.end(), 10**6))


def trim(engine: Engine, now: float = NOW) -> None:
    upkeep.trim(
        engine.store, engine.journal, engine.config, engine._counters.keys(), engine._token, now
    )


def test_what_the_journal_noted_is_told_to_the_store(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    engine.accept({"no": "topic"}, NOW + 1)
    feed(engine, range(3), NOW + 2)
    turn(engine, NOW + 9)
    journal = engine.journal.uuid
    listened = rows(engine.store, "statscache_coverage", "journal", "start", "stop")
    assert listened == [(journal, NOW, NOW + 9)]
    refused = rows(engine.store, "statscache_refused", "journal", "reason", "number", "last")
    assert refused == [(journal, "no topic", 1, NOW + 1)]


@on_sqlite
def test_what_was_not_heard_between_two_runs_is_owed_to_everybody(
    make_engine: MakeEngine,
) -> None:
    make_engine(Ids).stop(NOW + 7)
    second = make_engine(Ids, now=NOW + 100)
    feed(second, range(3), NOW + 101)
    abandon(second)
    third = make_engine(Ids, now=NOW + 200)
    for second in (1, 2):
        turn(third, NOW + 200 + second)
    gaps = [(EVERYBODY, NOW + 7, NOW + 100), (EVERYBODY, NOW + 101, NOW + 200)]
    assert owed(third.store, NOT_LISTENING) == gaps
    assert counted(third.store) == once(range(3))


@on_sqlite
def test_what_everybody_has_counted_goes(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    feed(engine, range(5))
    turn(engine)
    suspend(engine.store, "bad-1s", "so that it lags behind")
    feed(engine, range(5, 9))
    turn(engine)
    trim(engine)
    assert engine.journal.begin() == 5
    suspend(engine.store, "bad-1s", None)
    turn(engine)
    trim(engine)
    assert (engine.journal.begin(), engine.journal.end(), stored(engine)) == (9, 9, 0)
    assert counted(engine.store, "bad-1s") == counted(engine.store) == once(range(9))


@on_sqlite
def test_ids_are_remembered_after_their_entries_are_gone(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, journal__dedupe_horizon=3_600)
    feed(engine, range(3))
    turn(engine)
    trim(engine)
    feed(engine, range(5), NOW + 3_600)
    turn(engine, NOW + 3_600)
    assert counted(engine.store) == once(range(5))
    trim(engine)
    feed(engine, range(5, 6), NOW + 3_601)
    turn(engine, NOW + 3_601)
    trim(engine)
    feed(engine, range(5), NOW + 3_601)
    turn(engine, NOW + 3_601)
    assert counted(engine.store) == once(range(6)) + once(range(3))


@on_sqlite
def test_ids_are_not_forgotten_by_the_clock(make_engine: MakeEngine) -> None:
    """They age against the newest that arrived: after a long silence all are still known."""
    engine = make_engine(Ids, journal__dedupe_horizon=60)
    feed(engine, range(3))
    turn(engine)
    turn(engine, NOW + 10 * DAY)
    feed(engine, range(3), NOW + 10 * DAY)
    turn(engine, NOW + 10 * DAY)
    assert counted(engine.store) == once(range(3))


@on_sqlite
def test_ids_are_not_forgotten_while_somebody_lags_behind(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(), journal__dedupe_horizon=60)
    suspend(engine.store, "bad-1s", "so that it lags behind")
    feed(engine, range(3))
    for number in range(3):
        engine.intake.accept(message(number), NOW + 1, addressee="bad-1s")
    feed(engine, range(3, 5), NOW + DAY)
    turn(engine, NOW + DAY)
    trim(engine, NOW + DAY)
    suspend(engine.store, "bad-1s", None)
    turn(engine, NOW + DAY)
    assert counted(engine.store, "bad-1s") == counted(engine.store) == once(range(5))


@pytest.mark.parametrize(("endpoint", "times"), [("http://localhost/", 1), (None, 2)])
@on_sqlite
def test_ids_are_kept_while_history_can_bring_them_again(
    make_engine: MakeEngine, endpoint: str | None, times: int
) -> None:
    engine = make_engine(Ids, journal__dedupe_horizon=60, datagrepper__endpoint=endpoint)
    with engine.store.writing() as connection:
        connection.exec_driver_sql("UPDATE statscache_owed SET healed = 1")
        owe(connection, EVERYBODY, NOW, NOW + 5, NOT_LISTENING, NOW)
    feed(engine, [1], NOW + 1)
    feed(engine, [2], NOW + 1_000)
    turn(engine, NOW + 1_000)
    trim(engine)
    feed(engine, [1], NOW + 1_001)
    turn(engine, NOW + 1_001)
    assert counted(engine.store)[message(1)["msg_id"]] == times


def test_a_plugin_that_is_off_holds_nothing_and_is_owed_what_it_missed(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    both = make_engine(Ids, bad())
    feed(both, range(5))
    turn(both, NOW + 5)
    both.stop(NOW + 5)
    one = make_engine(Ids, now=NOW + 10)
    feed(one, range(5, 9), NOW + 11)
    turn(one, NOW + 12)
    trim(one)
    assert stored(one) == 0
    feed(one, range(9, 11), NOW + 20)
    one.stop(NOW + 25)
    again = make_engine(Ids, bad(), now=NOW + 30)
    assert owed(again.store, TRIMMED) == [("bad-1s", NOW + 5, NOW + 20)]
    feed(again, range(11, 12), NOW + 31)
    turn(again, NOW + 31)
    assert counted(again.store, "bad-1s") == once([*range(5), *range(9, 12)])
    assert counted(again.store) == once(range(12))
    (said,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "4 entries" in said
    assert "bad-1s" in said
    again.stop(NOW + 32)
    assert owed(make_engine(Ids, bad(), now=NOW + 40).store, TRIMMED) == [
        ("bad-1s", NOW + 5, NOW + 20)
    ]


def test_a_journal_that_is_too_large_passes_the_slowest_by(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(), journal__maximum_size=16 << 20)
    turn(engine, NOW + 1)
    suspend(engine.store, "bad-1s", "so that it lags behind")
    for number in range(24):
        feed(engine, [number], NOW + 10 + number, msg=MEGABYTE)
    engine.turn(1, NOW + 60)
    assert engine._pool.wait(30)
    trim(engine, NOW + 60)
    assert engine.journal.size() <= 16 << 20
    kept = engine.journal.slice(0, 99, 99)
    first = kept[0].position
    assert [one.position for one in kept] == list(range(first, 25))
    assert len(kept) >= 14
    assert checkpoint(engine.store, "bad-1s").position == first - 1
    missed = [("bad-1s", NOW + 1, kept[0].entry.arrived)]
    assert owed(engine.store, TRIMMED) == missed
    suspend(engine.store, "bad-1s", None)
    turn(engine, NOW + 61)
    assert counted(engine.store, "bad-1s") == once(range(first - 1, 24))
    assert counted(engine.store) == once(range(24))
    trim(engine, NOW + 62)
    assert owed(engine.store, TRIMMED) == missed


def test_a_plugin_that_is_passed_by_while_it_counts_is_not_counted_twice(
    make_engine: MakeEngine,
) -> None:
    """What is being counted then comes to nothing."""
    inside, go_on = threading.Event(), threading.Event()

    def wait(_message: Message) -> None:
        inside.set()
        assert go_on.wait(10)

    engine = make_engine(Ids, bad(process=wait))
    feed(engine, range(6))
    engine.turn(1, NOW)
    assert inside.wait(5)
    upkeep.pass_by(engine.store, engine.journal, ["bad-1s"], 4, engine._token, NOW)
    go_on.set()
    for second in (1, 2):
        turn(engine, NOW + second)
    assert counted(engine.store, "bad-1s") == once(range(4, 6))
    assert counted(engine.store) == once(range(6))
    assert owed(engine.store, TRIMMED) == [("bad-1s", NOW, NOW + 1)]


@on_sqlite
def test_the_change_table_is_kept_short(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, changes__keep=7)
    feed(engine, range(20))
    turn(engine)
    turn(engine, NOW + 60)
    assert len(rows(engine.store, "statscache_change", "id")) == 7
