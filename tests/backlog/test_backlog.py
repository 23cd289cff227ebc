"""The backlog: gaps are filled from history, and new plugins are caught up, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from datagrepper import SEARCH, Archive
from datagrepper import Datagrepper as StandIn
from guests import Ids, MakeEngine, bad, checkpoint, counted, on_sqlite, suspend, turn
from past import SECONDS, catch_up, debts, listen, names, sent
from samples import NOW

from statscache.backlog import backlog
from statscache.engine import Engine, upkeep
from statscache.engine.recall import recall
from statscache.errors import HistoryAwayError
from statscache.history import Datagrepper, Window
from statscache.message import EVERYBODY
from statscache.store import owed
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING, TRIMMED


def healed(engine: Engine, reason: str) -> dict[str, bool]:
    """To whom something is or was owed for that reason, and whether that is healed."""
    found = [one for one in debts(engine) if one.reason == reason]
    return {one.addressee: one.healed is not None for one in found}


def give_up(engine: Engine, addressee: str) -> None:
    with engine.store.writing() as connection:
        numbers = [one.id for one in debts(engine) if one.addressee == addressee]
        owed.accept(connection, numbers, NOW)


OVERLAP: dict[str, Any] = {"datagrepper__overlap": 60}


def test_a_gap_is_filled_and_healed_when_nothing_comes_late_any_more(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    first = make_engine(Ids, **OVERLAP)
    listen(first, range(5))
    turn(first, NOW + 5)
    first.stop(NOW + 5)
    archive.add(*sent(*range(40)))
    second = make_engine(Ids, now=NOW + 30, history=history, **OVERLAP)
    listen(second, range(30, 40))
    catch_up(second, NOW + 40)
    assert counted(second.store) == names(*range(40))
    assert healed(second, NOT_LISTENING) == {EVERYBODY: False}
    archive.add(*sent(40, timestamp=NOW + 7))
    catch_up(second, NOW + 100)
    assert counted(second.store) == names(*range(41))
    assert healed(second, NOT_LISTENING) == {EVERYBODY: True}


@on_sqlite
def test_a_plugin_that_joins_gets_what_it_has_missed(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    first = make_engine(Ids, **OVERLAP)
    listen(first, range(20))
    turn(first, NOW + 20)
    first.stop(NOW + 20)
    archive.add(*sent(*range(-10, 30)))
    second = make_engine(Ids, bad(), now=NOW + 20, history=history, **OVERLAP)
    listen(second, range(20, 30))
    catch_up(second, NOW + 200)
    assert counted(second.store, "bad-1s") == names(*range(-10, 30))
    assert counted(second.store) == names(*range(-10, 30))
    assert healed(second, BEFORE_THE_PLUGIN)["bad-1s"]


@on_sqlite
def test_only_its_topics_are_asked_for(
    make_engine: MakeEngine, archive: Archive, stand_in: StandIn, history: Datagrepper
) -> None:
    comments = bad(topics=("comment",))
    make_engine(Ids, **OVERLAP).stop(NOW)
    archive.add(*sent(-1, -2), *sent(-3, -4, topic="comment"))
    engine = make_engine(Ids, comments, now=NOW, history=history, **OVERLAP)
    give_up(engine, EVERYBODY)
    catch_up(engine, NOW + 200)
    assert counted(engine.store, "bad-1s") == names(-3, -4)
    assert counted(engine.store) == names()
    assert {tuple(query.get("topic", ())) for _, query in stand_in.asked} == {("comment",)}


@on_sqlite
def test_the_other_plugins_do_not_notice(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    make_engine(Ids, **OVERLAP).stop(NOW)
    archive.add(*sent(*range(-50, -40)))
    engine = make_engine(Ids, bad(), now=NOW, history=history, **OVERLAP)
    give_up(engine, EVERYBODY)
    before = checkpoint(engine.store)
    catch_up(engine, NOW + 200)
    assert counted(engine.store) == names()
    assert checkpoint(engine.store).counted == before.counted
    assert counted(engine.store, "bad-1s") == names(*range(-50, -40))


@on_sqlite
def test_what_was_trimmed_before_it_was_counted_comes_again(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    engine = make_engine(Ids, bad(), history=history, **OVERLAP)
    give_up(engine, EVERYBODY)
    suspend(engine.store, "bad-1s", "a rest")
    listen(engine, range(10))
    turn(engine, NOW + 10)
    idents, token = list(engine._counters), engine._token
    upkeep.pass_by(engine.store, engine.journal, idents, engine.journal.end(), token, NOW + 10)
    engine.journal.trim(engine.journal.end(), 0)
    suspend(engine.store, "bad-1s", None)
    listen(engine, range(10, 15))
    archive.add(*sent(*range(15)))
    catch_up(engine, NOW + 200)
    assert counted(engine.store, "bad-1s") == names(*range(15))
    assert counted(engine.store) == names(*range(15))
    assert healed(engine, TRIMMED) == {"bad-1s": True}


@on_sqlite
def test_one_that_is_suspended_is_read_for_when_it_goes_on(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    make_engine(Ids, **OVERLAP).stop(NOW)
    archive.add(*sent(*range(-10, 0)))
    engine = make_engine(Ids, bad(), now=NOW, history=history, **OVERLAP)
    suspend(engine.store, "bad-1s", "a rest")
    catch_up(engine, NOW + 200)
    assert counted(engine.store) == names(*range(-10, 0))
    assert healed(engine, BEFORE_THE_PLUGIN) == {"bad-1s": False, EVERYBODY: True}
    suspend(engine.store, "bad-1s", None)
    catch_up(engine, NOW + 200)
    assert counted(engine.store, "bad-1s") == names(*range(-10, 0))


@on_sqlite
def test_what_comes_late_is_found_within_the_hour(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    engine = make_engine(Ids, history=history, **OVERLAP)
    catch_up(engine, NOW + 3_500)
    archive.add(*sent(5, 600))
    catch_up(engine, NOW + 3_599)
    assert counted(engine.store) == names()
    for later in (3_605, 3_606):
        turn(engine, NOW + later)
        assert engine._reading.wait(SECONDS)
    turn(engine, NOW + 3_607)
    assert counted(engine.store) == names(5, 600)


@on_sqlite
def test_history_that_cannot_be_had_is_told_once_and_tried_again(
    make_engine: MakeEngine,
    archive: Archive,
    stand_in: StandIn,
    history: Datagrepper,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive.add(*sent(-5))
    stand_in.paths = ()
    engine = make_engine(Ids, history=history, **OVERLAP)
    for later in (0, 1, 3_600, 7_200):
        turn(engine, NOW + later)
        assert engine._reading.wait(SECONDS)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"reading history: HistoryError: {stand_in.url} is no datagrepper: it has neither "
        "/v2/search nor /raw; set statscache.datagrepper.endpoint to the URL that comes before them"
    ]
    stand_in.paths = (SEARCH,)
    assert engine._backlog
    assert not engine._backlog.is_due(NOW + 7_201)
    catch_up(engine, NOW + 20_000)
    assert counted(engine.store) == names(-5)


class Away(Datagrepper):
    """A history that does not answer, and asks to be left alone for so many seconds."""

    seconds = 0.0

    def windows(self, *args: Any, **options: Any) -> Iterator[Window]:
        raise HistoryAwayError("away", self.seconds)


def rests(engine: Engine, number: int, now: float = NOW) -> Iterator[float]:
    """How many seconds it waits after each of so many attempts that failed."""
    reader = engine._backlog
    assert reader
    for _ in range(number):
        with pytest.raises(HistoryAwayError):
            reader.work(now)
        yield reader._look_at - now


@on_sqlite
def test_it_waits_longer_and_longer_or_as_long_as_history_says(
    make_engine: MakeEngine, history: Datagrepper
) -> None:
    engine = make_engine(Ids, history=history, **OVERLAP)
    reader = engine._backlog
    assert reader
    reader._history = away = Away("http://localhost:1")
    assert list(rests(engine, 8)) == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
    away.seconds = 7_000
    assert list(rests(engine, 1)) == [7_000]
    away.seconds = 0
    reader._history = history
    assert reader.work(NOW)
    reader._history = away
    assert list(rests(engine, 1, NOW + 100)) == [60]


@on_sqlite
def test_a_daemon_that_ends_does_not_complain_of_what_it_broke_off(
    make_engine: MakeEngine, history: Datagrepper
) -> None:
    engine = make_engine(Ids, history=history, **OVERLAP)
    reader = engine._backlog
    assert reader
    reader._history = Away("http://localhost:1")
    reader._stopping.set()
    assert reader.work(NOW) is False
    assert reader._look_at < NOW
    reader._stopping.clear()


@on_sqlite
def test_where_nothing_is_due_it_looks_again_after_seconds(
    make_engine: MakeEngine, history: Datagrepper
) -> None:
    engine = make_engine(Ids, history=history, **OVERLAP)
    give_up(engine, EVERYBODY)
    reader = engine._backlog
    assert reader
    assert not reader.work(NOW)
    assert [reader.is_due(NOW + later) for later in (1, 4.9, 5)] == [False, False, True]


@on_sqlite
def test_gaps_come_before_what_is_only_read_again(
    make_engine: MakeEngine, stand_in: StandIn, history: Datagrepper
) -> None:
    engine = make_engine(Ids, history=history, **OVERLAP)
    give_up(engine, EVERYBODY)
    with engine.store.writing() as connection:
        owed.owe(connection, EVERYBODY, NOW - 50_000, NOW - 49_000, NOT_LISTENING, NOW)
    reader = engine._backlog
    assert reader
    assert reader.work(NOW + 3_600)
    starts = [float(query["start"][0]) for _, query in stand_in.asked]
    assert max(starts) < NOW - 48_000


@on_sqlite
def test_what_is_read_for_several_is_noted_for_each_as_far_as_it_goes(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    engine = make_engine(Ids, bad(), history=history, datagrepper__overlap=0)
    give_up(engine, EVERYBODY)
    archive.add(*sent(-450, -150))
    for ident, start, stop in (("ids-1s", -500, -100), ("bad-1s", -300, 0)):
        with engine.store.writing() as connection:
            owed.owe(connection, ident, NOW + start, NOW + stop, BEFORE_THE_PLUGIN, NOW)
    catch_up(engine, NOW)
    reached = {one.addressee: one.reached for one in debts(engine) if one.addressee}
    assert reached == {"ids-1s": NOW - 100, "bad-1s": NOW}
    assert counted(engine.store) == names(-450, -150)
    assert counted(engine.store, "bad-1s") == names(-150)


@on_sqlite
def test_what_is_no_message_is_named_and_the_rest_goes_on(
    make_engine: MakeEngine,
    archive: Archive,
    history: Datagrepper,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive.add(*sent(-5, topic=""), *sent(-4))
    engine = make_engine(Ids, history=history, **OVERLAP)
    catch_up(engine, NOW + 200)
    assert counted(engine.store) == names(-4)
    assert "are no messages, and left out; the first: no topic" in caplog.text


@on_sqlite
def test_no_more_is_brought_than_can_be_counted(
    make_engine: MakeEngine,
    archive: Archive,
    history: Datagrepper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "AT_MOST", 20)
    monkeypatch.setattr(backlog, "TOGETHER", 5)
    archive.add(*sent(*range(-300, 0)))
    engine = make_engine(Ids, history=history, **OVERLAP)
    engine.turn(1, NOW)
    assert engine._reading.wait(SECONDS)
    assert 0 < engine.journal.end() < 300
    catch_up(engine, NOW + 200)
    assert counted(engine.store) == names(*range(-300, 0))


@on_sqlite
def test_an_end_that_takes_long_to_read_is_read_to_its_end(
    make_engine: MakeEngine,
    archive: Archive,
    history: Datagrepper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "PORTION", -1)
    monkeypatch.setattr(backlog, "TOGETHER", 1)
    numbers = range(-500, 500, 100)
    archive.add(*sent(*numbers))
    engine = make_engine(Ids, history=history, datagrepper__overlap=600)
    catch_up(engine, NOW + 600)
    assert counted(engine.store) == names(*numbers)
    assert healed(engine, BEFORE_THE_PLUGIN) == {EVERYBODY: True}


@on_sqlite
def test_what_was_sent_late_into_a_gap_is_certain_however_long_the_gap_stays_open(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    settings = {**OVERLAP, "journal__dedupe_horizon": 130, "datagrepper__endpoint": "http://here"}
    first = make_engine(Ids, now=NOW - 200, **settings)
    give_up(first, EVERYBODY)
    listen(first, range(-200, 5))
    turn(first, NOW + 5)
    first.stop(NOW + 5)
    unread = make_engine(Ids, now=NOW + 30, **settings)
    listen(unread, range(30, 300))
    for _ in range(2):  # ids are forgotten when all is counted
        turn(unread, NOW + 300)
    unread.stop(NOW + 300)
    archive.add(*sent(*range(-200, 300)), *sent(300, timestamp=NOW - 10))
    engine = make_engine(Ids, now=NOW + 300, history=history, **settings)
    catch_up(engine, NOW + 400)
    assert counted(engine.store) == names(*range(-200, 301))


@on_sqlite
def test_what_a_plugin_had_still_to_count_when_it_was_recalled_is_counted_once(
    make_engine: MakeEngine, archive: Archive, history: Datagrepper
) -> None:
    settings = {**OVERLAP, "journal__dedupe_horizon": 130, "datagrepper__endpoint": "http://here"}
    behind = make_engine(Ids, bad(), **settings)
    give_up(behind, EVERYBODY)
    suspend(behind.store, "bad-1s", "a rest")
    listen(behind, range(10))
    turn(behind, NOW + 10)
    recall(behind.store, behind.registry, "bad-1s", behind.config, None, NOW + 500)
    suspend(behind.store, "bad-1s", None)
    listen(behind, range(500, 510))
    for _ in range(2):  # ids are forgotten when all is counted
        turn(behind, NOW + 510)
    behind.stop(NOW + 510)
    archive.add(*sent(*range(10), *range(500, 510)))
    engine = make_engine(Ids, bad(), now=NOW + 510, history=history, **settings)
    catch_up(engine, NOW + 700)
    assert counted(engine.store, "bad-1s") == names(*range(10), *range(500, 510))
