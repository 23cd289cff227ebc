"""One owner: a database names the journal that feeds it, and the daemon that may count."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from ..errors import OwnerError
from ..journal import Journal, Reader, Span
from ..journal.lock import keep_out
from . import checkpoints, owed, spans
from .database import Store
from .tables import JOURNAL_LOST, checkpoint, owner

STALE = 30
"""Seconds without a beat after which a daemon on another host is taken for dead."""


def claim(store: Store, journal: Journal, now: float) -> str:
    """Become the daemon that counts into this database; the token that says so.

    Raises:
        OwnerError: the database names another journal, another daemon is alive, or the journal
            is older than the database.
    """
    try:
        return _claim(store, journal, now)
    except IntegrityError:
        # Of two first starts in the same instant the other won: now its name is there to be read.
        return _claim(store, journal, now)


def adopt(store: Store, journal: Journal, now: float) -> tuple[float, float] | None:
    """Let the database name `journal` from now on, and every plugin go on with it.

    In another journal than before they go on at its end. In an older copy of the same one every
    bookmark stays: what the copy still has is counted, and what comes stands above all of them.

    What a plugin may miss is owed to it from where it had counted, so that nobody is handed again
    what only others lack. Returns the span of them all (epoch seconds), or None where nothing was
    ever counted.

    Raises:
        JournalInUseError: a command writes into the journal.
    """
    with closing(keep_out(journal.path)), store.writing() as connection:
        row = connection.execute(sa.select(owner).with_for_update()).first()
        known = checkpoints.read(connection).values()
        journal.continue_above(max((one.position for one in known), default=0))
        checkpoints.move_to(connection, journal.uuid, journal.end())
        for one in known:
            owed.owe(connection, one.ident, one.complete_until, now, JOURNAL_LOST, now)
        # An older copy learns how long the daemon has listened since. And from now until it
        # listens again is a gap between two spans, and so owed to everybody.
        for heard in [*spans.covered(connection, journal.uuid), Span(now, now)]:
            journal.append((), heard)
        if known:
            journal.forget_all(now)
        _name(connection, journal, now, row is not None)
    return (min(one.complete_until for one in known), now) if known else None


def beat(connection: Connection, token: str, now: float) -> None:
    """Say that the daemon lives.

    Raises:
        OwnerError: another one has taken over.
    """
    done = connection.execute(sa.update(owner).where(owner.c.token == token).values(beat=now))
    if not done.rowcount:
        raise OwnerError("another daemon has taken this database over; this one counts no more")


def release(store: Store, token: str) -> None:
    """Say that the daemon with `token` has ended."""
    with store.writing() as connection:
        connection.execute(sa.update(owner).where(owner.c.token == token).values(beat=0))


def require_fed(store: Store, journal: Reader) -> None:
    """Make sure that `journal` feeds the database.

    Raises:
        OwnerError: the database names another journal.
    """
    with store.reading() as connection:
        row = connection.execute(sa.select(owner)).first()
    if row is not None:
        _refuse_foreign(row, journal, store)


def _claim(store: Store, journal: Journal, now: float) -> str:
    with store.writing() as connection:
        row = connection.execute(sa.select(owner).with_for_update()).first()
        if row is not None:
            _refuse_foreign(row, journal, store)
            _refuse_living(row, journal, store, now)
        _refuse_older(connection, journal, store)
        return _name(connection, journal, now, row is not None)


def _name(connection: Connection, journal: Journal, now: float, locked: bool) -> str:
    """Write down who owns the database, in the row that is `locked`, or in a new one."""
    token = str(uuid4())
    row = {
        "journal": journal.uuid,
        "host": socket.gethostname(),
        "path": str(journal.path),
        "process": os.getpid(),
        "token": token,
        "beat": now,
    }
    # Changed in place: whoever waits for the lock on the row finds what has become of it. A row
    # that was not there to be locked is another daemon's.
    connection.execute(
        sa.update(owner).values(row) if locked else sa.insert(owner).values(id=1, **row)
    )
    return token


def _refuse_foreign(row: Any, journal: Reader, store: Store) -> None:
    if row.journal != journal.uuid:
        raise OwnerError(
            f"the database {store} is fed from the journal {row.path} on {row.host} ({row.journal})"
            f", not from {journal.path} ({journal.uuid}): use that journal, or, if it is lost, run "
            "`statscache journal adopt`"
        )


def _refuse_living(row: Any, journal: Journal, store: Store, now: float) -> None:
    # On the same path of the same host the lock on the journal has already decided.
    same = (row.host, row.path) == (socket.gethostname(), str(journal.path))
    if not same and now - row.beat < STALE:
        raise OwnerError(
            f"process {row.process} on {row.host} counts into the database {store} from a copy of "
            f"this journal ({row.path}): stop it, then wait {STALE} seconds"
        )


def _refuse_older(connection: Connection, journal: Journal, store: Store) -> None:
    """Refuse a copy of the journal that does not know all that the database has from it."""
    counted = connection.execute(
        sa.select(sa.func.max(checkpoint.c.position)).where(checkpoint.c.journal == journal.uuid)
    ).scalar()
    if counted is not None and counted > journal.end():
        raise OwnerError(
            f"the journal {journal.path} ends at {journal.end()}, but the database {store} has "
            f"counted up to {counted}: an older copy was restored; run `statscache journal adopt`"
        )
    # If the database was away while such a copy was written to, it may have grown beyond that.
    listened = dict(journal.spans())
    lacks = sum(
        max(0, stop - listened.get(start, start))
        for start, stop in spans.covered(connection, journal.uuid)
    )
    if lacks:
        raise OwnerError(
            f"the journal {journal.path} lacks {lacks:,.0f} s of listening that the database "
            f"{store} knows of: an older copy was restored; run `statscache journal adopt`"
        )
