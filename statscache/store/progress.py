"""How far each statistic is counted, until when its rows are complete, and what is still read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..message import EVERYBODY
from .owed import STILL, Debt
from .tables import BEFORE_THE_PLUGIN, NO_GAPS, RECALLED, checkpoint, dead_letter, owed


class Progress(NamedTuple):
    """What the daemon noted about one statistic.

    Rows are complete for messages until `complete_until`, in epoch seconds: the earliest of
    `counted_until` (what arrived until then is counted), the start of the first gap, and the first
    dead letter. The `tag` is
    that of the rows, another one after each change; None where there is none.
    """

    ident: str
    complete_until: float
    counted: int
    expired: int
    suspended: str | None
    tag: int | None = None
    counted_until: float = 0.0


class Reading(NamedTuple):
    """History that is still being read for a statistic; times in epoch seconds.

    Of what was sent from `start` to `stop` all that is older than `reached` has been read, and of
    the whole the `share`, 0 to 1. That has `brought` so many messages.
    """

    start: float
    stop: float
    reached: float
    share: float
    brought: int


def read(connection: Connection, ident: str) -> Progress | None:
    """The progress of the statistic `ident`; None: it was never counted."""
    row = connection.execute(_ONE, {"wanted": ident}).first()
    return _progress(*row) if row else None


def read_all(connection: Connection) -> dict[str, Progress]:
    """The progress of every statistic that was ever counted, by ident."""
    return {row.ident: _progress(*row) for row in connection.execute(_ALL)}


def history(debts: Iterable[Debt], ident: str) -> Reading | None:
    """What of `debts`, which stand, is the history of the statistic `ident`; None: there is none.

    Gaps are no part of it.
    """
    mine = [
        debt
        for debt in debts
        if debt.addressee in (EVERYBODY, ident) and debt.reason in (BEFORE_THE_PLUGIN, RECALLED)
    ]
    if not mine:
        return None
    start, stop = min(debt.start for debt in mine), max(debt.stop for debt in mine)
    unread = [debt.read_until for debt in mine if debt.read_until < debt.stop]
    done = sum(debt.read_until - debt.start for debt in mine)
    share = done / sum(debt.stop - debt.start for debt in mine)
    return Reading(start, stop, min(unread, default=stop), share, sum(one.brought for one in mine))


def _progress(
    ident: str,
    counted_until: float,
    counted: int,
    expired: int,
    suspended: str | None,
    tag: int | None,
    *limits: float | None,
) -> Progress:
    complete_until = min([counted_until, *(limit for limit in limits if limit is not None)])
    return Progress(ident, complete_until, counted, expired, suspended, tag, counted_until)


_FIRST_GAP = (
    sa.select(sa.func.min(owed.c.start))
    .where(
        *STILL,
        owed.c.addressee.in_([EVERYBODY, checkpoint.c.ident]),
        owed.c.reason.not_in(NO_GAPS),
    )
    .scalar_subquery()
)
_FIRST_DEAD_LETTER = (
    sa.select(sa.func.min(dead_letter.c.time))
    .where(dead_letter.c.ident == checkpoint.c.ident)
    .scalar_subquery()
)
_ALL = sa.select(
    checkpoint.c.ident,
    checkpoint.c.complete_until,
    checkpoint.c.counted,
    checkpoint.c.expired,
    checkpoint.c.suspended,
    checkpoint.c.tag,
    _FIRST_GAP,
    _FIRST_DEAD_LETTER,
)
_ONE = _ALL.where(checkpoint.c.ident == sa.bindparam("wanted"))
