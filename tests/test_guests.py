"""Plugins of outside packages: in the style of the original, and as bad as they come.

Whatever one of them does, every message is counted once by all the others; and what the bad one
itself could not count is set aside, or still due, but never doubled.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from guests import (
    SECOND,
    Ids,
    MakeEngine,
    Message,
    Outside,
    Scalar,
    bad,
    build,
    checkpoint,
    counted,
    feed,
    letters,
    on_sqlite,
    once,
    outside_package,
    rows,
    turn,
)
from samples import NOW, message, name
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.types import UserDefinedType

from statscache.engine import Engine
from statscache.plugins import BaseModel, BasePlugin, Schedule
from statscache.store import schema

MESSAGES = range(12)
POISON = message(5)["msg_id"]


def all_at_once(ways: Mapping[str, Callable[[Session], Any]]) -> list[type[BasePlugin]]:
    """A bad plugin for each way; a good one among them; and one that makes the table."""
    plugins = [bad(act, name=way) for way, act in ways.items()]
    return [*plugins[::2], Ids, *plugins[1::2], type("Outside", (Outside,), {"interval": SECOND})]


def accounted_for(engine: Engine, ident: str = "bad-1s") -> Counter[str]:
    """What was counted, and what was set aside instead."""
    aside = {f"2026-{known}": 1 for known in letters(engine.store, ident)}
    return counted(engine.store, ident) + Counter(aside)


def leave(error: BaseException) -> Callable[..., Any]:
    def leaving(*_arguments: Any) -> None:
        raise error

    return leaving


def on_poison(act: Callable[[], Any]) -> Callable[[Message], Any]:
    return lambda message: act() if message["msg_id"] == POISON else None


def recurse(*_arguments: Any) -> Any:
    return deeper()


def deeper() -> Any:
    return deeper()


class Odd(BaseException):
    """Not even an Exception."""


class MuteError(Exception):
    """An exception that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


RAISED: dict[str, Callable[..., Any]] = {
    "value-error": leave(ValueError("no")),
    "mute": leave(MuteError()),
    "odd": leave(Odd()),
    "interrupt": leave(KeyboardInterrupt()),
    "generator-exit": leave(GeneratorExit()),
    "stop-iteration": leave(StopIteration()),
    "exit": lambda *_: sys.exit(3),
    "recursion": recurse,
}


def test_one_message_that_cannot_be_digested_is_set_aside_alone(make_engine: MakeEngine) -> None:
    plugins = [bad(process=on_poison(act), name=way) for way, act in RAISED.items()]
    engine = make_engine(Ids, *plugins)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    for way in RAISED:
        assert counted(engine.store, f"{way}-1s") == once(MESSAGES) - Counter([POISON])
        assert list(letters(engine.store, f"{way}-1s")) == [name(5)]


def test_plugins_that_always_fail_lose_nothing_and_harm_nobody(make_engine: MakeEngine) -> None:
    engine = make_engine(*all_at_once(RAISED))
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    for way in RAISED:
        assert letters(engine.store, f"{way}-1s").keys() == {name(number) for number in MESSAGES}


# -- sessions and connections --------------------------------------------------------------------


def leave_savepoints_open(session: Session) -> None:
    session.begin_nested()
    session.begin_nested()


def swallow_a_bad_object(session: Session) -> None:
    session.commit()
    session.add(Scalar(timestamp=datetime(2026, 1, 1)))
    with suppress(IntegrityError):
        session.flush()
    session.rollback()


def driver(session: Session) -> Any:
    return session.connection().connection.driver_connection


GOOD: dict[str, Callable[[Session], Any]] = {
    "commit": lambda session: (session.commit(), session.commit()),
    "commit-and-close": lambda session: (session.commit(), session.close()),
    "savepoints-open": leave_savepoints_open,
    "savepoint": lambda session: session.begin_nested().commit(),
    "bad-object": swallow_a_bad_object,
    "expunge": lambda session: session.expunge_all(),
}


def test_plugins_that_use_their_session_freely_count_exactly(make_engine: MakeEngine) -> None:
    engine = make_engine(*all_at_once(GOOD))
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    for way in ("ids", *GOOD):
        assert counted(engine.store, f"{way}-1s") == once(MESSAGES)
        assert not letters(engine.store, f"{way}-1s")


