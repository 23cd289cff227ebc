"""What the form of a statistic's page offers: ranges, windows, kinds of charts, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ... import charts
from ...charts.chart import MOST_SERIES
from ...models import BaseModel, CountModel
from ...plugins import BasePlugin
from ..query.arguments import Arguments, one
from ..query.picture import CALENDAR, STACKED

MINUTE, HOUR, DAY = 60, 3_600, 86_400
SPARK = "spark"
FEWEST_WINDOWS = 4
"""A range shows no fewer."""

RANGES = {
    "-15m": (15 * MINUTE, "Last 15 minutes"),
    "-1h": (HOUR, "Last hour"),
    "-6h": (6 * HOUR, "Last 6 hours"),
    "-1d": (DAY, "Last day"),
    "-7d": (7 * DAY, "Last 7 days"),
    "-30d": (30 * DAY, "Last 30 days"),
    "-365d": (365 * DAY, "Last year"),
}
"""By the `start` that means it: seconds, and words."""

WINDOWS = {
    "1m": (MINUTE, "Minute"),
    "5m": (5 * MINUTE, "5 minutes"),
    "1h": (HOUR, "Hour"),
    "6h": (6 * HOUR, "6 hours"),
    "1d": (DAY, "Day"),
    "week": (7 * DAY, "Week"),
    "month": (30 * DAY, "Month"),
    "year": (365 * DAY, "Year"),
}
"""By the `every` that means them."""


class Option(NamedTuple):
    """One of the values of an argument; empty: the argument is not given."""

    value: str
    label: str
    is_chosen: bool


class Field(NamedTuple):
    """An argument to choose: from `options`, or freely where there are none.

    `values`: what it has now. `hints`: some of what it can have.
    """

    name: str
    label: str
    values: Sequence[str]
    options: Sequence[Option] = ()
    hints: Sequence[str] = ()
    placeholder: str = ""


def fields(
    plugin: BasePlugin,
    arguments: Arguments,
    retention: float | None,
    first: str | None,
    hints: Mapping[str, Sequence[str]],
    *,
    is_drawn: bool,
) -> list[Field]:
    """What can be chosen on the page of `plugin`.

    Args:
        retention: seconds, or None for ever.
        first: the date of the first row, if there is one.
        hints: some keys of each key column.
        is_drawn: whether there is a chart.
    """
    model, interval = plugin.model, plugin.schedule.length if plugin.schedule else MINUTE
    sums = issubclass(model, CountModel) and plugin.schedule is not None
    found = [
        _choice(
            "start", "Range", arguments, {"": "Default", **_ranges(interval, retention, first)}
        ),
        Field("stop", "Until", arguments.get("stop", [""]), placeholder="now"),
    ]
    if sums:
        found.append(_choice("every", "Each", arguments, _windows(interval)))
    if is_drawn:
        found.append(_choice("kind", "Chart", arguments, _kinds(model, interval)))
    for name in model.key_columns():
        label = name.replace("_", " ").capitalize()
        # One more can always be added.
        values = [*arguments.get(name, ()), ""]
        found.append(Field(name, label, values, hints=hints.get(name, ()), placeholder="any"))
    if sums and model.shown_by():
        pivots = {"": "A row a key", **{by: f"By {by}" for by in model.shown_by()}}
        found.append(_choice("pivot", "Table", arguments, pivots))
        tops = {"": "All", **{str(top): str(top) for top in (1, 3, 5, MOST_SERIES)}}
        found.append(_choice("top", "Keys shown", arguments, tops))
    if sums:
        found.append(Field("tz", "Time zone", arguments.get("tz", [""]), placeholder="UTC"))
    return found


def kept(arguments: Arguments, shown: Sequence[Field]) -> Iterator[tuple[str, str]]:
    """The arguments that the form does not show and still hands on; it leads to a first page."""
    names = {"page", "cursor", *(field.name for field in shown)}
    for name, values in arguments.items():
        if name not in names:
            yield from ((name, value) for value in values)


def _choice(name: str, label: str, arguments: Arguments, options: dict[str, str]) -> Field:
    """What is asked for already is among the options in any case."""
    now = one(arguments, name) or ""
    shown = options if now in options else {**options, now: now}
    return Field(name, label, [now], [Option(*each, each[0] == now) for each in shown.items()])


def _ranges(interval: int, retention: float | None, first: str | None) -> dict[str, str]:
    found = {
        start: label
        for start, (length, label) in RANGES.items()
        if length >= FEWEST_WINDOWS * interval and (retention is None or length <= retention)
    }
    return {**found, first: "All"} if first else found


def _windows(interval: int) -> dict[str, str]:
    longer = {
        text: label
        for text, (length, label) in WINDOWS.items()
        if length > interval and length % interval == 0
    }
    return {"": "As stored", **longer}


def _kinds(model: type[BaseModel], interval: int) -> dict[str, str]:
    left_out = {SPARK}
    if issubclass(model, CountModel):
        # Levels and distincts cannot be added up.
        left_out |= {STACKED} if model.hidden_key else set()
    elif interval != DAY:
        left_out.add(CALENDAR)
    kinds = [kind for kind in charts.KINDS if kind not in left_out]
    return {"" if kind == "line" else kind: kind.capitalize() for kind in kinds}
