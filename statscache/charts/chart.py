"""What a chart shows, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

Number = int | float

MOST_SERIES = 7
"""Beyond these the eye tells no colours apart; the rest is one more."""

LARGEST = 1e300
"""Beyond it nothing can be reckoned with."""


class Series(NamedTuple):
    """A number for each window, or None where none is known; `is_rest`: of many that are one."""

    name: str
    values: Sequence[Number | None]
    is_rest: bool = False


class Chart(NamedTuple):
    """Numbers in windows of time.

    `name`: what its parts are called, letters, digits and hyphens. `unit`: what the numbers are,
    `per`: how long a window is, both in words; `is_rate`: whether there are so many in a window.
    `borders`: where the windows begin and the last one ends, in epoch seconds. `zone`: whose clock
    is shown. `is_open`: how many windows at the end are not over yet. `notes`: whatever else there
    is to say, in phrases.
    """

    name: str
    title: str
    unit: str
    per: str
    zone: ZoneInfo
    borders: Sequence[int]
    series: Sequence[Series]
    is_open: int = 0
    is_rate: bool = True
    notes: Sequence[str] = ()

    @property
    def windows(self) -> list[tuple[int, int]]:
        """When each begins and ends."""
        return [*pairwise(self.borders)]

    @property
    def over(self) -> int:
        """How many windows are over."""
        return len(self.borders) - 1 - self.is_open

    @property
    def has_several(self) -> bool:
        return len(self.series) > 1


def known(series: Series) -> Iterator[tuple[int, Number]]:
    """The numbers that can be drawn, each with the number of its window."""
    for index, value in enumerate(series.values):
        if value is not None and abs(value) <= LARGEST:
            yield index, value