EVIL: dict[str, Callable[[Session], Any]] = {
    "rollback": lambda session: session.rollback(),
    "close": lambda session: session.close(),
    "bad-object-left": lambda session: session.add(Scalar()),
    "connection-commit": lambda session: session.connection().commit(),
    "connection-rollback": lambda session: session.connection().rollback(),
    "connection-close": lambda session: session.connection().close(),
    "invalidate": lambda session: session.invalidate(),
    "say-commit": lambda session: session.execute(sa.text("COMMIT")),
    "say-rollback": lambda session: session.execute(sa.text("ROLLBACK")),
    "driver-commit": lambda session: driver(session).cursor().execute("COMMIT"),
    "driver-rollback": lambda session: driver(session).rollback(),
    "driver-close": lambda session: driver(session).close(),
    "nonsense": lambda session: session.execute(sa.text("SELECT nonsense")),
}
TAKEN_BACK = ("rollback", "close")


def swallowing(act: Callable[[Session], Any]) -> Callable[[Session], Any]:
    def swallow(session: Session) -> None:
        with suppress(BaseException):
            act(session)

    return swallow


@pytest.mark.parametrize("swallowed", [False, True])
def test_plugins_that_end_the_transaction_harm_no_count(
    make_engine: MakeEngine, swallowed: bool
) -> None:
    ways = {way: swallowing(act) if swallowed else act for way, act in EVIL.items()}
    engine = make_engine(*all_at_once(ways))
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
        turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    for way in ways.keys() - TAKEN_BACK:
        found = accounted_for(engine, f"{way}-1s")
        waits = checkpoint(engine.store, f"{way}-1s").position < engine.journal.end()
        assert max(found.values(), default=1) == 1, way
        assert found == once(MESSAGES) or waits, way


@on_sqlite
def test_a_conflict_that_sqlite_resolves_by_rollback_harms_no_count(
    make_engine: MakeEngine,
) -> None:
    insert = (
        "INSERT OR ROLLBACK INTO stat_bad_1s (timestamp, name, volume) "
        "SELECT timestamp, name, volume FROM stat_bad_1s LIMIT 1"
    )
    engine = make_engine(Ids, bad(swallowing(lambda session: session.execute(sa.text(insert)))))
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert max(accounted_for(engine).values(), default=1) == 1


def test_a_plugin_with_a_second_session_of_its_own_harms_nobody(make_engine: MakeEngine) -> None:
    """On SQLite it would wait for itself, in vain, and let the others wait: it is told so."""

    def second(session: Session) -> None:
        row = Scalar(timestamp=datetime(2026, 1, 1), seconds=1, scalar=1)
        with Session(session.get_bind().engine) as own:
            own.add(row)
            own.commit()

    engine = make_engine(*all_at_once({"second": second}))
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert accounted_for(engine, "second-1s") == once(MESSAGES)
    refused = letters(engine.store, "second-1s")
    assert bool(refused) == engine.store.is_sqlite
    assert all("on a connection of its own" in letter["error"] for letter in refused.values())


SELF_HARM: dict[str, Callable[[Session], Any]] = {
    "delete-rows": lambda session: session.execute(sa.text("DELETE FROM stat_delete_rows_1s")),
    "drop-table": lambda session: session.execute(sa.text("DROP TABLE stat_drop_table_1s")),
}


def test_a_plugin_that_harms_itself_harms_nobody_else(make_engine: MakeEngine) -> None:
    engine = make_engine(*all_at_once(SELF_HARM))
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert not counted(engine.store, "delete-rows-1s")
    # On PostgreSQL the view of a table keeps it from being dropped.
    lost = {name(number) for number in (range(6, 12) if engine.store.is_sqlite else MESSAGES)}
    assert letters(engine.store, "drop-table-1s").keys() == lost


def test_a_plugin_that_uses_its_session_in_a_thread_harms_nobody(make_engine: MakeEngine) -> None:
    def use(session: Session) -> None:
        for act in (Session.commit, Session.rollback, Session.close, Session.flush) * 5:
            time.sleep(0.001)
            with suppress(BaseException):
                session.execute(sa.text("SELECT 1"))
                act(session)

    threads: list[threading.Thread] = []

    def start(session: Session) -> None:
        threads.append(threading.Thread(target=use, args=(session,)))
        threads[-1].start()

    engine = make_engine(bad(start), Ids)
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert max(accounted_for(engine).values(), default=1) == 1
    for thread in threads:
        thread.join()


