"""What keeps journal and store bounded, and tells other processes what the daemon knows."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy.engine import Connection

from ..config import DAY, Config
from ..journal import Journal
from ..store import Store, changes, checkpoints, owed, spans
from ..store.checkpoints import Step
from ..store.owed import Missed
from ..store.tables import TRIMMED
from ..times import utc

HOLD_IDS = 30 * DAY
"""Seconds that ids are held for history to be compared with, at the most."""

log = logging.getLogger(__name__)


def tell(store: Store, journal: Journal, now: float) -> None:
    """Bring the store up to what the journal noted: coverage, gaps, refusals."""
    listened, refusals = journal.spans(), journal.refused()
    with store.writing() as connection:
        spans.mirror(connection, journal.uuid, listened, now)
        spans.mirror_refused(connection, journal.uuid, refusals)


def prune(store: Store, config: Config) -> None:
    """Keep the change table bounded."""
    with store.writing() as connection:
        changes.prune(connection, config["statscache.changes.keep"])


def trim(
    store: Store,
    journal: Journal,
    config: Config,
    idents: Collection[str],
    token: str,
    now: float,
) -> None:
    """Drop what every plugin of `idents` has counted, and ids beyond the horizon.

    A plugin that holds the journal above its size is passed by: what it misses is owed to it.
    """
    excess = _excess(journal, config["statscache.journal.maximum_size"])
    pass_by(store, journal, idents, excess, token, now)
    with store.reading() as connection:
        positions = [c.position for c in checkpoints.read(connection).values() if c.ident in idents]
        counted = min(positions, default=0)
        forget = _forget_before(connection, journal, config, counted)
    journal.trim(counted, forget)


def pass_by(
    store: Store, journal: Journal, idents: Collection[str], position: int, token: str, now: float
) -> None:
    """Move every bookmark that stands before `position` up to it; what lay between is owed."""
    with store.reading() as connection:
        known = checkpoints.read(connection)
    for ident in idents:
        if known[ident].position < position:
            with store.writing() as connection:
                _move_up(connection, journal, ident, position, token, now)


def _excess(journal: Journal, maximum: float) -> int:
    """The position up to which entries have to go to bring the journal under its size, or 0."""
    size, begin, end = journal.size(), journal.begin(), journal.end()
    if size <= maximum or end == begin:
        return 0
    return end - int((end - begin) * maximum / size)


def _move_up(
    connection: Connection, journal: Journal, ident: str, position: int, token: str, now: float
) -> None:
    found = checkpoints.lock(connection, ident)
    if found.position >= position:
        return
    kept = journal.slice(position, journal.end(), 1)
    until = kept[0].entry.arrived if kept else now
    checkpoints.advance(connection, found, Step(position, until), token)
    # What arrived in the same instant is in the span, too.
    stop = max(until, found.complete_until + 1)
    missed = Missed(found.position, position)
    owed.owe(connection, ident, found.complete_until, stop, TRIMMED, now, missed)
    log.error(
        "%d entries of the journal were trimmed before %s had counted them (for want of room, or "
        "while it was off); what came since %s is owed to it",
        position - found.position,
        ident,
        utc(found.complete_until),
    )


def _forget_before(connection: Connection, journal: Journal, config: Config, counted: int) -> float:
    """Ids that arrived before this may be forgotten; epoch seconds."""
    newest = journal.newest()
    if newest is None:
        return 0
    # What is still to be counted may have to be compared with ids that were new when it came.
    due = journal.slice(counted, journal.end(), 1)
    newest = min([newest, *(one.entry.arrived for one in due)])
    before: float = newest - config["statscache.journal.dedupe_horizon"]
    if config["statscache.datagrepper.endpoint"] is None:
        return before
    # History may bring again what is around a gap that is still open.
    needed = owed.ids_needed_since(connection)
    if needed is None:
        return before
    overlap: float = config["statscache.datagrepper.overlap"]
    # Once for what is read before the gap, and once for stamps that are ahead of their arrival.
    return min(before, max(needed - 2 * overlap, newest - HOLD_IDS))
