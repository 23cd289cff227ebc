"""A square a day: weeks are columns, from Monday, and colours say how many."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from . import clock, frame, scale, style, svg
from .chart import Chart, Number, known

LEFT = 46
MONTHS = 14
BELOW = 34
LEAST, MOST = 4, 24
"""Pixels of a week."""

WEEK = 7
OUTLINED = ("now", "unknown")


class Square(NamedTuple):
    """A day, and where it stands."""

    day: datetime
    column: int
    row: int


def draw(chart: Chart, size: tuple[int, int]) -> str:
    """The windows of the chart are days of its zone; it has one series."""
    heading, top = frame.heading(chart, size[0], lambda x, y: _square(x - 5, y - 6, 11, "c1 now"))
    top += MONTHS
    squares = _squares(chart)
    weeks = squares[-1].column + 1
    across, down = (size[0] - LEFT - frame.RIGHT) // weeks, (size[1] - top - BELOW) // WEEK
    step = max(LEAST, min(across, down, MOST))
    numbers = dict(known(chart.series[0])) if chart.series else {}
    limits = quartiles([number for number in numbers.values() if number > 0])
    unit = svg.escape(chart.unit)
    body = [
        frame.ground(size),
        *heading,
        *_months(squares, top, step),
        *_weekdays(top, step),
        *_days(chart, squares, numbers, limits, top, step),
        *_legend(unit, LEFT, top + WEEK * step + 12, limits),
    ]
    # Where the first Monday stands, how far days are apart, and the weekday of the first of them.
    days = f"{LEFT} {top} {step} {squares[0].row}"
    return frame.document(chart, "calendar", size, body, data_days=days)


def quartiles(numbers: Sequence[Number]) -> list[Number]:
    """The three that part the numbers into quarters: so one busy day does not pale all others."""
    ordered = sorted(set(numbers))
    return [ordered[(len(ordered) * part - 1) // 4] for part in (1, 2, 3)] if ordered else [0, 0, 0]


def level(number: Number, limits: Sequence[Number]) -> int:
    """Which of the five steps the number has, 0 to 4."""
    return 0 if number <= 0 else 1 + bisect_left(limits, number)


def _squares(chart: Chart) -> list[Square]:
    days = [clock.shown(start, chart.zone) for start in chart.borders[:-1]]
    monday = days[0].toordinal() - days[0].weekday()
    return [Square(day, (day.toordinal() - monday) // WEEK, day.weekday()) for day in days]


def _days(
    chart: Chart,
    squares: list[Square],
    numbers: dict[int, Number],
    limits: list[Number],
    top: int,
    step: int,
) -> Iterator[str]:
    unit, side = svg.escape(chart.unit), step - (2 if step > 6 else 1)
    for index, (day, column, row) in enumerate(squares):
        told, class_ = "not known", "unknown"
        if index in numbers:
            told = f"{scale.full(numbers[index])} {unit}"
            class_ = f"c{level(numbers[index], limits)}"
        if index >= chart.over:
            told, class_ = f"{told} so far", f"{class_} now"
        date = f"{clock.WEEKDAYS[row]}, {clock.MONTHS[day.month - 1]} {day.day}, {day.year}"
        yield _square(LEFT + column * step, top + row * step, side, class_, f"{date}: {told}")


def _square(x: float, y: float, side: int, class_: str, told: str = "") -> str:
    """`told` is escaped already."""
    if class_.endswith(OUTLINED):
        # Its outline stands inside.
        x, y, side = x + 0.5, y + 0.5, side - 1
    place = f'x="{svg.short(x)}" y="{svg.short(y)}" width="{side}" height="{side}" rx="2"'
    title = f"<title>{told}</title>" if told else ""
    return f'<rect class="{class_}" {place}>{title}</rect>'


def _months(squares: list[Square], top: int, step: int) -> Iterator[str]:
    """The name of a month above its first whole week, where the one before it leaves room."""
    free = 0.0
    for one in squares:
        is_first = one == squares[0] and one.day.day <= 2 * WEEK
        x = LEFT + one.column * step
        if (is_first or (one.row == 0 and one.day.day <= WEEK)) and x >= free:
            yield svg.text(clock.MONTHS[one.day.month - 1], x, top - 7, "")
            free = x + 28


def _weekdays(top: int, step: int) -> Iterator[str]:
    if step < style.SIZE - 2:
        return
    for row in (0, 2, 4):
        y = top + row * step + step / 2 + 3
        yield svg.text(clock.WEEKDAYS[row], LEFT - 8, y, "end")


def _legend(unit: str, x: float, y: float, limits: list[Number]) -> Iterator[str]:
    ranges = ["0", *(f"up to {scale.full(one)}" for one in limits), f"over {scale.full(limits[2])}"]
    yield svg.text("less", x, y + 9, "")
    x += svg.width("less ", style.SIZE) + 4
    for number, range_ in enumerate(ranges):
        yield _square(x + number * 13, y, 11, f"c{number}", f"{range_} {unit}")
    yield svg.text("more", x + len(ranges) * 13 + 5, y + 9, "")
