"""What keeps journal and store bounded, and tells other processes what the daemon knows."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy.engine import Connection

from . import changes, checkpoints, spans
from .checkpoints import Checkpoint, Step
from .config import Config
from .journal import Journal
from .store import Store

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
    if excess:
        with store.writing() as connection:
            for checkpoint in _holding(connection, idents, excess):
                _pass_by(connection, journal, checkpoint, excess, token, now)
    with store.reading() as connection:
        positions = [c.position for c in checkpoints.read(connection).values() if c.ident in idents]
        forget = _forget_before(connection, journal, config)
    journal.trim(min(positions, default=0), forget)


def _excess(journal: Journal, maximum: float) -> int:
    """The position up to which entries have to go to bring the journal under its size, or 0."""
    size, begin, end = journal.size(), journal.begin(), journal.end()
    if size <= maximum or end == begin:
        return 0
    return end - int((end - begin) * maximum / size)


def _holding(connection: Connection, idents: Collection[str], position: int) -> list[Checkpoint]:
    known = checkpoints.read(connection).values()
    return [one for one in known if one.ident in idents and one.position < position]


def _pass_by(
    connection: Connection,
    journal: Journal,
    checkpoint: Checkpoint,
    position: int,
    token: str,
    now: float,
) -> None:
    """Move a bookmark up to `position` without counting; what lay between is owed."""
    kept = journal.slice(position, journal.end(), 1)
    until = kept[0].entry.arrived if kept else now
    checkpoints.advance(connection, checkpoint, Step(position, until), token)
    spans.owe(connection, checkpoint.ident, checkpoint.complete_until, until, spans.TRIMMED, now)
    log.error(
        "the journal is larger than statscache.journal.maximum_size: %d entries were trimmed "
        "before %s had counted them, and are owed to it",
        position - checkpoint.position,
        checkpoint.ident,
    )


def _forget_before(connection: Connection, journal: Journal, config: Config) -> float:
    """Ids that arrived before this may be forgotten; epoch seconds."""
    newest = journal.newest()
    if newest is None:
        return 0
    before: float = newest - config["statscache.journal.dedupe_horizon"]
    if config["statscache.datagrepper.endpoint"] is None:
        return before
    # History may bring again what stands in a gap that is still open.
    owed = spans.earliest_owed(connection)
    return before if owed is None else min(before, owed)
