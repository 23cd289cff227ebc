"""The plan: which stretch of history is to be read next, and for whom."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..history.topics import Topics, in_full
from ..journal import Span
from ..message import EVERYBODY, Message, usable_time
from ..registry import Statistic
from ..store.owed import Debt
from ..store.tables import ASKED, BEFORE_THE_PLUGIN, RECALLED

BEGINNINGS = (ASKED, BEFORE_THE_PLUGIN, RECALLED)


class Due(NamedTuple):
    """What is to be read for one debt now: [start, stop), epoch seconds."""

    debt: Debt
    start: float
    stop: float


class Fetch(NamedTuple):
    """A stretch of history, [start, stop) in whole epoch seconds, of those topics; for whom."""

    start: int
    stop: int
    topics: Topics
    dues: Sequence[Due]


def span(debt: Debt, overlap: float) -> Span:
    """The time that is read for `debt`, epoch seconds.

    A gap is read with an overlap on both sides. What rows begin with has none before it, and what
    was asked for is just that.
    """
    start = debt.start if debt.reason in BEGINNINGS else debt.start - overlap
    return Span(start, debt.stop + (0 if debt.reason == ASKED else overlap))


def due(debt: Debt, overlap: float, now: float, again: float = -math.inf) -> Due | None:
    """What of `debt` is to be read now.

    As long as the overlap has not wholly passed, some may come late: then the end is read again,
    and has been up to `again`.
    """
    start, end = span(debt, overlap)
    reached = start if debt.reached is None else debt.reached
    if now >= end:
        return Due(debt, max(start, again, min(reached, 2 * debt.stop - end)), end)
    until = min(now, debt.stop)
    return Due(debt, reached, until) if reached < until else None


def is_last(due: Due, overlap: float) -> bool:
    """Whether nothing of the debt is left to be read after that."""
    return due.stop >= span(due.debt, overlap).stop


def next_fetch(
    debts: Iterable[Debt],
    statistics: Mapping[str, Statistic],
    overlap: float,
    now: float,
    again_until: Mapping[int, float] | None = None,
) -> Fetch | None:
    """What is to be read next: what everybody lacks comes first, and of that the latest.

    What several plugins lack of the same time is read once for all of them. `again_until` tells how
    far the ends of debts have been read again, by number.
    """
    readable = [one for one in debts if one.addressee == EVERYBODY or one.addressee in statistics]
    done = again_until or {}
    found = (due(debt, overlap, now, done.get(debt.id, -math.inf)) for debt in readable)
    dues = [one for one in found if one]
    if not dues:
        return None
    first = min(dues, key=lambda one: (one.debt.addressee != EVERYBODY, -one.debt.stop))
    if first.debt.addressee == EVERYBODY:
        return _fetch([first], None)
    topics = _topics(statistics[first.debt.addressee])
    alike = (
        one
        for one in dues
        if one.debt.addressee != EVERYBODY and _topics(statistics[one.debt.addressee]) == topics
    )
    return _fetch(_joined(first, alike), topics)


def again(seconds: float, now: float) -> Fetch:
    """The latest history once more, for everybody."""
    return Fetch(math.floor(now - seconds), math.floor(now), None, ())


def wanted(
    due: Due, statistics: Mapping[str, Statistic], messages: Iterable[Message]
) -> list[Message]:
    """Those of `messages` that are for the one to whom it is due."""
    timely = [one for one in messages if due.start <= _time(one) < due.stop]
    if due.debt.addressee == EVERYBODY:
        return timely
    wants = statistics[due.debt.addressee].wants
    return [one for one in timely if wants(one["topic"])]


def _time(message: Message) -> float:
    time = usable_time(message.get("timestamp"))
    return -math.inf if time is None else time


def _fetch(dues: Sequence[Due], topics: Topics) -> Fetch:
    start = math.floor(min(one.start for one in dues))
    return Fetch(start, math.ceil(max(one.stop for one in dues)), topics, dues)


def _joined(first: Due, others: Iterable[Due]) -> list[Due]:
    """`first` and those of the others that overlap with it, or with one that does."""
    joined = [first]
    for one in sorted(others, key=lambda due: -due.stop):
        if one != first and one.stop >= min(due.start for due in joined):
            joined.append(one)
    return joined


def _topics(statistic: Statistic) -> Topics:
    """What to ask for."""
    return in_full(statistic.plugin.topics)
