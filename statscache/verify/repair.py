"""The repair: what is missing is let in and counted, and what still differs then is mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from ..backlog.importer import NOTHING, Brought, Importer
from ..engine.recall import recall
from ..journal import Span
from ..registry import Registry, Statistic
from .evidence import Difference
from .mending import adds, bring, mend
from .verification import Case, Comparison, compare, look_again

ROUNDS = 5
"""How often is tried what others may have changed meanwhile."""

Settle = Callable[[], object]
"""Returns when all that stands in the journal is counted."""


class Repaired(NamedTuple):
    """What was done: messages that were `brought`, and `rows` that were mended.

    `recalled` is what is owed again to statistics to which nothing can be added, `left` what
    differs still: it is too new, or changed all the time. `more`: there are windows that were not
    looked at yet.
    """

    brought: Brought
    rows: int
    recalled: dict[str, Span]
    left: list[Difference]
    more: bool


def repair(
    case: Case,
    installed: Registry,
    statistics: Sequence[Statistic],
    span: Span,
    found: Comparison,
    importer: Importer,
    settle: Settle,
) -> Repaired:
    """Mend what was `found` of `statistics` in `span`.

    Windows that ended less than the overlap ago are left: their messages may be on their way.

    Raises:
        HistoryError: history cannot be read.
        PluginError: a statistic cannot be recomputed, or recalled.
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    brought = NOTHING
    mended, left = 0, found.differences
    for _ in range(ROUNDS):
        lacking = [one for one in left if one.unknown]
        due = [one for one in left if not one.unknown and _can_be_mended(case, one)]
        if not (lacking or due):
            break
        if lacking:
            brought = brought.plus(bring(importer, case.source, _hull(lacking), case.now))
            settle()
        for statistic in statistics:
            mended += mend(case, statistic, [one for one in due if one.ident == statistic.ident])
        if lacking:
            # What is counted now may bring to light what it had made up for.
            found = compare(case, statistics, span)
            left = found.differences
        else:
            left = look_again(case, statistics, span, _windows(left))
    recalled = _recall(case, installed, [one for one in left if _is_old(case, one)])
    left = [one for one in left if one.ident not in recalled]
    return Repaired(brought, mended, recalled, left, bool(found.more))


def _hull(those: Sequence[Difference]) -> Span:
    return Span(min(one.part.start for one in those), max(one.part.stop for one in those))


def _recall(case: Case, installed: Registry, left: Collection[Difference]) -> dict[str, Span]:
    """Have statistics to which nothing can be added count anew from the first window on."""
    first = {
        one.ident: min(each.part.start for each in left if each.ident == one.ident)
        for one in left
        if not adds(one.part.statistic)
    }
    return {
        ident: recall(case.store, installed, ident, case.config, since, case.now)
        for ident, since in first.items()
    }


def _can_be_mended(case: Case, one: Difference) -> bool:
    return _is_old(case, one) and adds(one.part.statistic)


def _is_old(case: Case, one: Difference) -> bool:
    return one.part.stop <= case.now - case.overlap


def _windows(those: Collection[Difference]) -> dict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for one in those:
        found[one.ident].add(one.start)
    return found
