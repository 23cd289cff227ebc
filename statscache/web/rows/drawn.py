"""Which windows a chart shows, and the numbers in them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ... import charts
from ...charts import Series, series
from ...charts.chart import MOST_SERIES, Number
from ...errors import QueryError
from ...models import CountModel
from ...store.progress import Progress
from ...times import epoch, moment, seconds
from ..query.every import DAYS, MONTHS, SECONDS, WEEKS, Every
from ..query.picture import CALENDAR, Picture
from ..query.query import Query
from ..query.shape import PLAIN
from . import folding, keys, rows, span, sums
from .keys import REST, Key, Keys
from .rows import Model

MINUTE, HOUR, DAY = 60, 3_600, 86_400

RANGES = (
    (MINUTE, 15 * MINUTE),
    (HOUR, 6 * HOUR),
    (DAY, 7 * DAY),
    (7 * DAY, 90 * DAY),
    (28 * DAY, 364 * DAY),
)
"""Windows shorter than the first are shown for the second, where nobody says from when on."""

LONGEST_RANGE = 5 * 365 * DAY

LADDER = (
    *((number, SECONDS) for number in (1, 2, 5, 10, 15, 30)),
    *((number * MINUTE, SECONDS) for number in (1, 2, 5, 10, 15, 30)),
    *((number * HOUR, SECONDS) for number in (1, 2, 3, 6, 12)),
    *((1, DAYS), (1, WEEKS)),
    *((number, MONTHS) for number in (1, 3, 12, 120, 1_200)),
)
"""Windows to choose from where those that are asked for are too many."""

NO_KEY = "(none)"


class Drawn(NamedTuple):
    """What is drawn: rows of `query`, in windows.

    `borders`: where these begin, and where the last one ends. `windows`: how long they are.
    `is_coarser`: whether that is longer than was asked for. `is_open`: how many windows at the end
    are not over. `complete_until`, `counted_until`: as in `Progress`, None where nobody knows.
    """

    query: Query
    windows: Every
    borders: list[int]
    is_coarser: bool
    is_open: int
    complete_until: float | None
    counted_until: float | None

    @property
    def seen(self) -> tuple[object, ...]:
        """What of it decides on the picture, beside the rows."""
        until = -math.inf if self.complete_until is None else self.complete_until
        complete = (bisect_left(self.borders, until), bisect_right(self.borders, until))
        return self.borders[0], self.borders[-1], self.is_open, complete


def plan(
    query: Query, windows: Every, picture: Picture, known: Progress | None, now: float
) -> Drawn:
    """The windows to draw for `query`, the own ones of the statistic being `windows`.

    They are whole: the one that holds the start belongs to them, and so does that of the end.

    Raises:
        QueryError: the range is empty, or there are more windows than pixels.
    """
    asked, own = query.shape.every or windows, windows.length
    bounds = span.asked(query._replace(stop=min(query.stop, moment(now))))
    if query.start is None:
        start = max(span.FIRST, _usual_start(bounds.stop, asked, picture))
        bounds = bounds._replace(start=start)
    if bounds.is_empty:
        given = seconds(bounds.start)
        raise QueryError("start", given, "a moment before the end of the range, and before now")
    fitting = _fitting(asked, own, bounds, picture, query)
    first = fitting.start(bounds.start)
    last = fitting.end(fitting.start(bounds.stop - 1))
    borders = [*fitting.starts(first, bounds.stop), last]
    over = min(now, known.counted_until) if known else now
    if not query.shape.open:
        borders = [*borders[:1], *(stop for stop in borders[1:] if stop <= over)]
    if len(borders) == 1:
        raise QueryError("open", "0", "1, since no window in this time is over")
    return Drawn(
        query=query._replace(
            start=moment(first),
            stop=moment(borders[-1]),
            before=moment(borders[-1]),
            shape=query.shape._replace(every=fitting),
        ),
        windows=fitting,
        borders=borders,
        is_coarser=fitting != asked,
        is_open=sum(stop > over for stop in borders[1:]),
        complete_until=known.complete_until if known else None,
        counted_until=known.counted_until if known else None,
    )


def read(connection: Connection, model: Model, drawn: Drawn) -> list[Series]:
    """The series of what is summed, those with most first.

    Where no row is, there was nothing, if nothing is missing and it is nothing that is counted.
    """
    counts, shape = cast(type[CountModel], model), drawn.query.shape
    shown = keys.shown(connection, counts, drawn.query)
    made = sums.Plan(counts, drawn.query, Keys(shown.by, None), [])
    figures = [(name,) for name in shape.sums]
    found: dict[Key, dict[int, Number]] = {}
    for start, key, amounts in sums.read(connection, made):
        for name, amount in zip([key] if key else figures, amounts, strict=True):
            series.add(found, name, start, amount)
    rest = (REST,) * len(shape.by) or None
    nothing = _nothing(connection, counts, drawn)
    return [
        _series(drawn, name, found.get(name, {}), nothing, name == rest)
        for name in (series.ranked(found, rest) if shape.by else figures)
    ]


def read_stored(
    connection: Connection, model: Model, drawn: Drawn, picture: Picture
) -> list[Series]:
    """The series of rows as they are stored, one for each category, or each column of numbers.

    Rows of one window are added up; a window without a row has no number.

    Raises:
        QueryError: no column that is shown has numbers.
    """
    mapped = sa.inspect(model).mapper.class_
    columns, numbers = mapped.columns(), mapped.number_columns()
    found: dict[Key, dict[int, Number]] = {}
    shown = drawn.query.shape.fields or columns
    figures = [name for name in numbers if name in shown]
    if not figures:
        allowed = f"one of {', '.join(numbers)} among them, since numbers are drawn"
        raise QueryError("fields", ",".join(shown), allowed)
    keys = [name for name in mapped.key_columns() if name in shown]
    if picture.kind == CALENDAR:
        figures, keys = figures[:1], []
    columns_of = [(name,) for name in figures]
    for row in rows.stream(connection, model, drawn.query._replace(shape=PLAIN)):
        values = dict(zip(columns, row, strict=True))
        start = drawn.windows.start(math.floor(epoch(values["timestamp"])))
        names = [tuple(str(values[key]) for key in keys)] if keys else columns_of
        for name, figure in zip(names, figures, strict=False):
            series.add(found, name, start, values[figure])
    rest = (REST,) * len(keys)
    return [
        _series(drawn, name, found.get(name, {}), None, name == rest)
        for name in (series.most(found, rest) if keys else columns_of)
    ]


def _usual_start(stop: int, windows: Every, picture: Picture) -> int:
    if picture.kind == CALENDAR:
        # A year and what is begun of its first week.
        return stop - 53 * 7 * DAY + 1
    ranges = (length for limit, length in RANGES if windows.length < limit)
    return stop - next(ranges, max(LONGEST_RANGE, 24 * windows.length))


def _fitting(asked: Every, own: int, bounds: span.Span, picture: Picture, query: Query) -> Every:
    """The windows that were asked for, or the least of longer ones that fit into the picture."""
    shape = query.shape
    number = (shape.top or MOST_SERIES) + 1 if shape.by else max(1, len(shape.sums))
    room = charts.room(picture.kind, picture.width, number)
    if _number(asked, bounds) <= room:
        return asked
    can_sum = shape.interval is not None and picture.kind != CALENDAR
    for number, unit in LADDER if can_sum else ():
        longer = Every(number, unit, asked.zone)
        is_whole = longer.length > asked.length and longer.length % own == 0
        if is_whole and _number(longer, bounds) <= room:
            return longer
    allowed = f"a later one: {room} windows fit into this chart; or make it wider"
    raise QueryError("start", seconds(bounds.start), allowed)


def _number(windows: Every, bounds: span.Span) -> int:
    """How many windows there are at the most."""
    return (bounds.stop - bounds.start) // windows.length + 2


def _nothing(
    connection: Connection, model: type[CountModel], drawn: Drawn
) -> list[Number | None] | None:
    """For each window what no row in it means; None: it never means a number."""
    shape = drawn.query.shape
    if not all(map(folding.mapped(model).starts_at_zero, shape.sums)):
        return None
    if shape.fill is not None:
        return [shape.fill] * (len(drawn.borders) - 1)
    first = connection.scalar(sa.select(sa.func.min(model.timestamp)))
    if first is None or drawn.complete_until is None:
        return None
    begun, until = epoch(first), drawn.complete_until
    # Without a gap what was not counted until now has not come until now.
    now = until if until == drawn.counted_until else -math.inf
    return [
        0 if stop > begun and (stop <= until or start < now) else None
        for start, stop in pairwise(drawn.borders)
    ]


def _series(
    drawn: Drawn,
    key: Key,
    numbers: dict[int, Number],
    nothing: list[Number | None] | None,
    is_rest: bool,
) -> Series:
    """A number for each window; `nothing` as in `_nothing`."""
    starts = drawn.borders[:-1]
    others = nothing or [None] * len(starts)
    values = [numbers.get(start, other) for start, other in zip(starts, others, strict=True)]
    name = REST if is_rest else " / ".join(part or NO_KEY for part in key)
    return Series(name, values, is_rest)
