"""SVG: rows as a line chart, for rows that say nothing of windows but when they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from .. import charts
from ..charts import Chart, Series, series, words
from ..errors import ChartError
from ..times import epoch

LINE = "line"
TIMESTAMP = "timestamp"
DAY = 86_400
MOST_WINDOWS = 600

Found = dict[series.Key, dict[int, int | float]]


def dumps(columns: Sequence[str], rows: Iterable[Sequence[Any]], keys: Sequence[str] = ()) -> str:
    """A line for each text of the columns `keys`; without keys one for each other column.

    Windows are as long as the least time between two rows, but there are at most 600; rows of one
    window and line are added up. All columns but `timestamp` and `keys` hold numbers.

    Raises:
        ChartError: no row has a number.
    """
    figures = [name for name in columns if name not in (TIMESTAMP, *keys)]
    of_columns = [(name,) for name in figures]
    found: Found = {}
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        start = math.floor(epoch(values[TIMESTAMP]))
        names = [tuple(str(values[key]) for key in keys)] if keys else of_columns
        for name, figure in zip(names, figures, strict=False):
            series.add(found, name, start, values[figure])
    if not found:
        raise ChartError("there is nothing to draw: no row has a number; other formats have them")
    rest = (series.REST,) * len(keys)
    names = series.most(found, rest) if keys else [name for name in of_columns if name in found]
    return _draw(
        {name: found[name] for name in names},
        rest,
        figures[0] if keys or len(names) == 1 else "numbers",
    )


def _draw(found: Found, rest: series.Key, unit: str) -> str:
    starts = sorted({start for numbers in found.values() for start in numbers})
    least = min((later - one for one, later in pairwise(starts)), default=DAY)
    length = max(least, -(-(starts[-1] - starts[0]) // MOST_WINDOWS))
    borders = range(starts[0], starts[-1] + length + 1, length)
    lines = []
    for key, numbers in found.items():
        mine: Found = {}
        for start, number in numbers.items():
            series.add(mine, key, (start - starts[0]) // length, number)
        values = [mine[key].get(index) for index in range(len(borders) - 1)]
        lines.append(Series(" / ".join(key), values, key == rest))
    chart = Chart(
        name=LINE,
        title=unit[:1].upper() + unit[1:],
        unit=unit,
        per=words.duration(length),
        zone=ZoneInfo("UTC"),
        borders=borders,
        series=lines,
    )
    return charts.draw(chart, LINE, *charts.KINDS[LINE].usual)
