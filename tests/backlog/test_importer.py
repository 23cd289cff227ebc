"""Messages of the past come in once, and not where they may have been counted long ago."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from guests import Ids, MakeEngine, bad, counted, feed, on_sqlite, once, rows, turn
from samples import NOW, message

from statscache.backlog.importer import Brought, Importer
from statscache.engine import Engine
from statscache.message import EVERYBODY
from statscache.store import owed
from statscache.store.tables import ASKED, NOT_LISTENING, REPLAYED

DAY = 86_400
FUTURE = 30 * DAY


def bring(engine: Engine, *messages: Any, now: float = NOW, to: str = EVERYBODY) -> Brought:
    return Importer(engine.journal, engine.store, engine.config).bring(messages, now, [to])


def forget(engine: Engine, before: float) -> None:
    """Let the journal forget the ids of what arrived before that."""
    engine.journal.trim(engine.journal.end(), before)


def owe(engine: Engine, start: float, stop: float, reason: str = NOT_LISTENING) -> None:
    with engine.store.writing() as connection:
        owed.owe(connection, EVERYBODY, start, stop, reason, NOW)


def give_up(engine: Engine) -> None:
    """Let all that is owed stay missing."""
    with engine.store.writing() as connection:
        owed.accept(connection, [one.id for one in owed.still(connection)], NOW)


def cover(engine: Engine, addressee: str, now: float) -> None:
    """Note that what was sent from 100 to 50 seconds before `NOW` was replayed at `now`."""
    with engine.store.writing() as connection:
        owed.cover(connection, addressee, NOW - 100, NOW - 50, REPLAYED, now)


def test_what_comes_in_is_counted_once(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    some = [message(number) for number in (1, 2, 3, 3, 4)]
    assert bring(engine, *some) == Brought(2, 3, 0, {})
    assert bring(engine, *some) == Brought(0, 5, 0, {})
    turn(engine)
    assert counted(engine.store) == once(range(5))


@on_sqlite
def test_what_comes_for_one_is_counted_by_that_one(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    feed(engine, range(3))
    assert bring(engine, *map(message, range(5)), to="bad-1s") == Brought(5, 0, 0, {})
    turn(engine)
    assert counted(engine.store) == once(range(3))
    assert counted(engine.store, "bad-1s") == once(range(5))


@on_sqlite
def test_several_sums_add_up(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    spoilt = message(9, topic="")
    first = bring(engine, message(1), spoilt)
    second = bring(engine, message(1), spoilt, message(2))
    assert first.plus(second) == Brought(2, 1, 0, {"no topic": 2})


@on_sqlite
def test_what_the_daemon_refuses_is_refused_and_what_has_no_time_too(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(Ids)
    spoilt: list[Any] = [
        message(1, topic=""),
        message(2, timestamp=NOW + FUTURE),
        message(3, timestamp=None),
        message(4, timestamp="noon"),
        message(5, timestamp=float("nan")),
        message(6, timestamp=12),
        message(7),
    ]
    reasons = {"no topic": 1, "stamped in the future": 1, "no usable time": 4}
    assert bring(engine, *spoilt) == Brought(1, 0, 0, reasons)
    turn(engine)
    assert counted(engine.store) == once([7])
    assert rows(engine.store, "statscache_refused", "reason") == []


@on_sqlite
def test_what_came_live_without_an_id_is_known_by_the_one_an_archive_made_up(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(Ids)
    nameless = message(1)
    del nameless["msg_id"]
    assert engine.accept(nameless, NOW)
    archived = [{**message(number), "msg_id": f"2026-invented-{number}"} for number in (1, 2)]
    assert bring(engine, *archived) == Brought(1, 1, 0, {})
    assert bring(engine, *archived) == Brought(0, 2, 0, {})
    turn(engine)
    assert counted(engine.store).total() == 2


@pytest.fixture
def forgetful(make_engine: MakeEngine) -> Engine:
    """A daemon that listened from `NOW` to `NOW` + 1000, and has forgotten the ids of that time."""
    engine = make_engine(Ids, datagrepper__overlap=50)
    feed(engine, [1], NOW, timestamp=NOW)
    turn(engine, NOW + 1000)
    feed(engine, [2], NOW + 5000, timestamp=NOW + 5000)
    turn(engine, NOW + 5000)
    forget(engine, NOW + 3000)
    return engine


Prepare = Callable[[Engine], None]


def at(time: float) -> dict[str, Any]:
    """Message 1, stamped so many seconds after `NOW`."""
    return message(1, timestamp=NOW + time)


@on_sqlite
@pytest.mark.parametrize(
    ("time", "brought"),
    [
        (-1, Brought(1, 0, 0, {})),  # before anybody listened
        (0, Brought(0, 0, 1, {})),
        (3049, Brought(0, 0, 1, {})),
        (3050, Brought(1, 0, 0, {})),  # now ids decide
    ],
)
def test_what_may_have_been_counted_long_ago_is_left_out(
    forgetful: Engine, time: float, brought: Brought
) -> None:
    assert bring(forgetful, at(time), now=NOW + 5000) == brought


@on_sqlite
def test_what_is_missing_may_come_though_ids_are_forgotten(forgetful: Engine) -> None:
    owe(forgetful, NOW + 100, NOW + 200)
    owe(forgetful, NOW + 300, NOW + 400, ASKED)
    some = [at(time) | {"msg_id": str(time)} for time in (99, 100, 199, 200, 300, 399)]
    assert bring(forgetful, *some, now=NOW + 5000) == Brought(2, 0, 4, {})


@on_sqlite
def test_what_was_brought_once_is_not_brought_again(forgetful: Engine) -> None:
    with forgetful.store.writing() as connection:
        owed.cover(connection, EVERYBODY, NOW - 100, NOW - 50, REPLAYED, NOW)
    some = [at(time) | {"msg_id": str(time)} for time in (-101, -100, -50, -49)]
    assert bring(forgetful, *some, now=NOW + 5000) == Brought(2, 0, 2, {})


@on_sqlite
def test_one_that_joined_later_may_have_what_others_had(
    forgetful: Engine, make_engine: MakeEngine
) -> None:
    forgetful.stop(NOW + 5000)
    engine = make_engine(Ids, bad(), now=NOW + 6000, datagrepper__overlap=50)
    assert bring(engine, at(10), now=NOW + 6000, to="bad-1s") == Brought(1, 0, 0, {})
    assert bring(engine, at(10), now=NOW + 6000, to="ids-1s") == Brought(0, 0, 1, {})
    turn(engine, NOW + 6000)
    assert counted(engine.store, "bad-1s") == once([1])
    assert counted(engine.store) == once([1, 2])


@on_sqlite
def test_a_gap_of_everybody_is_missing_for_each(forgetful: Engine) -> None:
    owe(forgetful, NOW + 100, NOW + 200)
    some = [at(time) | {"msg_id": str(time)} for time in (99, 150)]
    assert bring(forgetful, *some, now=NOW + 5000, to="ids-1s") == Brought(1, 0, 1, {})


@on_sqlite
def test_what_was_given_up_does_not_come_in_where_ids_are_forgotten(forgetful: Engine) -> None:
    owe(forgetful, NOW + 100, NOW + 200)
    give_up(forgetful)
    assert bring(forgetful, at(150), now=NOW + 5000) == Brought(0, 0, 1, {})


@on_sqlite
def test_what_was_brought_since_nothing_is_forgotten_is_known_by_its_ids(
    forgetful: Engine,
) -> None:
    cover(forgetful, EVERYBODY, NOW + 4000)
    assert bring(forgetful, at(-75), now=NOW + 5000) == Brought(1, 0, 0, {})


@on_sqlite
def test_what_was_replayed_before_a_recall_comes_again_from_there_on(forgetful: Engine) -> None:
    cover(forgetful, "ids-1s", NOW)
    with forgetful.store.writing() as connection:
        owed.recall(connection, "ids-1s", NOW - 80, NOW - 80, NOW, 0, NOW)
    some = [at(time) | {"msg_id": str(time)} for time in (-90, -70)]
    assert bring(forgetful, *some, now=NOW + 5000, to="ids-1s") == Brought(1, 0, 1, {})


@on_sqlite
def test_what_was_heard_or_brought_before_a_plugin_joined_was_not_counted_by_it(
    forgetful: Engine, make_engine: MakeEngine
) -> None:
    cover(forgetful, EVERYBODY, NOW)
    forgetful.stop(NOW + 5000)
    engine = make_engine(Ids, bad(), now=NOW + 6000, datagrepper__overlap=50)
    give_up(engine)
    assert bring(engine, at(10), now=NOW + 6000, to="bad-1s") == Brought(1, 0, 0, {})
    before = at(-75) | {"msg_id": "before"}
    assert bring(engine, before, now=NOW + 6000, to="bad-1s") == Brought(1, 0, 0, {})
    assert bring(engine, before, now=NOW + 6000, to="ids-1s") == Brought(0, 0, 1, {})
