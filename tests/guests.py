"""Plugins for the tests: two that can be trusted, and a way to make others that cannot.

And what the tests read back. `Ids` is the strictest witness: it keeps a row for each message,
which must say 1 in the end, whatever other plugins do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from samples import NOW, message
from sqlalchemy.orm import Session

from statscache import registry
from statscache.config import Config
from statscache.engine import Engine
from statscache.history import Datagrepper
from statscache.journal import Journal
from statscache.models import count_model
from statscache.plugins import BaseModel, BasePlugin, Count, Schedule
from statscache.store import Store, checkpoints, schema, tables
from statscache.store.checkpoints import Checkpoint

Message = dict[str, Any]
MakeEngine = Callable[..., Engine]

SECOND = timedelta(seconds=1)

on_sqlite = pytest.mark.parametrize("uri", ["sqlite"], indirect=True)
"""For tests to which the kind of database makes no difference."""

on_postgresql = pytest.mark.parametrize("uri", ["postgresql"], indirect=True)


class Ids(Count):
    """How often each message was counted."""

    name, by, interval = "ids", ("name",), SECOND

    def count(self, message: Message) -> Iterator[str]:
        yield message["msg_id"]


def bad(
    spoil: Callable[[Session], Any] | None = None,
    process: Callable[[Message], Any] | None = None,
    **attributes: Any,
) -> type[BasePlugin]:
    """Counts what `Ids` counts, under the name `bad`, and then does `spoil(session)`.

    And `process(message)` with each message before that.
    """

    class Bad(BasePlugin):
        name, interval = "bad", SECOND

        def __init__(self, schedule: Schedule | None, config: Mapping[str, Any]) -> None:
            super().__init__(schedule, config)
            self.model = count_model(self.ident, ("name",))
            self._found: Counter[tuple[int, str]] = Counter()

        def process(self, message: Message) -> None:
            if process:
                process(message)
            self._found[int(message["timestamp"]), message["msg_id"]] += 1

        def update(self, session: Session) -> None:
            self.model.add(session, self._found)
            self._found = Counter()
            if spoil:
                spoil(session)

    for attribute, value in attributes.items():
        setattr(Bad, attribute, value)
    return Bad


class Scalar(BaseModel):
    """A model as outside packages of the original define them."""

    __tablename__ = "data_scalar"
    id = sa.Column(sa.Integer, primary_key=True)
    timestamp = sa.Column(sa.DateTime, nullable=False, index=True)
    seconds = sa.Column(sa.Integer, nullable=False)
    scalar = sa.Column(sa.Integer, nullable=False)


class Outside(BasePlugin):
    """A plugin as outside packages of the original define them: it commits by itself."""

    name = "outside"
    summary = "the number of messages"
    description = "..."
    model = Scalar

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._messages: list[Message] = []

    def process(self, message: Message) -> None:
        self._messages.append(message)

    def update(self, session: Session) -> None:
        for one in self._messages:
            time = datetime.fromtimestamp(one["timestamp"], UTC).replace(tzinfo=None)
            window = {"timestamp": self.schedule.last(time), "seconds": self.schedule.length}
            row = session.query(Scalar).filter_by(**window).first()
            if row is None:
                row = Scalar(scalar=0, **window)
                session.add(row)
            row.scalar += 1
            session.commit()
        self._messages = []


def outside_package() -> Iterator[type[BasePlugin]]:
    """What the entry point of such a package points to: something that can be read once."""
    for seconds in (15, 86_400):
        yield type("Outside", (Outside,), {"interval": timedelta(seconds=seconds)})


class Point:
    """An entry point that is not on disk."""

    dist = None
    name = "several"

    def __init__(self, target: Any) -> None:
        self._target = target

    def load(self) -> Any:
        return self._target


def build(
    uri: str, journal: Path, *plugins: Any, history: Datagrepper | None = None, **settings: Any
) -> Engine:
    """An engine that is not started; settings as `make_engine` takes them."""
    names = {f"statscache.{key.replace('__', '.')}": value for key, value in settings.items()}
    config = Config(names | {"statscache.sqlalchemy.uri": uri, "statscache.journal.path": journal})
    installed = registry.load(config, [Point(plugins)] if plugins else None)
    opened = Journal(journal, config["statscache.journal.wait"])
    return Engine(config, installed, Store(uri, 12), opened, history)


def emptied(uri: str) -> None:
    """Let the database have all tables of ours, and nothing in these or any others."""
    store = Store(uri)
    schema.upgrade(store)
    with store.writing() as connection:
        for name in sa.inspect(connection).get_table_names():
            if name != schema.VERSION_TABLE:
                connection.exec_driver_sql(f'DELETE FROM "{name}"')
    store.close()


# -- feeding -----------------------------------------------------------------------------------


def feed(engine: Engine, numbers: Iterable[int], now: float = NOW, **changes: Any) -> None:
    """Hand those messages over, and commit them to the journal."""
    for number in numbers:
        assert engine.accept(message(number, **changes), now, more=True)
    engine.flush(now)


def turn(engine: Engine, now: float = NOW, timeout: float = 30) -> None:
    """Let all plugins have their turn, and wait until they are done."""
    assert engine.drain(now, timeout)


def abandon(engine: Engine) -> None:
    """What `SIGKILL` leaves: nothing is said to the database, only the lock is let go."""
    engine._stopping.set()
    assert engine._pool.stop(30)
    assert engine._reading.stop(30)
    engine.journal.close()
    engine.store.close()


# -- reading back ------------------------------------------------------------------------------


def rows(store: Store, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """All rows, sorted."""
    names = ", ".join(columns)
    with store.reading() as connection:
        return sorted(map(tuple, connection.execute(sa.text(f"SELECT {names} FROM {table}"))))


def counted(store: Store, ident: str = "ids-1s") -> Counter[str]:
    """How often each message was counted by `Ids`, or by another made by `bad`."""
    return Counter(dict(rows(store, f"stat_{ident.replace('-', '_')}", "name", "volume")))


def once(numbers: Iterable[int]) -> Counter[str]:
    """What `counted` has to give where those messages were counted once."""
    return Counter(message(number)["msg_id"] for number in set(numbers))


def checkpoint(store: Store, ident: str = "ids-1s") -> Checkpoint:
    with store.reading() as connection:
        return checkpoints.read_one(connection, ident)


def suspend(store: Store, ident: str, reason: str | None) -> None:
    with store.writing() as connection:
        checkpoints.suspend(connection, ident, reason)


def letters(store: Store, ident: str) -> dict[str, Mapping[str, Any]]:
    """The dead letters of `ident`, by the id of the message."""
    with store.reading() as connection:
        found = connection.execute(
            sa.select(tables.dead_letter).where(tables.dead_letter.c.ident == ident)
        )
        return {row.message_id: row._mapping for row in found}


def owed(store: Store, reason: str | None = None) -> list[tuple[str, float, float]]:
    """What is owed to whom, from when until when; for one reason, or for all."""
    query = sa.select(tables.owed.c["addressee", "start", "stop"]).order_by(tables.owed.c.id)
    if reason:
        query = query.where(tables.owed.c.reason == reason)
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]
