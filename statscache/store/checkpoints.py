"""Bookmarks: how far each plugin has counted, kept beside its rows.

Whoever changes a plugin's rows locks its checkpoint first and raises its revision; counting does
both by the compare-and-set that moves the bookmark. The bookmark is always read from the store.

Rows have a tag: a random number, replaced in the transaction that changes them. The same tag means
the same rows. A number that only rose would come back with other rows after a backup is restored.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import MovedError, OwnerError
from ..models.base import NOTED
from .tables import checkpoint as table
from .tables import owner


class Checkpoint(NamedTuple):
    """A row of the table of checkpoints; times in epoch seconds."""

    ident: str
    journal: str
    position: int
    origin: int
    revision: int
    version: str
    complete_until: float
    horizon: float
    counted: int
    expired: int
    suspended: str | None
    created: float


class Step(NamedTuple):
    """What one transaction of counting adds to a checkpoint."""

    position: int
    complete_until: float
    counted: int = 0
    expired: int = 0


def read(connection: Connection) -> dict[str, Checkpoint]:
    """All checkpoints, by ident."""
    rows = connection.execute(sa.select(*(table.c[name] for name in Checkpoint._fields)))
    return {row.ident: Checkpoint(*row) for row in rows}


def read_one(connection: Connection, ident: str) -> Checkpoint:
    columns = (table.c[name] for name in Checkpoint._fields)
    return Checkpoint(*connection.execute(sa.select(*columns).where(table.c.ident == ident)).one())


def tags(connection: Connection, idents: Collection[str]) -> dict[str, int | None]:
    """The tag that the rows of each of those statistics have; None: they have none yet."""
    query = sa.select(table.c.ident, table.c.tag).where(table.c.ident.in_(idents))
    return dict(tuple(row) for row in connection.execute(query))


def counting(connection: Connection, idents: Collection[str]) -> dict[str, Checkpoint]:
    """The checkpoints of those plugins that are not suspended, by ident."""
    return {
        ident: one
        for ident, one in read(connection).items()
        if ident in idents and not one.suspended
    }


def joined(connection: Connection, ident: str) -> float:
    """When the plugin began to count (epoch seconds); 0 if it never did."""
    created = connection.execute(sa.select(table.c.created).where(table.c.ident == ident)).scalar()
    return float(created or 0)


def create(connection: Connection, checkpoint: Checkpoint) -> None:
    connection.execute(sa.insert(table).values(tag=_tag(), **checkpoint._asdict()))


def advance(connection: Connection, read_as: Checkpoint, step: Step, token: str) -> int:
    """Move the bookmark from where it was read, by the daemon that owns the database.

    Locks the checkpoint until the transaction ends. Returns the new revision.

    Raises:
        OwnerError: another daemon has taken the database over.
        MovedError: the bookmark, or its revision, is not what was read any more.
    """
    moved = connection.execute(
        sa.update(table)
        .where(
            table.c.ident == read_as.ident,
            table.c.journal == read_as.journal,
            table.c.position == read_as.position,
            table.c.revision == read_as.revision,
            sa.exists().where(owner.c.token == token),
        )
        .values(
            position=step.position,
            revision=read_as.revision + 1,
            complete_until=step.complete_until,
            counted=table.c.counted + step.counted,
            expired=table.c.expired + step.expired,
        )
    )
    if moved.rowcount:
        return read_as.revision + 1
    if not connection.execute(sa.select(owner.c.token).where(owner.c.token == token)).first():
        raise OwnerError("another daemon has taken this database over; this one counts no more")
    raise MovedError(f"the bookmark of {read_as.ident} moved while its bucket was counted")


def lock(connection: Connection, ident: str, counted: int = 0, expired: int = 0) -> Checkpoint:
    """Lock the checkpoint of `ident`, raise its revision, and read it as it then is.

    `counted` and `expired` are added to what it says of messages.
    """
    connection.execute(
        sa.update(table)
        .where(table.c.ident == ident)
        .values(
            revision=table.c.revision + 1,
            counted=table.c.counted + counted,
            expired=table.c.expired + expired,
        )
    )
    return read_one(connection, ident)


def stamp(connection: Connection, ident: str) -> None:
    """Give the rows of `ident`, which are about to change, another tag."""
    mine = sa.update(table).where(table.c.ident == ident).values(tag=_tag())
    connection.execute(mine.execution_options(**{NOTED: True}))


def rest(connection: Connection, idents: list[str], position: int, now: float) -> None:
    """Note that nothing that arrived until `now` is left to count for `idents`.

    One that somebody has locked is left out: whoever rests does not wait for those who work.
    """
    free = (
        sa.select(table.c.ident)
        .where(table.c.ident.in_(idents), table.c.position == position)
        .with_for_update(skip_locked=True)
    )
    connection.execute(sa.update(table).where(table.c.ident.in_(free)).values(complete_until=now))


def suspend(connection: Connection, ident: str, reason: str | None) -> None:
    """Suspend the plugin for `reason`, or let it go on again (None)."""
    connection.execute(sa.update(table).where(table.c.ident == ident).values(suspended=reason))


def set_horizon(connection: Connection, ident: str, horizon: float) -> None:
    """From now on nothing before `horizon` (epoch seconds) is counted for `ident`."""
    connection.execute(sa.update(table).where(table.c.ident == ident).values(horizon=horizon))


def reset(connection: Connection, ident: str, version: str, horizon: float, now: float) -> None:
    """Let the plugin begin anew, as one that joins `now` (epoch seconds), where it stands."""
    anew = {"version": version, "horizon": horizon, "created": now, "counted": 0, "expired": 0}
    mine = sa.update(table).where(table.c.ident == ident)
    connection.execute(mine.values(origin=table.c.position, **anew))


def move_to(connection: Connection, journal: str, position: int) -> None:
    """Let every plugin that was fed from another one go on behind `position` of `journal`."""
    connection.execute(
        sa.update(table)
        .where(table.c.journal != journal)
        .values(journal=journal, position=position, origin=position, revision=table.c.revision + 1)
    )


def _tag() -> int:
    return secrets.randbits(63)
