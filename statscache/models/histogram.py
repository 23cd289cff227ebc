"""How large something was in a window: a row for each bin of sizes, folded when it is read.

The bins are those of C. Masson, J. Rim and H. Lee, "DDSketch: A Fast and Fully-Mergeable Quantile
Sketch with Relative-Error Guarantees" (PVLDB 12, 2019): each is as many times as wide as the one
before it, so that all numbers in it are near to the one that stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import sqlalchemy as sa

from .count import Columns, CountModel, made, total

RELATIVE_ERROR = 0.01
"""A quantile is that of the numbers themselves, up to this part of it more or less."""

LEAST, GREATEST = 1e-300, 1e300
"""What is smaller counts as 0; what is greater has no bin."""

WHOLE = 10_000
"""All of something, in hundredths of a percent."""

# The rest of the error is for writing six digits.
_ERROR = RELATIVE_ERROR * 0.99
_GAMMA = (1 + _ERROR) / (1 - _ERROR)
_LOG_GAMMA = math.log(_GAMMA)


class HistogramModel(CountModel):
    """Shows `volume`, how many numbers there are, and quantiles of them, such as `p50`.

    `quantiles`: their names, each with its place in hundredths of a percent. A quantile is the
    smallest of the numbers that such a share of all does not exceed, as `percentile_disc` of SQL.
    """

    __abstract__ = True

    quantiles: ClassVar[Mapping[str, int]] = {}
    hidden_key = "bin"

    @classmethod
    def column_types(cls) -> dict[str, sa.types.TypeEngine[Any]]:
        mapped = sa.inspect(cls).columns
        return {
            name: sa.Float() if name in cls.quantiles else mapped[name].type
            for name in cls.columns()
        }

    @classmethod
    def starts_at_zero(cls, figure: str) -> bool:
        return figure not in cls.quantiles

    @classmethod
    def fold(
        cls, group: Sequence[sa.ColumnElement[Any]], stored: Columns, figures: Sequence[str]
    ) -> sa.Select[Any]:
        *same, value, volume, upto, whole = _bins(group, stored).c
        found = {"volume": total(volume)}
        for name, share in cls.quantiles.items():
            # Whole numbers: no database rounds them.
            reached = upto * WHOLE >= whole * share
            found[name] = sa.func.min(sa.case((reached, value)))
        return sa.select(*same, *(found[name].label(name) for name in figures)).group_by(*same)


def _bins(group: Sequence[sa.ColumnElement[Any]], stored: Columns) -> sa.Subquery:
    """Each bin of a group, in order of value: how many it holds, all up to it, and all."""
    value = sa.cast(stored["bin"], sa.Float).label("value")
    bins = (
        sa.select(*group, value, total(stored["volume"]).label("volume"))
        .group_by(*group, value)
        .subquery()
    )
    *same, ordered, volume = bins.c
    upto = sa.func.sum(volume).over(partition_by=same, order_by=ordered)
    whole = sa.func.sum(volume).over(partition_by=same)
    return sa.select(*bins.c, upto.label("upto"), whole.label("whole")).subquery()


@cache
def histogram_model(
    ident: str, by: tuple[str, ...], quantiles: tuple[tuple[str, int], ...]
) -> type[HistogramModel]:
    """The model of the statistic `ident` with the key columns `by`, made once.

    `quantiles` are as in `HistogramModel`.
    """
    figures = ("volume", *(name for name, _ in quantiles))
    return made(HistogramModel, ident, (*by, "bin"), figures=figures, quantiles=dict(quantiles))


def bin_of(number: float) -> str:
    """The text of the number that stands for all those in the bin of `number`, 0 to `GREATEST`."""
    if number < LEAST:
        return "0"
    index = math.ceil(math.log(number) / _LOG_GAMMA)
    return f"{2 * _GAMMA**index / (_GAMMA + 1):.6g}"
