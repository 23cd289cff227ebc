"""When the daemon listened, and what it refused, as the journal noted it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..journal import Refusals, Span
from ..message import EVERYBODY
from .owed import owe
from .tables import NOT_LISTENING, coverage, refused


def covered(connection: Connection, journal: str) -> list[Span]:
    """When the daemon has listened, as the database knows it from `journal`, oldest first."""
    query = sa.select(coverage.c.start, coverage.c.stop).where(coverage.c.journal == journal)
    return [Span(*row) for row in connection.execute(query.order_by(coverage.c.start))]


def heard(connection: Connection) -> list[Span]:
    """When the daemon has listened, with whichever journal, oldest first."""
    query = sa.select(coverage.c.start, coverage.c.stop).order_by(coverage.c.start)
    return [Span(*row) for row in connection.execute(query)]


def mirror(connection: Connection, journal: str, listened: Sequence[Span], now: float) -> None:
    """Bring the table of coverage up to what the journal noted; what lies between is owed."""
    known = connection.execute(
        sa.select(sa.func.max(coverage.c.start)).where(coverage.c.journal == journal)
    ).scalar()
    for before, after in pairwise([span for span in listened if _is_new(span, known)]):
        owe(connection, EVERYBODY, before.stop, after.start, NOT_LISTENING, now)
    for span in listened:
        if _is_new(span, known):
            _upsert(connection, journal, span)


def mirror_refused(connection: Connection, journal: str, refusals: Sequence[Refusals]) -> None:
    """Bring the table of refusals up to what the journal noted."""
    connection.execute(sa.delete(refused).where(refused.c.journal == journal))
    if refusals:
        values = [{"journal": journal, **refusal._asdict()} for refusal in refusals]
        connection.execute(sa.insert(refused), values)


def _is_new(span: Span, known: float | None) -> bool:
    return known is None or span.start >= known


def _upsert(connection: Connection, journal: str, span: Span) -> None:
    same = (coverage.c.journal == journal, coverage.c.start == span.start)
    done = connection.execute(sa.update(coverage).where(*same).values(stop=span.stop))
    if not done.rowcount:
        connection.execute(sa.insert(coverage).values(journal=journal, **span._asdict()))
