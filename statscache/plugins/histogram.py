"""How large something is: durations, sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from ..errors import PluginError
from ..message import Message
from ..models import BaseModel
from ..models.histogram import GREATEST, WHOLE, bin_of, histogram_model
from ..schedule import Schedule
from .count import Count, Found

Quantiles = tuple[tuple[str, int], ...]
"""The name of each, and its place in hundredths of a percent."""


class Histogram(Count):
    """Measures: quantiles of the numbers of each window and key, of any coarser window too.

    A subclass names its key columns in `by`, the `quantiles` in percent, and says in `count` which
    number a message brings. The rows have a `timestamp`, the key columns, a `volume` (how many
    numbers there were) and `p50`, `p90`, `p99`, or what else `quantiles` names.

    A quantile is off by at most 1 % of itself; see `models.histogram`.
    """

    quantiles: ClassVar[Sequence[float]] = (50, 90, 99)

    _hidden = ("bin",)

    def __init__(
        self,
        schedule: Schedule | None,
        config: Mapping[str, Any],
        model: type[BaseModel] | None = None,
    ) -> None:
        self._quantiles = _named(self.quantiles)
        super().__init__(schedule, config, model)

    @cached_property
    def model(self) -> Any:
        """The class of the rows, made when it is first asked for."""
        return histogram_model(self.ident, tuple(self.by), self._quantiles)

    def count(self, message: Message) -> Iterable[Found]:
        """The numbers that `message` brings: bare where there are no key columns, else in a tuple.

        The tuple has a text for each key column, and then the number: not below 0, and finite.
        Nothing yielded is nothing measured.
        """
        raise PluginError(f"{self.ident} lacks `count`, which yields the numbers of a message")

    def _figures(self) -> Iterable[str]:
        return (name for name, _ in self._quantiles)

    def _texts(self, found: Any) -> Found:
        parts = found if isinstance(found, tuple) else (found,)
        place = len(self.by)
        bins = map(self._bin, parts[place : place + 1])
        return super()._texts((*parts[:place], *bins, *parts[place + 1 :]))

    def _bin(self, number: Any) -> str:
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not (is_number and 0 <= number <= GREATEST):
            raise PluginError(
                f"{self.ident} measures numbers from 0 to {GREATEST:g}, but yielded {number!r}"
            )
        return bin_of(number)


def _named(quantiles: Any) -> Quantiles:
    """`(50, 99.9)` is `p50` and `p99_9`.

    Raises:
        PluginError: they are no percentages, or have more than two decimals.
    """
    if not isinstance(quantiles, tuple | list) or not quantiles:
        raise PluginError(f"`quantiles` is {quantiles!r}: name percentages, as in (50, 90, 99)")
    named = {}
    for each in quantiles:
        share = Decimal(str(each)) * 100 if type(each) in (int, float) else Decimal("NaN")
        if not (share.is_finite() and 0 <= share <= WHOLE and share == int(share)):
            raise PluginError(
                f"{each!r} in `quantiles` is no percentage from 0 to 100 with at most two decimals"
            )
        named[f"p{each:g}".replace(".", "_")] = int(share)
    return tuple(named.items())
