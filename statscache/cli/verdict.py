"""What `statscache verify` says in the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from ..backlog.importer import NOTHING
from ..journal import Span
from ..text import one_line
from ..times import utc
from ..verify.completeness import INCOMPLETE, LeftOut, union
from ..verify.evidence import Difference
from ..verify.repair import Repaired
from ..verify.totals import Total
from ..verify.verification import Comparison

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
        self._brought = NOTHING
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

    def mend(self, found: Comparison, done: Repaired) -> None:
        """Take in what was mended of what was `found`."""
        self._left += len(done.left) - len(found.differences)
        self._rows += done.rows
        self._brought = self._brought.plus(done.brought)
        self._recalled |= done.recalled

    def start_over(self, found: Comparison) -> None:
        """What was `found` there is compared anew; what was shown of it stays."""
        self._windows -= found.windows
        self._outside -= found.outside
        self._more -= found.more.total()
        del self._left_out[len(self._left_out) - len(found.left_out) :]

    def pass_over(self, ident: str, reason: str) -> None:
        """Note that a statistic is not compared at all."""
        self._notes.append(f"{ident} is not compared: {reason}")

    def compare_totals(self, hours: int, different: Sequence[Total]) -> None:
        """Note what came of comparing the totals of so many hours."""
        for one in different[: self._limit]:
            self._notes.append(
                f"{utc(one.start)}: {one.stored:,} messages are stored in that hour, "
                f"{one.archived:,} are in the archive"
            )
        self._notes.append(f"the totals of {len(different):,} of {hours:,} hours differ")

    def lines(self, span: Span) -> Iterator[str]:
        """All of it, for people."""
        yield from self._shown
        if self._differ > len(self._shown):
            yield f"{self._differ - len(self._shown):,} more rows differ; --limit shows more"
        yield from self._notes
        yield from _merged(self._left_out)
        for reason, number in sorted(self._outside.items()):
            yield f"{number:,} messages of history cannot be compared: {reason}"
        number = self._windows.total()
        yield (
            f"{number:,} windows of {len(+self._windows):,} statistics compared, from "
            f"{utc(span.start)} to {utc(span.stop)}"
        )
        yield f"{self._differ:,} rows differ" if self._differ else "nothing differs"
        if self._more:
            yield f"in {self._more:,} more windows something differs"
        yield from self._repairs()

    def _repairs(self) -> Iterator[str]:
        if self._brought.new:
            yield f"{self._brought.new:,} messages were let in, and are counted"
        if self._brought.doubtful:
            yield f"{self._brought.doubtful:,} were not: they may have been counted long ago"
        if self._rows:
            yield f"{self._rows:,} rows were mended"
        for ident, (start, stop) in sorted(self._recalled.items()):
            yield (
                f"{ident} counts anew what was sent from {utc(start)} to {utc(stop)}: the daemon "
                "fetches it again"
            )
        if (self._rows or self._brought.new) and self._left:
            yield f"{self._left:,} rows still differ"


def _told(one: Difference) -> str:
    """One row that differs, and the messages that make the difference."""
    part = one.part
    keys = ", ".join(
        f"{name} {one_line(str(value), WIDTH)}"
        for name, value in zip(part.names, one.key[1:], strict=True)
    )
    time = utc(one.key[0]) + (f", {keys}" if keys else "")
    lines = [f"{one.ident}, {time}: {_said(one)}"]
    lines += [f"  not counted: {_ids(one.missing)}"] * bool(one.missing)
    lines += [f"  counted once too often: {_ids(one.surplus)}"] * bool(one.surplus)
    return "\n".join(lines)


def _said(one: Difference) -> str:
    sums = one.part.sums or ("rows",)
    if one.stored is None or one.recomputed is None:
        there = one.recomputed if one.stored is None else one.stored
        told = ", ".join(f"{name} {value}" for name, value in zip(sums, there or (), strict=True))
        return f"missing ({told})" if one.stored is None else f"should not be there ({told})"
    return ", ".join(
        f"{name} is {here}, should be {there}"
        for name, here, there in zip(sums, one.stored, one.recomputed, strict=True)
        if here != there
    )


def _ids(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name) for name in names[:NAMED])
    return f"{shown} and {len(names) - NAMED:,} more" if len(names) > NAMED else shown


def _merged(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """A line for each reason and stretch of time, with all statistics that it is about."""
    spans: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for ident, start, stop, reason in left_out:
        spans[reason, ident].append(Span(start, stop))
    idents: defaultdict[tuple[str, Span], list[str]] = defaultdict(list)
    for (reason, ident), those in spans.items():
        for one in union(those):
            idents[reason, one].append(ident)
    for (reason, one), names in sorted(idents.items()):
        yield (
            f"not compared, {reason}: {', '.join(sorted(names))}, "
            f"from {utc(one.start)} to {utc(one.stop)}"
        )