def test_rows_that_violate_a_constraint_are_set_aside(make_engine: MakeEngine) -> None:
    class Wrong(Outside):
        name, interval = "wrong", SECOND

        def update(self, session: Session) -> None:
            for one in self._messages:
                scalar = None if one["msg_id"] == POISON else one["i"]
                session.add(Scalar(timestamp=datetime(2026, 1, 1), seconds=1, scalar=scalar))

    engine = make_engine(Ids, Wrong)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    expected = [(number,) for number in MESSAGES if number != 5]
    assert rows(engine.store, "data_scalar", "scalar") == expected
    assert "IntegrityError" in letters(engine.store, "wrong-1s")[name(5)]["error"]


# -- time and memory -----------------------------------------------------------------------------


@on_sqlite
def test_a_plugin_that_sleeps_while_it_takes_messages_in_delays_nobody(
    make_engine: MakeEngine,
) -> None:
    asleep, wake = threading.Event(), threading.Event()

    def sleep(_message: Message) -> None:
        asleep.set()
        wake.wait(10)

    engine = make_engine(bad(process=sleep), Ids)
    feed(engine, range(1))
    engine.turn(1, NOW)
    assert asleep.wait(5)
    for second in range(1, 4):
        feed(engine, [second], NOW + second)
        until(partial(is_counted, engine, range(second + 1)))
    assert not counted(engine.store, "bad-1s")
    wake.set()
    turn(engine)
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(range(4))


def is_counted(engine: Engine, numbers: range) -> bool:
    engine.turn(1, NOW)
    return counted(engine.store) == once(numbers)


def until(true: Callable[[], bool], seconds: float = 2) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@on_sqlite
def test_a_plugin_that_changes_messages_changes_only_its_own(make_engine: MakeEngine) -> None:
    def change(message: Message) -> None:
        message["msg"].clear()
        message["timestamp"] -= 1
        message["topic"] = None

    class Reader(Ids):
        name, reads_only = "reader", True

        def count(self, message: Message) -> Any:
            assert message["msg"]["name"] == "kernel"
            yield message["msg_id"]

    engine = make_engine(bad(process=change), Ids, Reader, type("Twice", (Reader,), {"name": "r2"}))
    feed(engine, MESSAGES)
    turn(engine)
    for ident in ("ids-1s", "bad-1s", "reader-1s", "r2-1s"):
        assert counted(engine.store, ident) == once(MESSAGES)
    assert rows(engine.store, "stat_bad_1s", "volume")


@on_sqlite
def test_messages_that_a_plugin_changed_before_it_failed_are_handed_over_whole(
    make_engine: MakeEngine,
) -> None:
    def change(message: Message) -> None:
        if message["msg_id"] == POISON:
            raise ValueError
        del message["msg"]["name"]

    engine = make_engine(Ids, bad(process=change), bad(process=change, name="r", reads_only=True))
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    for ident in ("bad-1s", "r-1s"):
        assert counted(engine.store, ident) == once(MESSAGES) - Counter([POISON])
        assert list(letters(engine.store, ident)) == [name(5)]


@on_sqlite
def test_a_plugin_that_keeps_every_message_for_ever_counts(make_engine: MakeEngine) -> None:
    kept: list[Message] = []
    engine = make_engine(Ids, bad(process=kept.append), bad(name="r", reads_only=True))
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    assert [one["i"] for one in kept] == list(MESSAGES)
    for ident in ("ids-1s", "bad-1s", "r-1s"):
        assert counted(engine.store, ident) == once(MESSAGES)


@on_sqlite
@pytest.mark.parametrize("method", ["process", "update", "handle"])
def test_a_plugin_that_only_promises_to_work_harms_nobody(
    make_engine: MakeEngine, method: str
) -> None:
    """A method that yields gives a generator, and does nothing."""

    def promise(*_: Any) -> Any:
        yield 1

    promising = bad()
    setattr(promising, method, promise)
    engine = make_engine(Ids, promising)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert not accounted_for(engine)
    assert checkpoint(engine.store, "bad-1s").position == engine.journal.end()


@on_sqlite
def test_a_plugin_that_keeps_state_in_memory_harms_nobody(make_engine: MakeEngine) -> None:
    class Lazy(Outside):
        """Writes only what the bucket before this one held."""

        name, interval = "lazy", SECOND
        kept: Any = None

        def update(self, session: Session) -> None:
            self._messages, self.kept = self.kept or [], self._messages
            super().update(session)

    engine = make_engine(Ids, Lazy)
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert rows(engine.store, "data_scalar", "scalar") == [(6,)]


