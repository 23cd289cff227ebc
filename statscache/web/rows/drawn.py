"""Which windows a chart shows, and the numbers in them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ... import charts
from ...charts import Series
from ...charts.chart import MOST_SERIES, Number
from ...errors import QueryError
from ...models import CountModel
from ...store.progress import Progress
from ...times import epoch, moment, seconds
from ..query import picture as pictures
from ..query.every import DAYS, MONTHS, SECONDS, WEEKS, Every
from ..query.picture import CALENDAR, Picture
from ..query.query import Query
from ..query.shape import PLAIN
from . import keys, rows, span, sums
from .keys import REST, Keys
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
NAMED = "category"
"""The column that tells series apart, of rows that are not summed."""

Numbers = dict[str, dict[int, Number]]
"""The numbers of each series, by the start of their window."""


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
        bounds = bounds._replace(start=_usual_start(bounds.stop, asked, picture))
    if bounds.is_empty:
        given = seconds(bounds.start)
        raise QueryError("start", given, "a moment before the end of the range, and before now")
    fitting = _fitting(asked, own, bounds, picture, query)
    first = fitting.start(bounds.start)
    last = fitting.end(fitting.start(bounds.stop - 1))
    borders = [*fitting.starts(first, bounds.stop), last]
    over = min(now, known.counted_until) if known else now
    return Drawn(
        query=query._replace(
            start=moment(first),
            stop=moment(last),
            before=moment(last),
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
    """The series of what is summed, those with most first; see `filled` for what has no row."""
    counts, shape = cast(type[CountModel], model), drawn.query.shape
    shown = keys.shown(connection, counts, drawn.query)
    made = sums.Plan(counts, drawn.query, Keys(shown.by, None), [])
    found: Numbers = defaultdict(dict)
    for start, key, amounts in sums.read(connection, made):
        names = [" / ".join(part or NO_KEY for part in key)] if key else shape.sums
        for name, amount in zip(names, amounts, strict=False):
            if amount is not None:
                found[name][start] = amount
    rest = " / ".join([REST] * len(shape.by)) if shape.by else None
    names = _ranked(found, rest) if shape.by else list(shape.sums)
    missing = _missing(connection, counts, drawn)
    return [_series(drawn, name, found[name], missing, name == rest) for name in names]


def read_stored(
    connection: Connection, model: Model, drawn: Drawn, picture: Picture
) -> list[Series]:
    """The series of rows as they are stored, one for each category, or each column of numbers.

    Rows of one window are added up; a window without a row has no number.

    Raises:
        QueryError: no column that is shown has numbers.
    """
    columns, numbers = rows.names(model), pictures.figures(sa.inspect(model).mapper.class_)
    found, shown = Numbers(), drawn.query.shape.fields or columns
    figures = [name for name in numbers if name in shown]
    if not figures:
        allowed = f"one of {', '.join(numbers)} among them, since numbers are drawn"
        raise QueryError("fields", ",".join(shown), allowed)
    has_names = NAMED in shown and picture.kind != CALENDAR
    if picture.kind == CALENDAR:
        figures = figures[:1]
    for row in rows.stream(connection, model, drawn.query._replace(shape=PLAIN)):
        values = dict(zip(columns, row, strict=True))
        start = drawn.windows.start(math.floor(epoch(values["timestamp"])))
        names = [str(values[NAMED])] if has_names else figures
        for name, figure in zip(names, figures, strict=False):
            _add(found, name, start, values[figure])
    names = _most(found) if has_names else figures
    return [_series(drawn, name, found.get(name, {}), None, name == REST) for name in names]


def _usual_start(stop: int, windows: Every, picture: Picture) -> int:
    if picture.kind == CALENDAR:
        # A year and what is begun of its first week.
        return stop - 53 * 7 * DAY + 1
    ranges = (length for limit, length in RANGES if windows.length < limit)
    return stop - next(ranges, max(LONGEST_RANGE, 24 * windows.length))


def _fitting(asked: Every, own: int, bounds: span.Span, picture: Picture, query: Query) -> Every:
    """The windows that were asked for, or the least of longer ones that fit into the picture."""
    shape = query.shape
    series = (shape.top or MOST_SERIES) + 1 if shape.by else max(1, len(shape.sums))
    room = charts.room(picture.kind, picture.width, series)
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


def _ranked(found: Numbers, rest: str | None) -> list[str]:
    """The names with most first, that of the rest at the end."""
    return sorted(found, key=lambda name: (name == rest, -sum(found[name].values()), name))


def _missing(connection: Connection, model: type[CountModel], drawn: Drawn) -> list[bool]:
    """Of which windows a missing row means that nothing happened."""
    first = connection.scalar(sa.select(sa.func.min(model.timestamp)))
    if first is None or drawn.complete_until is None:
        return [False] * (len(drawn.borders) - 1)
    begun, until = epoch(first), drawn.complete_until
    # Without a gap what was not counted until now has not come until now.
    now = until if until == drawn.counted_until else -math.inf
    return [
        stop > begun and (stop <= until or start < now)
        for start, stop in zip(drawn.borders, drawn.borders[1:], strict=False)
    ]


def _series(
    drawn: Drawn, name: str, numbers: dict[int, Number], missing: list[bool] | None, is_rest: bool
) -> Series:
    """A number for each window; `missing` as in `_missing`, None for what does not count."""
    shape = drawn.query.shape
    starts = drawn.borders[:-1]
    if missing is None:
        return Series(name, [numbers.get(start) for start in starts], is_rest)
    nothing = 0 if shape.fill is None else shape.fill
    values = [
        numbers.get(start, nothing if is_nothing or shape.fill is not None else None)
        for start, is_nothing in zip(starts, missing, strict=True)
    ]
    return Series(name, values, is_rest)


def _add(found: Numbers, name: str, start: int, value: Any) -> None:
    if value is not None:
        number = value if isinstance(value, int) else float(value)
        mine = found.setdefault(name, {})
        mine[start] = mine.get(start, 0) + number


def _most(found: Numbers) -> list[str]:
    """The names with most; the others are added up in `found`, as the rest."""
    names = _ranked(found, None)
    if len(names) <= MOST_SERIES + 1:
        return names
    rest = Numbers()
    for name in names[MOST_SERIES:]:
        for start, number in found.pop(name).items():
            _add(rest, REST, start, number)
    found[REST] = rest[REST]
    return [*names[:MOST_SERIES], REST]
