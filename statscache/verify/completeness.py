"""Which windows can be compared: those in which a statistic should have counted everything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from ..journal import Span
from ..message import EVERYBODY
from ..registry import Statistic
from ..store import owed, spans
from ..store.checkpoints import Checkpoint
from ..store.owed import Debt
from ..store.tables import RECALLED, REPLAYED

ACCEPTED = "it was given up with `statscache backlog drop`"
EXPIRED = "its rows are no longer kept"
OPEN = "a gap is open there: run `statscache backlog run`"
PART = "it is not wholly inside what is compared"
TIMELESS = "it holds messages without an id and a time"
UNCOUNTED = "it is not counted so far"
UNHEARD = "nobody listened then, and nothing was brought"

INCOMPLETE = frozenset((OPEN, UNHEARD))
"""Why rows are known not to be complete."""


class LeftOut(NamedTuple):
    """Windows of a statistic from `start` to `stop` (epoch seconds) that are not compared."""

    ident: str
    start: float
    stop: float
    reason: str


class Account(NamedTuple):
    """When a statistic should have counted all that was sent, what is owed, and what given up.

    It was last `recalled` at that time, epoch seconds; 0: never.
    """

    whole: Sequence[Span]
    open: Sequence[Span]
    accepted: Sequence[Span]
    recalled: float


def account(connection: Connection, checkpoint: Checkpoint) -> Account:
    """How the statistic stands with the past."""
    debts = owed.read(connection)
    mine = [debt for debt in debts if debt.addressee in (EVERYBODY, checkpoint.ident)]
    since = checkpoint.created
    there = [
        *(Span(max(start, since), stop) for start, stop in spans.heard(connection)),
        *(Span(one.start, _end(one)) for one in mine if (one.healed or 0) >= since),
    ]
    is_open = [one for one in mine if one.healed is None and one.accepted is None]
    open_ = union(Span(one.start, one.stop) for one in is_open)
    accepted = union(Span(one.start, one.stop) for one in mine if one.accepted is not None)
    recalled = max((one.opened for one in mine if one.reason == RECALLED), default=0.0)
    return Account(subtract(union(there), [*open_, *accepted]), open_, accepted, recalled)


def _end(debt: Debt) -> float:
    """A replay notes its last moment, just before a whole second, as a part of it."""
    return math.ceil(debt.stop) if debt.reason == REPLAYED else debt.stop


def stretches(
    statistic: Statistic,
    checkpoint: Checkpoint,
    span: Span,
    past: Account,
    timeless: Iterable[float],
) -> tuple[list[Span], list[LeftOut]]:
    """The whole windows inside `span` that can be compared, and those that cannot, with reasons."""
    seconds = statistic.window
    inside = inwards(span, seconds)
    left = [
        LeftOut(checkpoint.ident, one.start, one.stop, PART)
        for one in subtract([outwards(span, seconds)], [inside])
    ]
    these = [inside] if inside.stop > inside.start else []
    excluded = [
        (EXPIRED, [Span(0, checkpoint.horizon)]),
        (UNCOUNTED, [Span(checkpoint.complete_until, span.stop + seconds)]),
        (OPEN, past.open),
        (ACCEPTED, past.accepted),
        (UNHEARD, subtract([inside], past.whole)),
        (TIMELESS, [Span(time, time + 1e-6) for time in timeless]),
    ]
    for reason, without in excluded:
        wide = union(outwards(one, seconds) for one in without if one.stop > one.start)
        gone = [cut for one in these for cut in subtract([one], subtract([one], wide))]
        left += [LeftOut(checkpoint.ident, *one, reason) for one in gone]
        these = subtract(these, wide)
    return these, left


def inwards(span: Span, seconds: int) -> Span:
    """The whole windows that are inside the span; it may come out empty."""
    start = -(-span.start // seconds) * seconds
    return Span(start, max(start, span.stop // seconds * seconds))


def outwards(span: Span, seconds: int) -> Span:
    """The whole windows that the span touches."""
    return Span(span.start // seconds * seconds, -(-span.stop // seconds) * seconds)


def union(those: Iterable[Span]) -> list[Span]:
    """The same in as few spans as can be, in order."""
    joined: list[Span] = []
    for start, stop in sorted(those):
        if joined and start <= joined[-1].stop:
            joined[-1] = Span(joined[-1].start, max(stop, joined[-1].stop))
        elif stop > start:
            joined.append(Span(start, stop))
    return joined


def subtract(those: Iterable[Span], without: Iterable[Span]) -> list[Span]:
    """What of `those`, which do not overlap, is outside of `without`."""
    left = sorted(those)
    for hole in without:
        left = [
            part
            for one in left
            for part in (
                Span(one.start, min(one.stop, hole.start)),
                Span(max(one.start, hole.stop), one.stop),
            )
            if part.stop > part.start
        ]
    return left