@on_sqlite
def test_a_session_that_a_plugin_kept_locks_nobody_out(make_engine: MakeEngine) -> None:
    class Keeper(Outside):
        name, interval = "keeper", SECOND

        def launch(self, session: Session) -> None:
            self.session = session

        def process(self, message: Message) -> None:
            self.session.execute(sa.text("SELECT 1"))

    engine = make_engine(Keeper, Ids)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert len(letters(engine.store, "keeper-1s")) == len(MESSAGES)


# -- how they are made ---------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize("method", ["initialize", "launch"])
def test_a_plugin_that_cannot_begin_waits_alone_with_its_bookmark(
    make_engine: MakeEngine, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing = [True]

    def fail(_plugin: BasePlugin, _session: Session) -> None:
        if failing[0]:
            raise OSError("no network")

    engine = make_engine(Ids, bad(**{method: fail}))
    feed(engine, MESSAGES)
    for second in range(3):
        turn(engine, NOW + second)
    assert counted(engine.store) == once(MESSAGES)
    assert not accounted_for(engine)
    assert [record.levelname for record in caplog.records if "no network" in record.message] == [
        "ERROR"
    ]
    failing[0] = False
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(MESSAGES)


@on_sqlite
def test_a_plugin_whose_constructor_raises_later_waits_alone(make_engine: MakeEngine) -> None:
    made: list[BasePlugin] = []
    broken = [False]

    class Fragile(bad()):
        def __init__(self, schedule: Schedule | None, config: Mapping[str, Any]) -> None:
            super().__init__(schedule, config)
            made.append(self)
            if made[1:] and broken[0]:
                raise OSError("no more")

    broken[0] = True
    engine = make_engine(Ids, Fragile)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert not accounted_for(engine)
    broken[0] = False
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(MESSAGES)


@on_sqlite
def test_a_plugin_that_cannot_be_built_again_after_poison_sets_no_good_message_aside(
    make_engine: MakeEngine,
) -> None:
    poisoned: list[bool] = []

    def fail(_plugin: BasePlugin, _session: Session) -> None:
        if poisoned == [True]:
            raise OSError("not yet")

    engine = make_engine(
        Ids,
        bad(
            process=on_poison(lambda: (poisoned.append(True), leave(ValueError())())),
            initialize=fail,
        ),
    )
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert not letters(engine.store, "bad-1s")
    poisoned.append(True)
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(MESSAGES) - Counter([POISON])
    assert list(letters(engine.store, "bad-1s")) == [name(5)]


@on_sqlite
def test_a_plugin_that_cannot_stop_is_stopped(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(process=on_poison(leave(ValueError())), stop=leave(Odd())))
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    assert counted(engine.store, "bad-1s") == once(MESSAGES) - Counter([POISON])
    engine.stop(NOW)


@on_sqlite
def test_instances_are_thrown_away_after_a_failure_only(make_engine: MakeEngine) -> None:
    seen: list[tuple[str, int]] = []

    def see(what: str) -> Callable[..., None]:
        return lambda plugin, *_: seen.append((what, id(plugin)))

    failing = [False]
    plugin = bad(
        lambda _: leave(ValueError())() if failing[0] else None,
        initialize=see("initialize"),
        launch=see("launch"),
        stop=see("stop"),
    )
    engine = make_engine(plugin)
    for number in range(3):
        feed(engine, [number])
        turn(engine)
    assert [what for what, _ in seen] == ["initialize", "launch"]
    failing[0] = True
    feed(engine, [3])
    turn(engine)
    assert [what for what, _ in seen] == ["initialize", "launch", "stop"]
    failing[0] = False
    feed(engine, [4])
    turn(engine)
    engine.stop(NOW)
    assert [what for what, _ in seen] == 2 * ["initialize", "launch", "stop"]


@on_sqlite
def test_a_plugin_without_an_interval_rides_the_five_second_producer(
    make_engine: MakeEngine,
) -> None:
    class Whenever(Outside):
        name, interval = "whenever", None

        def update(self, session: Session) -> None:
            assert self.schedule is None
            for one in self._messages:
                session.add(Scalar(timestamp=datetime(2026, 1, 1), seconds=0, scalar=one["i"]))
            self._messages = []

    engine = make_engine(Whenever)
    feed(engine, MESSAGES)
    engine.turn(1, NOW)
    engine.turn(60, NOW)
    assert engine._pool.wait(10)
    assert checkpoint(engine.store, "whenever").position == 0
    engine.turn(5, NOW)
    assert engine._pool.wait(10)
    assert rows(engine.store, "data_scalar", "scalar") == [(number,) for number in MESSAGES]


@on_sqlite
def test_a_plugin_without_a_model_is_handed_everything_once(make_engine: MakeEngine) -> None:
    seen: list[str] = []

    class Watcher(BasePlugin):
        name, interval = "watcher", SECOND

        def process(self, message: Message) -> None:
            seen.append(message["msg_id"])

    engine = make_engine(Watcher, retention={"*": 1})
    for batch in (range(6), range(6, 12)):
        feed(engine, batch)
        turn(engine)
    assert Counter(seen) == once(MESSAGES)
    turn(engine, NOW + 300)
    turn(engine, NOW + 300)
    assert checkpoint(engine.store, "watcher-1s").complete_until == NOW + 300


@on_sqlite
def test_topics_choose_what_is_handed_over(make_engine: MakeEngine) -> None:
    engine = make_engine(
        bad(name="all", topics=["*"]),
        bad(name="none", topics=[]),
        bad(name="git", topics=["org.*.git.*", "*.lookaside.?"]),
    )
    topics = ["org.fedoraproject.prod.git.receive", "a.git.receive", "x.lookaside.y", "lookaside.y"]
    for number, topic in enumerate(topics):
        feed(engine, [number], topic=topic)
    turn(engine)
    assert counted(engine.store, "all-1s") == once(range(4))
    assert counted(engine.store, "none-1s") == {}
    assert counted(engine.store, "git-1s") == once([0, 2])
    assert checkpoint(engine.store, "none-1s").position == engine.journal.end()


@pytest.mark.parametrize(
    "attributes",
    [
        {"retention": 30},
        {"backlog_delta": "a week"},
        {"version": 10**80},
        {"topics": 7},
        {"retention": timedelta(days=10**6)},
        {"backlog_delta": timedelta(days=10**6)},
    ],
    ids=str,
)
@on_sqlite
def test_attributes_that_make_no_sense_harm_nobody(
    uri: str, tmp_path: Path, attributes: dict[str, Any]
) -> None:
    """A plugin that has them is skipped or counts; the daemon runs on."""
    engine = build(uri, tmp_path / "journal.sqlite", Ids, bad(**attributes))
    schema.upgrade(engine.store)
    engine.start(NOW)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)
    engine.stop(NOW)


