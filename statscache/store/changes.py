"""The change table: which rows changed, for readers in other processes. Bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..models.base import MOST_TOUCHED, Touched
from .owed import STILL
from .tables import RECALLED, change, checkpoint, owed, owner

Row = tuple[float, dict[str, Any]]
"""A row that was touched: its timestamp in epoch seconds, and its key columns."""


class Mark(NamedTuple):
    """One statistic: its revision, the tag of its rows, and whether they are being recalled."""

    revision: int
    tag: int | None
    recalled: bool

    def has_rows_of(self, other: Mark | None) -> bool:
        """Whether no row has changed between the two."""
        return other is not None and (self.tag, self.recalled) == (other.tag, other.recalled)


class Changes(NamedTuple):
    """The `rows` that were touched, and whether those before `expired` (epoch seconds) went."""

    rows: list[Row]
    expired: float | None = None


class State(NamedTuple):
    """What tells whether rows have changed since, and whether the notes still tell which.

    `owner` stands for the daemon that counts. `oldest` and `newest` are the numbers of notes;
    0 where there are none. `marks` are by ident; one that was never counted has none.
    """

    owner: str
    oldest: int
    newest: int
    marks: dict[str, Mark]


def note(
    connection: Connection, ident: str, revision: int, touched: Collection[Touched], at: float
) -> None:
    """Note in the running transaction that the rows `touched` of `ident` changed.

    Where none are given it cannot be told which, and where there are very many it is not worth
    telling: the statistic is to be read again.
    """
    few = touched if len(touched) <= MOST_TOUCHED else ()
    rows = sorted(few, key=lambda row: (row[0], repr(row[1])))
    values = [
        {"timestamp": timestamp, "key": orjson.dumps(dict(key), default=str).decode()}
        for timestamp, key in rows
    ] or [{"timestamp": None, "key": None}]
    common = {"ident": ident, "revision": revision, "at": at}
    connection.execute(sa.insert(change), [{**common, **value} for value in values])


def note_expired(
    connection: Connection, ident: str, revision: int, until: float, at: float
) -> None:
    """Note in the running transaction that the rows of `ident` before `until` have gone.

    It is a note with a timestamp, and without a key.
    """
    values = {"ident": ident, "revision": revision, "at": at, "timestamp": until, "key": None}
    connection.execute(sa.insert(change).values(**values))


def forget(connection: Connection, ident: str) -> None:
    """Let no note about `ident` tell of a row any more. It stays, so that its number does."""
    mine = sa.update(change).where(change.c.ident == ident)
    connection.execute(mine.values(timestamp=None, key=None))


def prune(connection: Connection, keep: int) -> None:
    """Drop all but the newest `keep` notes, and the very newest: its number is not used again."""
    newest = sa.select(sa.func.max(change.c.id)).scalar_subquery()
    connection.execute(sa.delete(change).where(change.c.id <= newest - max(keep, 1)))


def state(connection: Connection, idents: Collection[str]) -> State:
    """The state of those statistics, by one query."""
    rows = connection.execute(_STATE, {"idents": list(idents)}).all()
    _, _, _, _, token, oldest, newest = rows[0] if rows else (None,) * 7
    marks = {row[0]: Mark(row[1], row[2], row[3]) for row in rows}
    who = hashlib.sha256((token or "").encode()).hexdigest()[:8]
    return State(who, oldest or 0, newest or 0, marks)


def since(connection: Connection, ident: str, before: State, now: State) -> Changes | None:
    """What became of the rows of `ident` between two states, of which `now` is the present one.

    None: it cannot be told, and all are to be read again. That is so where notes are missing,
    where too many rows were touched, and where these are rows of another history: of another
    database, of a backup that was put back, or of another version of the plugin.
    """
    old, new = before.marks.get(ident), now.marks.get(ident)
    if old == new or (new and new.has_rows_of(old)):
        return Changes([])
    if old is None or new is None or old.recalled != new.recalled or old.revision >= new.revision:
        return None
    if before.owner != now.owner or not _are_there(before, now):
        return None
    found = connection.execute(_SINCE, {"ident": ident, "revision": old.revision}).all()
    if not found or len(found) > MOST_TOUCHED or any(row.timestamp is None for row in found):
        return None
    expired = max((row.timestamp for row in found if row.key is None), default=None)
    return Changes([(row.timestamp, orjson.loads(row.key)) for row in found if row.key], expired)


def _are_there(before: State, now: State) -> bool:
    """Whether all notes that were made between the two states are still there.

    Notes are dropped in the order of their numbers. One that got its number first may be committed
    last, but not by more than the rows of some transactions.
    """
    return now.oldest <= max(before.oldest, 1) or now.oldest <= before.newest - MOST_TOUCHED


_IS_RECALLED = sa.exists().where(
    owed.c.addressee == checkpoint.c.ident, owed.c.reason == RECALLED, *STILL
)
_STATE = sa.select(
    checkpoint.c.ident,
    checkpoint.c.revision,
    checkpoint.c.tag,
    _IS_RECALLED.label("recalled"),
    sa.select(owner.c.token).scalar_subquery(),
    sa.select(sa.func.min(change.c.id)).scalar_subquery(),
    sa.select(sa.func.max(change.c.id)).scalar_subquery(),
).where(checkpoint.c.ident.in_(sa.bindparam("idents", expanding=True)))
_SINCE = (
    sa.select(change.c.timestamp, change.c.key)
    .distinct()
    .where(change.c.ident == sa.bindparam("ident"), change.c.revision > sa.bindparam("revision"))
    .limit(MOST_TOUCHED + 1)
)
