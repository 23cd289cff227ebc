"""From numbers to pixels, and the round numbers at the side of a chart."""

from __future__ import annotations

import math
from typing import NamedTuple

from .chart import Number

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
MANTISSAS = (1, 2, 5, 10)

SMALLEST, SAME = 1e-200, 1e-9
"""What is no more than this, or such a part of the numbers, is no difference."""


class Scale(NamedTuple):
    """A straight line: `low` is drawn at the pixel `first`, `high` at `last`."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)


def ticks(low: Number, high: Number, number: int, *, whole: bool = False) -> list[Number]:
    """About `number` round numbers, evenly spaced, from at most `low` to at least `high`.

    Steps are 1, 2 or 5 times a power of ten (P. Heckbert, "Nice numbers for graph labels", Graphics
    Gems, 1990); `whole`: they are whole numbers.
    """
    if high - low <= max(SMALLEST, SAME * max(abs(low), abs(high))):
        high = max(high, low + max(1, abs(low)))
    mantissa, power = _step((high - low) / max(1, number))
    if whole and power < 0:
        mantissa, power = 1, 0
    # A power of ten below one is no exact number, its reciprocal is.
    step, parts = (mantissa * 10**power, 1) if power >= 0 else (mantissa, 10**-power)
    first, last = low * parts // step, -(-high * parts // step)
    return [
        index * step if parts == 1 else index * step / parts
        for index in range(int(first), int(last) + 1)
    ]


def short(number: Number) -> str:
    """A number for the side of a chart: `950`, `12.5k`, `3M`."""
    for size, prefix in PREFIXES:
        if size <= abs(number) < PREFIXES[0][0] * 1e3:
            return f"{number / size:.4g}{prefix}"
    return f"{number:.4g}"


def full(number: Number) -> str:
    """A number for people, with all that it has: `12,345`, `0.25`."""
    if isinstance(number, int) or (number.is_integer() and abs(number) < 1e15):
        return f"{int(number):,}"
    return f"{number:,.6g}"


def _step(rough: float) -> tuple[int, int]:
    """The least round step that is no less than `rough`: its mantissa and its power of ten."""
    power = math.floor(math.log10(rough))
    share = rough / 10.0**power
    mantissa = next(one for one in MANTISSAS if share <= one * (1 + 1e-9) or one == MANTISSAS[-1])
    return (1, power + 1) if mantissa == 10 else (mantissa, power)
