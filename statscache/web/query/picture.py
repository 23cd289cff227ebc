"""What a request wants to see: which kind of chart, how large, and what of the rows is drawn."""

from __future__ import annotations

from typing import NamedTuple

from ... import charts
from ...charts.chart import MOST_SERIES
from ...errors import QueryError
from ...models import BaseModel, CountModel
from . import arguments as args
from . import every, zones
from .arguments import Arguments
from .every import DAYS
from .query import PAGING
from .shape import Shape

ARGUMENTS = ("kind", "width", "height")

LINE, STACKED, CALENDAR = "line", "stacked", "calendar"

OF_ROWS = (*PAGING, "links")
"""Arguments that mean nothing for a chart."""

A_DAY = "1d, since a calendar has a square a day"


class Picture(NamedTuple):
    """The name of the kind; `width` and `height` in pixels."""

    kind: str
    width: int
    height: int


def parse(arguments: Arguments) -> Picture:
    """The picture that `arguments` ask for.

    Raises:
        QueryError: an argument is not usable, or not for charts.
    """
    for name in OF_ROWS:
        if name in arguments:
            allowed = "nothing: a chart has no rows or pages, but all windows from start to stop"
            raise QueryError(name, arguments[name][0], allowed)
    name = args.choice(arguments, "kind", charts.KINDS, LINE)
    kind = charts.KINDS[name]
    sides = zip(("width", "height"), kind.usual, kind.least, kind.most, strict=True)
    width, height = (_side(arguments, side, *limits) for side, *limits in sides)
    if name == CALENDAR:
        _refuse_for_calendars(arguments)
    return Picture(name, width, height)


def refuse(arguments: Arguments) -> None:
    """Say that these arguments are for charts, where there is none.

    Raises:
        QueryError: one of them is given.
    """
    for name in ARGUMENTS:
        if name in arguments:
            allowed = "for charts only, which are SVG: with format=svg, say"
            raise QueryError(name, arguments[name][0], allowed)


def with_windows(
    arguments: Arguments, picture: Picture, model: type[BaseModel], interval: int
) -> Arguments:
    """The same with `every`, where the kind of the chart or the time zone decides on it.

    `interval`: the seconds of the statistic's own windows.

    Raises:
        QueryError: it should be a calendar, and rows of that model cannot be made days.
    """
    can_sum = issubclass(model, CountModel)
    if picture.kind == CALENDAR and can_sum:
        return {**arguments, "every": ["1d"]}
    if picture.kind == CALENDAR and interval != zones.DAY:
        others = " or ".join(one for one in charts.KINDS if one != CALENDAR)
        raise QueryError("kind", CALENDAR, f"{others}, since rows of this statistic are no days")
    if can_sum and "tz" in arguments and "every" not in arguments:
        return {**arguments, "every": [f"{interval}s"]}
    return arguments


def shaped(shape: Shape, model: type[CountModel], picture: Picture) -> Shape:
    """The shape of the sums that are drawn: a series for each key that is shown, or each figure.

    Raises:
        QueryError: an argument is not for charts, or not for this kind of them.
    """
    if not shape.sums:
        allowed = f"one of {', '.join(model.figures)} among them, since numbers are drawn"
        raise QueryError("fields", ",".join(shape.fields or ()), allowed)
    if shape.top is not None and shape.top > MOST_SERIES:
        allowed = f"a whole number from 1 to {MOST_SERIES}: more colours nobody tells apart"
        raise QueryError("top", str(shape.top), allowed)
    by = () if picture.kind == CALENDAR else shape.by
    sums = shape.sums
    if by or shape.fields is None:
        levels = tuple(name for name in sums if not model.starts_at_zero(name))
        sums = (levels or sums)[:1] if by else (levels or sums)
    if picture.kind == CALENDAR:
        sums = sums[:1]
    if picture.kind == STACKED and not {*sums} <= {*model.sums}:
        allowed = f"another kind, since {', '.join(sums)} cannot be added up"
        raise QueryError("kind", STACKED, allowed)
    top = (shape.top or MOST_SERIES) if by else None
    return shape._replace(by=by, sums=sums[: MOST_SERIES + 1], pivot=None, top=top)


def _side(arguments: Arguments, name: str, usual: int, least: int, most: int) -> int:
    text = args.one(arguments, name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most):
        raise QueryError(name, text, f"pixels of this kind of chart, from {least} to {most}")
    return int(text)


def _refuse_for_calendars(arguments: Arguments) -> None:
    for name in ("pivot", "top"):
        if name in arguments:
            allowed = "nothing: a calendar shows one number a day"
            raise QueryError(name, arguments[name][0], allowed)
    text = args.one(arguments, "every")
    if text is not None and every.parse(text, zones.GREENWICH, 1)[:2] != (1, DAYS):
        raise QueryError("every", text, A_DAY)
