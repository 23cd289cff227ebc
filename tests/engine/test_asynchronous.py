"""Plugins of old whose work is done beside: exactly once counted, at least once worked."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count as counter
from typing import Any

import pytest
import sqlalchemy as sa
from guests import MakeEngine, Message, abandon, checkpoint, feed, letters, on_sqlite, rows, turn
from samples import NOW, name
from sqlalchemy.orm import Session

from statscache.engine import Engine
from statscache.engine.retry import Outcome, retry
from statscache.plugins import AsyncPlugin, BaseModel
from statscache.store import Store

IDENT = "lookup"


class Looked(BaseModel):
    __tablename__ = "data_looked"
    message = sa.Column(sa.UnicodeText, nullable=False)
    result = sa.Column(sa.UnicodeText, nullable=True)


class Lookup(AsyncPlugin):
    """Writes a row for each message, and looks something up for it once that is committed."""

    name, summary, description = "lookup", "...", "..."
    model = Looked
    worked: Counter[str]
    may_work: threading.Event
    broken: Callable[[str], bool]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._rows: list[Looked] = []

    def process(self, message: Message) -> None:
        time = datetime.fromtimestamp(message["timestamp"], UTC).replace(tzinfo=None)
        self._rows.append(Looked(timestamp=time, message=message["msg_id"]))

    def update(self, session: Session) -> None:
        for row in self._rows:
            session.add(row)
            session.commit()
            self.queue.enqueue(row)
        session.commit()
        self._rows = []

    def fill(self, session: Session) -> None:
        for row in session.query(Looked).filter(Looked.result.is_(None)):
            self.queue.enqueue(row)

    def work(self, row: Looked) -> None:
        assert self.may_work.wait(30)
        self.worked[row.message] += 1
        if self.broken(row.message):
            raise ValueError(row.message)
        row.result = f"looked up by {threading.current_thread().name}"


class Early(Lookup):
    """Has the message itself looked up, before there is a row."""

    def process(self, message: Message) -> None:
        self.queue.enqueue(message)

    def work(self, message: Message) -> None:
        super().process(message)
        row = self._rows[-1]
        super().work(row)

    def update(self, session: Session) -> None:
        session.add_all(self._rows)
        session.commit()
        self._rows = []

    def fill(self, session: Session) -> None:
        pass


def made(base: type[Lookup]) -> type[Lookup]:
    """A class of its own, so that tests do not share what was worked."""
    free = threading.Event()
    free.set()
    fresh = {"worked": Counter(), "may_work": free, "broken": staticmethod(lambda _: False)}
    return type(base.__name__, (base,), fresh)


@pytest.fixture
def lookup() -> type[Lookup]:
    return made(Lookup)


@pytest.fixture
def early() -> type[Lookup]:
    return made(Early)


def messages(store: Store) -> list[str]:
    return [name for (name,) in rows(store, "data_looked", "message")]


def results(store: Store) -> int:
    """How many rows have one."""
    return len([one for (one,) in rows(store, "data_looked", "coalesce(result, '')") if one])


def names(numbers: range) -> list[str]:
    return sorted(f"2026-{name(number)}" for number in numbers)


def tick(engine: Engine, until: Callable[[], object]) -> None:
    """Turns without messages, until that is so."""
    end = time.monotonic() + 30
    while not until():
        assert time.monotonic() < end
        turn(engine)


def test_results_are_written_by_turns_that_bring_no_messages(
    make_engine: MakeEngine, lookup: type[Lookup]
) -> None:
    engine = make_engine(lookup)
    feed(engine, range(50))
    turn(engine)
    tick(engine, lambda: results(engine.store) == 50)
    assert messages(engine.store) == names(range(50))
    assert lookup.worked == Counter(names(range(50)))
    assert checkpoint(engine.store, IDENT).counted == 50


def test_work_begins_when_its_rows_are_committed_and_none_is_under_way_in_a_transaction(
    make_engine: MakeEngine,
) -> None:
    plugin = made(Lookup)
    inside = threading.Event()

    class Watched(plugin):  # type: ignore[valid-type, misc]
        def update(self, session: Session) -> None:
            super().update(session)
            inside.set()
            time.sleep(0.2)
            assert not self._working
            inside.clear()

        def work(self, row: Looked) -> None:
            assert not inside.is_set()
            super().work(row)

    engine = make_engine(Watched)
    for start in range(0, 40, 10):
        feed(engine, range(start, start + 10))
        turn(engine)
    tick(engine, lambda: results(engine.store) == 40)
    assert plugin.worked == Counter(names(range(40)))


def test_what_was_not_worked_when_it_was_killed_is_worked_again(
    make_engine: MakeEngine, lookup: type[Lookup]
) -> None:
    engine = make_engine(lookup)
    lookup.may_work.clear()
    feed(engine, range(20))
    turn(engine)
    assert (len(messages(engine.store)), results(engine.store)) == (20, 0)
    abandon(engine)
    again = made(Lookup)
    engine = make_engine(again)
    tick(engine, lambda: results(engine.store) == 20)
    assert messages(engine.store) == names(range(20))
    assert again.worked == Counter(names(range(20)))
    lookup.may_work.set()


def test_what_was_worked_but_not_written_when_it_was_killed_is_worked_again(
    make_engine: MakeEngine, lookup: type[Lookup]
) -> None:
    engine = make_engine(lookup)
    feed(engine, range(20))
    turn(engine)
    while lookup.worked.total() < 20:
        time.sleep(0.01)
    assert results(engine.store) == 0
    abandon(engine)
    again = made(Lookup)
    engine = make_engine(again)
    tick(engine, lambda: results(engine.store) == 20)
    assert again.worked == Counter(names(range(20)))


def test_a_message_is_not_counted_before_the_work_on_it_is_done(
    make_engine: MakeEngine, early: type[Lookup]
) -> None:
    engine = make_engine(early)
    early.may_work.clear()
    feed(engine, range(5))
    engine.turn(5, NOW)
    time.sleep(0.2)
    assert checkpoint(engine.store, IDENT).counted == 0
    early.may_work.set()
    turn(engine)
    assert checkpoint(engine.store, IDENT).counted == 5
    assert messages(engine.store) == names(range(5))
    assert results(engine.store) == 5


def test_a_bucket_whose_work_was_cut_off_is_worked_again_and_counted_once(
    make_engine: MakeEngine, early: type[Lookup]
) -> None:
    broken = counter()

    class Failing(early):  # type: ignore[valid-type, misc]
        def update(self, session: Session) -> None:
            super().update(session)
            if next(broken) == 0:
                raise KeyboardInterrupt

    engine = make_engine(Failing)
    feed(engine, range(3))
    turn(engine)
    turn(engine)
    assert messages(engine.store) == names(range(3))
    assert set(early.worked) == set(names(range(3)))
    assert letters(engine.store, IDENT) == {}


@on_sqlite
def test_work_that_fails_is_told_and_the_rest_goes_on(
    make_engine: MakeEngine, lookup: type[Lookup], caplog: pytest.LogCaptureFixture
) -> None:
    (bad,) = names(range(1))
    lookup.broken = staticmethod(lambda one: one == bad)  # type: ignore[assignment]
    engine = make_engine(lookup)
    feed(engine, range(4))
    turn(engine)
    tick(engine, lambda: results(engine.store) == 3)
    assert f"lookup: work on an item failed: ValueError: {bad}" in caplog.text
    assert letters(engine.store, IDENT) == {}


def test_rows_that_go_meanwhile_are_not_missed(
    make_engine: MakeEngine, lookup: type[Lookup]
) -> None:
    engine = make_engine(lookup)
    lookup.may_work.clear()
    feed(engine, range(4))
    turn(engine)
    with engine.store.writing() as connection:
        gone = sa.delete(Looked).where(Looked.message == names(range(1))[0])
        connection.execute(gone)
    lookup.may_work.set()
    feed(engine, range(4, 6))
    tick(engine, lambda: results(engine.store) == 5)
    assert messages(engine.store) == names(range(1, 6))
    assert letters(engine.store, IDENT) == {}


@on_sqlite
def test_the_end_of_the_daemon_waits_for_no_work(
    make_engine: MakeEngine, lookup: type[Lookup]
) -> None:
    engine = make_engine(lookup)
    lookup.may_work.clear()
    feed(engine, range(4))
    turn(engine)
    began = time.monotonic()
    engine.stop(NOW)
    assert time.monotonic() - began < 3
    lookup.may_work.set()


def test_a_dead_letter_is_retried_with_its_work(
    make_engine: MakeEngine, early: type[Lookup]
) -> None:
    broken = [True]

    class Failing(early):  # type: ignore[valid-type, misc]
        def process(self, message: Message) -> None:
            if broken[0]:
                raise ValueError("no")
            super().process(message)

    engine = make_engine(Failing)
    feed(engine, range(1))
    turn(engine)
    (letter,) = letters(engine.store, IDENT).values()
    broken[0] = False
    statistic = engine.registry.enabled[IDENT]
    (done,) = retry(engine.store, statistic, engine.config, [letter["id"]], NOW)
    assert done.outcome is Outcome.COUNTED
    assert messages(engine.store) == names(range(1))


@on_sqlite
def test_no_item_slips_through_between_two_that_are_worked(
    make_engine: MakeEngine, early: type[Lookup]
) -> None:
    """Each bucket has written what its work came to, however short that is."""
    engine = make_engine(early)
    for start in range(0, 600, 3):
        feed(engine, range(start, start + 3))
        turn(engine)
        assert len(messages(engine.store)) == start + 3


@pytest.fixture(autouse=True)
def no_threads_are_left() -> Iterator[None]:
    yield
    end = time.monotonic() + 10
    while any(one.name == "statscache-work" for one in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
