"""The repair: what is missing is let in and counted, and what still differs then is mended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from ..engine.importer import Brought, Importer
from ..engine.recall import recall
from ..journal import Span
from ..registry import Registry
from .evidence import Difference
from .mending import adds, bring, mend
from .verification import Case, look_again

ROUNDS = 5
"""How often is tried what others may have changed meanwhile."""

Settle = Callable[[], object]
"""Returns when all that stands in the journal is counted."""


class Repaired(NamedTuple):
    """What was done: messages that were `brought`, and `rows` that were mended.

    `recalled` is what is owed again to statistics to which nothing can be added, `left` what
    differs still: it is too new, or changed all the time.
    """

    brought: Brought
    rows: int
    recalled: dict[str, Span]
    left: list[Difference]


def repair(
    case: Case,
    installed: Registry,
    span: Span,
    found: Sequence[Difference],
    importer: Importer,
    settle: Settle,
) -> Repaired:
    """Mend what was `found` in `span`.

    Windows that ended less than the overlap ago are left: their messages may be on their way.

    Raises:
        HistoryError: history cannot be read.
        PluginError: a statistic cannot be recomputed, or recalled.
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    statistics = [installed.enabled[ident] for ident in sorted({one.ident for one in found})]
    brought = Brought(0, 0, 0, Counter())
    mended, left = 0, list(found)
    for _ in range(ROUNDS):
        lacking = [one for one in left if one.unknown]
        due = [one for one in left if not one.unknown and _can_be_mended(case, one)]
        if lacking:
            hull = Span(
                min(one.part.start for one in lacking), max(one.part.stop for one in lacking)
            )
            brought = brought.plus(bring(importer, case.source, hull, case.now))
            settle()
        for statistic in statistics:
            mine = [one for one in due if one.ident == statistic.ident]
            mended += mend(case.store, statistic, mine, case.now)
        if not (lacking or due):
            break
        left = look_again(case, statistics, span, _windows(left))
    recalled = _recall(case, installed, [one for one in left if _is_old(case, one)])
    return Repaired(brought, mended, recalled, [one for one in left if one.ident not in recalled])


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
