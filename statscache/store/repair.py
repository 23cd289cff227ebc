"""The way back from a damaged journal: what can be saved goes on, what is lost is owed."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import sqlalchemy as sa

from ..errors import JournalError
from ..journal import Span, damage, replacement
from ..journal.lock import hold, keep_out
from ..journal.reader import require
from ..journal.salvage import Known, Salvage, salvage
from ..journal.wreck import Wreck
from . import checkpoints, owed, spans
from .checkpoints import Checkpoint
from .database import Store
from .tables import JOURNAL_DAMAGED, owner


class Repair(NamedTuple):
    """What was wrong, what was saved, where the damaged file is, and what is owed to whom."""

    damage: str
    salvage: Salvage
    aside: Path
    owed: dict[str, Span]


def repair(store: Store, path: Path, now: float) -> Repair | None:
    """Mend the journal `path`, which no daemon may have open; None where nothing is wrong with it.

    The new file has the same name, the same positions, and goes on above all that were ever used.
    What a plugin had not counted, and is lost, is owed to it. `now` is in epoch seconds.

    Raises:
        JournalInUseError: a daemon holds it, or a command writes into it.
        JournalError: there is none, it was never one, or the disk has no room.
        sqlalchemy.exc.DBAPIError: the database is away; nothing was touched.
    """
    path = Path(os.path.realpath(path))
    require(path)
    with closing(hold(path)), closing(keep_out(path)):
        replacement.finish(path)
        found = damage.find_anywhere(path)
        if found is None:
            return None
        try:
            return _repair(store, path, found, now)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(
                f"the journal {path} cannot be repaired: {error}; it is as it was: make room for a "
                "second file of its size, then run this again"
            ) from error


def _repair(store: Store, path: Path, found: str, now: float) -> Repair:
    new = replacement.beside(path, ".new")
    with Wreck(path) as wreck:
        named = _named(store, path)
        uuid = wreck.uuid() or named or str(uuid4())
        counted = _counted(store, uuid)
        saved = salvage(wreck, new, uuid, _known(store, uuid, counted), now)
        if not (saved.entries or saved.ids or named or wreck.uuid()):
            new.unlink()
            raise JournalError(
                f"{path} holds nothing of a journal of statscache; set statscache.journal.path to "
                "another file"
            )
    lacking = {one.ident: _span(one, saved, now) for one in counted if _lacks(one, saved)}
    with store.writing() as connection:
        for ident, span in lacking.items():
            owed.owe(connection, ident, *span, JOURNAL_DAMAGED, now, owed.LOST)
    return Repair(found, saved, replacement.replace(path, new, now), lacking)


def _named(store: Store, path: Path) -> str | None:
    """The UUID of the journal at `path` on this host that feeds the database."""
    here = (owner.c.host == socket.gethostname(), owner.c.path == str(path))
    with store.reading() as connection:
        uuid: str | None = connection.execute(sa.select(owner.c.journal).where(*here)).scalar()
    return uuid


def _counted(store: Store, uuid: str) -> list[Checkpoint]:
    with store.reading() as connection:
        known = checkpoints.read(connection).values()
    return [one for one in known if one.journal == uuid]


def _known(store: Store, uuid: str, counted: Sequence[Checkpoint]) -> Known:
    positions = [one.position for one in counted]
    with store.reading() as connection:
        listened = spans.covered(connection, uuid)
    return Known(min(positions, default=0), max(positions, default=0), listened)


def _lacks(checkpoint: Checkpoint, saved: Salvage) -> bool:
    """Whether anything is lost that the plugin had not counted, or may be."""
    return saved.doubtful or any(one.last > checkpoint.position for one in saved.lost)


def _span(checkpoint: Checkpoint, saved: Salvage, now: float) -> Span:
    """When that arrived: from where the plugin had counted to the first that was saved behind."""
    stop = now if saved.doubtful or saved.resumed is None else saved.resumed
    # What arrived in the same instant is in the span, too.
    return Span(checkpoint.complete_until, max(stop, checkpoint.complete_until + 1))
