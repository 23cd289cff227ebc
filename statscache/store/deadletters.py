"""Messages that a plugin could not digest, set aside with the traceback."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..message import ERASED, Entry
from ..text import sentence, storable
from .tables import dead_letter as table

MOST_TRACEBACK = 50_000
"""Characters: an exception may say as much as it likes."""


class Heading(NamedTuple):
    """What tells one dead letter from another; `set_aside` in epoch seconds."""

    id: int
    ident: str
    set_aside: float
    attempts: int
    topic: str
    error: str


class Letter(NamedTuple):
    """A dead letter with its message; times in epoch seconds."""

    id: int
    ident: str
    set_aside: float
    attempts: int
    topic: str
    error: str
    message_id: str
    arrived: float
    time: float
    body: str
    traceback: str

    @property
    def entry(self) -> Entry:
        """The message as the journal had it."""
        return Entry(self.message_id, self.arrived, self.time, self.topic, self.body)


def add(
    connection: Connection,
    ident: str,
    entry: Entry,
    error: BaseException,
    now: float,
    quiet: bool = False,
) -> None:
    """Set `entry`, over which the statistic `ident` failed, aside.

    Where it has to be `quiet`, what the error says is not kept.
    """
    connection.execute(
        sa.insert(table).values(
            ident=ident,
            message_id=entry.id,
            arrived=entry.arrived,
            time=entry.time,
            topic=entry.topic,
            body=_text(entry.body),
            set_aside=now,
            attempts=1,
            **(_hushed(type(error).__name__) if quiet else _told(error)),
        )
    )


def fail_again(connection: Connection, letter: Letter, error: BaseException) -> bool:
    """Note that one more attempt failed; False: there is no such letter any more.

    Nor one that was rewritten meanwhile: the error may tell what is not to be told any more.
    """
    values = {"attempts": table.c.attempts + 1, **_told(error)}
    same = (table.c.id == letter.id, table.c.body == letter.body)
    return bool(connection.execute(sa.update(table).where(*same).values(values)).rowcount)


def of(connection: Connection, ident: str) -> Iterator[Letter]:
    """All letters of the statistic `ident`, the oldest first."""
    columns = (table.c[name] for name in Letter._fields)
    query = sa.select(*columns).where(table.c.ident == ident).order_by(table.c.id)
    for row in connection.execute(query.execution_options(yield_per=100)):
        yield Letter(*row)


def rewrite(connection: Connection, letter: Letter, body: bytes | str) -> None:
    """Give `letter` another body; what its error said goes."""
    kind = letter.error.partition(":")[0]
    values = {"body": _text(body), **_hushed(kind)}
    connection.execute(sa.update(table).where(table.c.id == letter.id).values(values))


def remove(connection: Connection, numbers: Collection[int]) -> int:
    """Take the letters of those ids away; how many there still were."""
    return connection.execute(sa.delete(table).where(table.c.id.in_(numbers))).rowcount


def remove_since(connection: Connection, ident: str, start: float) -> None:
    """Take the letters of `ident` away whose messages were sent from `start` on (epoch seconds)."""
    mine = (table.c.ident == ident, table.c.time >= start)
    connection.execute(sa.delete(table).where(*mine))


def read(connection: Connection, number: int) -> Letter | None:
    """The letter of that id, if there is one."""
    columns = (table.c[name] for name in Letter._fields)
    row = connection.execute(sa.select(*columns).where(table.c.id == number)).first()
    return Letter(*row) if row else None


def newest(connection: Connection, idents: Collection[str], limit: int) -> list[Heading]:
    """The headings of the `limit` newest letters of `idents`."""
    columns = (table.c[name] for name in Heading._fields)
    query = sa.select(*columns).where(table.c.ident.in_(idents)).order_by(table.c.id.desc())
    return [Heading(*row) for row in connection.execute(query.limit(limit))]


def numbers(connection: Connection) -> dict[int, str]:
    """The id of every letter and the statistic that it belongs to, the oldest first."""
    rows = connection.execute(sa.select(table.c.id, table.c.ident).order_by(table.c.id))
    return {row.id: row.ident for row in rows}


def ids_of(connection: Connection, ident: str) -> frozenset[str]:
    """The ids of the messages that the statistic `ident` has letters of."""
    query = sa.select(table.c.message_id).where(table.c.ident == ident)
    return frozenset(connection.execute(query).scalars())


def totals(connection: Connection) -> dict[str, int]:
    """How many letters each statistic has, those that have any, sorted by ident."""
    query = sa.select(table.c.ident, sa.func.count()).group_by(table.c.ident)
    return dict(sorted(tuple(row) for row in connection.execute(query)))


def count(connection: Connection, ident: str) -> int:
    """How many letters the statistic `ident` has."""
    query = sa.select(sa.func.count()).where(table.c.ident == ident)
    return connection.execute(query).scalar_one()


def _text(body: bytes | str) -> str:
    return body.decode() if isinstance(body, bytes) else body


def _hushed(kind: str) -> dict[str, str]:
    return {"error": kind, "traceback": ERASED}


def _told(error: BaseException) -> dict[str, str]:
    """What `error` says, in one line and in full."""
    text = storable("".join(traceback.format_exception(error)))
    if len(text) > MOST_TRACEBACK:
        half = MOST_TRACEBACK // 2
        text = f"{text[:half]}\n...\n{text[-half:]}"
    return {"error": sentence(error), "traceback": text}
