"""A new journal with what could be saved of a damaged one, at the same positions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from ..files import make_private
from . import tables
from .rows import NOBODY, Seen, Span, rows, seen_row
from .tables import FORGOTTEN, HEARD, REFUSED, Positions
from .wreck import Wreck

NOWHERE = -1
"""The position of an id that is to be forgotten, while the others are still read."""

CACHE_KIBIBYTES = 128 << 10
"""For ids, which come in no order."""

BOUNDS = {"sqlite_sequence", "listening"}
"""The tables that say how far the journal went."""


class Known(NamedTuple):
    """What the database knows of the journal.

    All plugins have counted up to the position `lowest`, and one up to `highest`; it `listened`
    in these spans.
    """

    lowest: int
    highest: int
    listened: Sequence[Span]


class Salvage(NamedTuple):
    """What was saved, and what was not.

    `lost` are the positions, behind `lowest`, that are lost; of these, so many are `uncounted` by
    any plugin. The first entry saved behind them all arrived at `resumed` (epoch seconds, or
    None). `doubtful`: it is not known how far the journal went. `ids_lost`: not all ids could be
    read, maybe.
    """

    entries: int
    ids: int
    lost: Sequence[Positions]
    uncounted: int
    resumed: float | None
    doubtful: bool
    ids_lost: bool


def salvage(wreck: Wreck, new: Path, uuid: str, known: Known, now: float) -> Salvage:
    """Make the journal `uuid` in the file `new`; `now` is in epoch seconds.

    Raises:
        sqlite3.Error, OSError: it cannot be written.
    """
    # What was trimmed, all that ran had counted.
    trimmed = wreck.begin()
    known = Known(max(known.lowest, trimmed), max(known.highest, trimmed), known.listened)
    new.unlink(missing_ok=True)
    make_private(new)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        connection.execute("BEGIN")
        tables.create(connection, uuid)
        _save_entries(connection, wreck)
        _save_ids(connection, wreck, known)
        _save_notes(connection, wreck, known, now)
        lost = _save_positions(connection, wreck, known)
        doubtful = bool(wreck.unreadable & BOUNDS) or _lacks(wreck, known)
        since = None if doubtful or "seen" in wreck.unreadable else wreck.known_since()
        connection.execute(FORGOTTEN, (now if since is None else since,))
        found = _found(connection, lost, known.highest, doubtful, "seen" in wreck.unreadable)
        connection.execute("COMMIT")
    return found


def _save_entries(new: sqlite3.Connection, wreck: Wreck) -> None:
    saved = (rows(*kept)[1] for kept in wreck.entries())
    new.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", saved)
    query = "SELECT id, addressee, position, arrived FROM entry WHERE addressee != ?"
    named = new.execute(f"{query} ORDER BY position", (NOBODY,))
    new.executemany(
        "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)",
        (seen_row(Seen(*row)) for row in named),
    )


def _save_ids(new: sqlite3.Connection, wreck: Wreck, known: Known) -> None:
    """Of an entry that is lost, the id is known as far as somebody has counted it.

    What nobody has counted may come again. What only some have has to be handed to the others.
    """
    saved = (_placed(seen, known) for seen in wreck.ids())
    new.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", map(seen_row, saved))
    new.execute("DELETE FROM seen WHERE position = ?", (NOWHERE,))


def _placed(seen: Seen, known: Known) -> Seen:
    """An id whose entry was not saved: if it was, its id stands there already, and stays."""
    if seen.position <= known.lowest:
        return seen
    return seen._replace(position=0 if seen.position <= known.highest else NOWHERE)


def _save_notes(new: sqlite3.Connection, wreck: Wreck, known: Known, now: float) -> None:
    # From now until the daemon listens again is a gap between two spans, and so owed to everybody.
    new.executemany(HEARD, [*wreck.spans(), *known.listened, Span(now, now)])
    new.executemany(REFUSED, wreck.refused())


def _save_positions(new: sqlite3.Connection, wreck: Wreck, known: Known) -> list[Positions]:
    """Let positions go on above all that were used; those that are lost."""
    (last,) = new.execute("SELECT coalesce(max(position), 0) FROM entry").fetchone()
    holes = wreck.holes()
    end = max(wreck.end() or 0, known.highest, last, *(hole.last for hole in holes))
    if "sqlite_sequence" in wreck.unreadable:
        end += 1  # it stands for all that nobody can count
    tables.dig(new, holes)
    missing = list(_missing(new, end))
    tables.dig(new, missing)
    tables.set_end(new, end)
    return [
        Positions(max(one.first, known.lowest + 1), one.last)
        for one in missing
        if one.last > known.lowest
    ]


def _missing(new: sqlite3.Connection, end: int) -> Iterator[Positions]:
    following = 1
    for (position,) in new.execute("SELECT position FROM entry ORDER BY position"):
        if position > following:
            yield from tables.outside_holes(new, following, position - 1)
        following = position + 1
    yield from tables.outside_holes(new, following, end)


def _lacks(wreck: Wreck, known: Known) -> bool:
    """Whether the daemon has listened longer than the journal says: the end of it is lost."""
    listened = dict(wreck.spans())
    return any(listened.get(start, start) < stop for start, stop in known.listened)


def _found(
    new: sqlite3.Connection,
    lost: Sequence[Positions],
    highest: int,
    doubtful: bool,
    ids_lost: bool,
) -> Salvage:
    (entries,) = new.execute("SELECT count(*) FROM entry").fetchone()
    (ids,) = new.execute("SELECT count(*) FROM seen").fetchone()
    behind = "SELECT arrived FROM entry WHERE position > ? ORDER BY position LIMIT 1"
    resumed = new.execute(behind, (lost[-1].last,)).fetchone() if lost else None
    uncounted = sum(max(0, last - max(first - 1, highest)) for first, last in lost)
    return Salvage(entries, ids, lost, uncounted, resumed and resumed[0], doubtful, ids_lost)
