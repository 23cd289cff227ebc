"""What `statscache verify` says in the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from ..engine.importer import Brought
from ..journal import Span
from ..text import one_line
from ..verify.completeness import INCOMPLETE, PART, LeftOut, union
from ..verify.evidence import Difference
from ..verify.repair import Repaired
from ..verify.totals import Total
from ..verify.verification import Comparison
from .printing import utc

NAMED = 5
"""Ids that are named of one row."""

WIDTH = 300
"""Characters of a key."""


class Verdict:
    """Gathers what was found, and tells it.

    Args:
        limit: rows that are shown, at the most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._shown: list[str] = []
        self._differ = self._left = self._more = self._rows = 0
        self._windows: Counter[str] = Counter()
        self._outside: Counter[str] = Counter()
        self._left_out: list[LeftOut] = []
        self._brought = Brought(0, 0, 0, Counter())
        self._recalled: dict[str, Span] = {}
        self._notes: list[str] = []

    @property
    def differs(self) -> bool:
        """Whether anything is not what it should be, and was not mended."""
        return bool(self._left or self._more or self._recalled)

    @property
    def is_incomplete(self) -> bool:
        """Whether windows are known to lack messages."""
        return any(one.reason in INCOMPLETE for one in self._left_out)

    def add(self, found: Comparison) -> None:
        """Take in what came of one comparison."""
        self._windows += found.windows
        self._outside += found.outside
        self._left_out += found.left_out
        self._differ += len(found.differences)
        self._left += len(found.differences)
        self._more += found.more.total()
        room = max(0, self._limit - len(self._shown))
        self._shown += [_told(one) for one in found.differences[:room]]

    def mend(self, done: Repaired) -> None:
        """Take in what was mended of what was added last."""
        self._left = len(done.left)
        self._rows += done.rows
        self._brought = self._brought.plus(done.brought)
        self._recalled |= done.recalled
