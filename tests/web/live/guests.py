"""Statistics of every kind, and what can become of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, mapped_column

from statscache.models.distinct import member
from statscache.plugins import BasePlugin, CategorizedLogModel, Count, Distinct, Latest
from statscache.store import Store, changes, checkpoints, schema, tables
from statscache.store.transaction import Transaction

from ..conftest import CHECKPOINT

START = 1_767_744_000
"""2026-01-07."""

HOUR = 3_600


class Builds(Count):
    name, by, interval = "builds", ("state",), timedelta(hours=1)


class Visits(Distinct):
    name, by, interval = "visits", ("door",), timedelta(days=1)


class Heard(Latest):
    name, by = "heard", ("who",)


class Saying(CategorizedLogModel):
    """The way of an older package: it declares its timestamp by itself."""

    __tablename__ = "data_sayings"
    timestamp = mapped_column(sa.DateTime, nullable=False, index=True)


class Sayings(BasePlugin):
    name, model = "sayings", Saying


everything = [Builds, Visits, Heard, Sayings]


def build(model: Any, session: Session, hour: int, state: str, number: int) -> None:
    model.add(session, {(START + hour * HOUR, state): number})


def visit(model: Any, session: Session, day: int, door: str, who: str) -> None:
    model.add(session, {(START + day * 86_400, door, member(who)): 1})


def hear(model: Any, session: Session, second: int, who: str, what: str) -> None:
    model.put(session, [(START + second + 0.25, (who,), f'{{"what":"{what}"}}')])


def say(model: Any, session: Session, second: int, category: str, message: str) -> None:
    time = datetime(2026, 1, 7) + timedelta(seconds=second)
    session.add(model(timestamp=time, category=category, message=message))


def say_again(model: Any, session: Session, second: int, category: str, message: str) -> None:
    """The newest row moves to another place."""
    row = session.scalars(sa.select(model).order_by(model.id.desc()).limit(1)).first()
    if row:
        row.timestamp = datetime(2026, 1, 7) + timedelta(seconds=second)
        row.category, row.message = category, message


def unsay(model: Any, session: Session, *_: Any) -> None:
    row = session.scalars(sa.select(model).order_by(model.id).limit(1)).first()
    if row:
        session.delete(row)


@contextmanager
def counted(uri: str, ident: str) -> Iterator[Store]:
    """A database in which that statistic is counted."""
    with closing(Store(uri)) as store:
        schema.upgrade(store)
        with store.writing() as connection:
            connection.execute(sa.insert(tables.checkpoint).values(ident=ident, **CHECKPOINT))
        yield store


Act = Callable[..., None]


def commit(store: Store, ident: str, model: Any, act: Act, *arguments: Any) -> int:
    """Change rows as the engine does it; the new revision."""
    with Transaction(store, ident) as transaction:
        act(model, transaction.session, *arguments)
        transaction.session.flush()
        connection = transaction.connection()
        changes.note(connection, ident, transaction.revision, transaction.touched, START)
        transaction.commit()
    return transaction.revision


def expire(store: Store, ident: str, model: Any, until: float) -> None:
    """As the engine does it."""
    with store.writing() as connection:
        locked = checkpoints.lock(connection, ident)
        time = datetime(1970, 1, 1) + timedelta(seconds=until)
        connection.execute(sa.delete(model).where(model.timestamp < time))
        checkpoints.stamp(connection, ident)
        changes.note_expired(connection, ident, locked.revision, until, START)


def recall(store: Store, ident: str, model: Any) -> None:
    """All rows go, as where the engine cannot tell which."""
    with store.writing() as connection:
        locked = checkpoints.lock(connection, ident)
        connection.execute(sa.delete(model))
        checkpoints.stamp(connection, ident)
        changes.note(connection, ident, locked.revision, (), START)
