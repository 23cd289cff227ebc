"""Windows laid end to end: some of them at a time, and those of one length together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice, pairwise
from typing import NamedTuple

from ..query.every import Every
from .span import Span


class Run(NamedTuple):
    """So many windows of one length in seconds, from `start` on."""

    start: int
    length: int
    windows: int

    @property
    def stop(self) -> int:
        return self.start + self.length * self.windows


def borders(windows: Every, bounds: Span, number: int, descending: bool) -> list[int]:
    """Where the first `number` windows in that direction begin, and where the last of them ends."""
    if descending:
        last = windows.start(bounds.stop - 1)
        starts = [*islice(windows.starts_before(last, bounds.start), number)][::-1]
    else:
        first = windows.start(bounds.start)
        starts = [*islice(windows.starts(first, bounds.stop), number)]
    return [*starts, windows.end(starts[-1])]


def rest(bounds: Span, borders: list[int], descending: bool) -> Span:
    """What of `bounds` lies behind those windows, in that direction."""
    if descending:
        return Span(bounds.start, min(bounds.stop, borders[0]))
    return Span(max(bounds.start, borders[-1]), bounds.stop)


def of(windows: Every, bounds: Span) -> Iterator[Run]:
    """All windows within `bounds`, in the order of time."""
    start = windows.start(bounds.start)
    if windows.is_even:
        yield Run(start, windows.length, -(-(bounds.stop - start) // windows.length))
        return
    starts = [*windows.starts(start, bounds.stop)]
    yield from between([*starts, windows.end(starts[-1])])


def between(borders: list[int]) -> Iterator[Run]:
    """The windows between those borders, neighbours of one length together."""
    for length, windows in groupby(pairwise(borders), lambda window: window[1] - window[0]):
        first, *others = windows
        yield Run(first[0], length, 1 + len(others))