class Nonsense(UserDefinedType[str]):
    def get_col_spec(self, **_options: Any) -> str:
        return "NONSENSE ("


class Unmakable(BaseModel):
    __tablename__ = "data_unmakable"
    nonsense = sa.Column(Nonsense)


def test_a_table_that_cannot_be_made_harms_nobody(make_engine: MakeEngine) -> None:
    class Impossible(Outside):
        name, interval, model = "impossible", SECOND, Unmakable

    engine = make_engine(Ids, Impossible)
    feed(engine, MESSAGES)
    turn(engine)
    assert counted(engine.store) == once(MESSAGES)


# -- in the style of the original ----------------------------------------------------------------


def reckoned(numbers: range, seconds: int) -> list[tuple[datetime, int]]:
    """What the table must hold for messages that are seven seconds apart."""
    starts = Counter((int(NOW) - 7 * number) // seconds * seconds for number in numbers)
    return sorted(
        (datetime.fromtimestamp(start, UTC).replace(tzinfo=None), volume)
        for start, volume in starts.items()
    )


def totals(engine: Engine, seconds: int) -> list[tuple[datetime, int]]:
    table = Scalar.__table__
    query = sa.select(table.c.timestamp, table.c.scalar).where(table.c.seconds == seconds)
    with engine.store.reading() as connection:
        return sorted(tuple(row) for row in connection.execute(query))


def test_a_package_of_the_original_counts_exactly(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, outside_package())
    for batch in (range(40), range(20, 60), range(60, 61), range(61)):
        for number in batch:
            feed(engine, [number], timestamp=int(NOW) - 7 * number)
        turn(engine)
    assert counted(engine.store) == once(range(61))
    assert totals(engine, 15) == reckoned(range(61), 15)
    assert totals(engine, 86_400) == reckoned(range(61), 86_400)
