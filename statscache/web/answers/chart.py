"""Rows as a chart: what can be drawn, and the words that stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

import orjson
from markupsafe import Markup
from sqlalchemy.engine import Connection

from ... import charts
from ...charts import Chart, Series, clock, words
from ...models import CountModel
from ...plugins import BasePlugin
from ...store import aside
from ...store.progress import Progress
from ...times import moment
from ..query import every, picture, query
from ..query.arguments import Arguments
from ..query.every import DAYS, MONTHS, SECONDS, WEEKS, Every
from ..query.picture import Picture
from ..query.query import Query
from ..rows import drawn
from ..rows.drawn import Drawn
from ..rows.rows import Model
from ..serving import serving
from . import writing
from .negotiation import SVG

LONGEST_FILTER = 60

_SAFE = "!$&'()*+,-./:;=?@_~"

SECOND = "seconds"
SIZES = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def offered(plugin: BasePlugin) -> tuple[str, ...]:
    """What rows of the plugin can be had as: a chart, too, if they are numbers in windows."""
    return (*writing.ALL, SVG) if can_draw(plugin) else writing.ALL


def can_draw(plugin: BasePlugin) -> bool:
    if plugin.model is None or plugin.schedule is None:
        return False
    return issubclass(plugin.model, CountModel) or bool(plugin.model.number_columns())


def parse(plugin: BasePlugin, arguments: Arguments, wanted: Picture) -> Query:
    """The rows of the plugin that `wanted` draws.

    Raises:
        QueryError: an argument is not usable.
    """
    if plugin.schedule is not None:
        arguments = picture.with_windows(arguments, wanted, plugin.model, plugin.schedule.length)
    here = serving()
    return query.parse(plugin, plugin.model, arguments, here.config, moment(here.now()))


def plan(plugin: BasePlugin, asked: Query, wanted: Picture, known: Progress | None) -> Drawn:
    """What of the plugin is drawn for `asked`.

    Raises:
        QueryError: an argument is not usable for a chart.
    """
    assert plugin.schedule is not None
    if issubclass(plugin.model, CountModel):
        asked = asked._replace(shape=picture.shaped(asked.shape, plugin.model, wanted))
    own = every.own(plugin.schedule.length)
    return drawn.plan(asked, own, wanted, known, serving().now())


class Image(NamedTuple):
    """A picture whose `url` is the picture itself, so that it comes with its page."""

    url: str
    chart: Chart


def compose(
    connection: Connection, plugin: BasePlugin, model: Model, made: Drawn, wanted: Picture
) -> Chart:
    """What the picture shows."""
    if issubclass(plugin.model, CountModel):
        series = drawn.read(connection, model, made)
        unit, is_rate = _unit(plugin, plugin.model, made.query)
    else:
        series = drawn.read_stored(connection, model, made, wanted)
        unit, is_rate = plugin.unit or plugin.model.number_columns()[0], True
    unit, series = _readable(unit, series)
    return Chart(
        name=re.sub("[^a-z0-9]+", "-", plugin.ident).strip("-") or "statistic",
        title=str(plugin.name)[:1].upper() + str(plugin.name)[1:],
        unit=unit,
        per=length(made.windows),
        zone=made.windows.zone,
        borders=made.borders,
        series=series,
        is_open=made.is_open,
        is_rate=is_rate,
        notes=notes(made),
    )


def images(
    connection: Connection,
    plugin: BasePlugin,
    arguments: Arguments,
    sizes: Sequence[Picture],
    known: Progress | None,
) -> list[Image]:
    """The same in several sizes for a page; what has the same windows is read once.

    Raises:
        QueryError: an argument is not usable for a chart.
    """
    model = aside.source(connection, plugin.ident, plugin.model)
    charts_of: dict[tuple[int, ...], Chart] = {}
    found = []
    for size in sizes:
        made = plan(plugin, parse(plugin, arguments, size), size, known)
        windows = tuple(made.borders)
        if windows not in charts_of:
            charts_of[windows] = compose(connection, plugin, model, made, size)
        svg = charts.draw(charts_of[windows], *size)
        found.append(Image(f"data:image/svg+xml,{quote(svg, safe=_SAFE)}", charts_of[windows]))
    return found


def reading(chart: Chart) -> Markup:
    """What can be read off it, as JSON for an attribute in single quotes."""
    text = orjson.dumps(charts.reading(chart)).decode()
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;"))


def notes(made: Drawn) -> list[str]:
    """What else there is to say: what is left out, what was changed, what is missing."""
    found = [_filter(name, [*map(str, values)]) for name, values in made.query.filters]
    if made.is_coarser:
        found.append(f"by {length(made.windows)} to fit")
    until, counted = made.complete_until, made.counted_until
    if until is not None and until != counted and until < made.borders[-1]:
        when = clock.moment(int(until), int(until), made.windows.zone)
        found.append(f"complete until {when}")
    return found


def length(windows: Every) -> str:
    """How long a window is: `hour`, `6 hours`, `month`, `year`."""
    number, unit, _ = windows
    if unit == MONTHS and number % 12 == 0:
        return words.many(number // 12, "year")
    if unit == SECONDS:
        return words.duration(number)
    return words.many(number, {DAYS: "day", WEEKS: "week", MONTHS: "month"}[unit])


def _unit(plugin: BasePlugin, model: type[CountModel], query: Query) -> tuple[str, bool]:
    """What the numbers are, and whether there are so many in a window."""
    first, *others = query.shape.sums
    if not model.starts_at_zero(first):
        unit = plugin.unit or "value"
        return (unit if others else f"{unit} ({first})"), False
    has_unit = all(map(model.starts_at_zero, model.figures)) and first == model.figures[0]
    return (plugin.unit if has_unit and plugin.unit else first), True


def _readable(unit: str, series: list[Series]) -> tuple[str, list[Series]]:
    """Seconds as minutes, hours or days, where they are many."""
    highest = max((value or 0 for one in series for value in one.values), default=0)
    size, word = next((one for one in SIZES if highest >= 2 * one[0]), (1, SECOND))
    if not unit.startswith(SECOND) or size == 1:
        return unit, series
    parts = [
        one._replace(values=[None if value is None else value / size for value in one.values])
        for one in series
    ]
    return unit.replace(SECOND, word, 1), parts


def _filter(name: str, values: list[str]) -> str:
    text = f"{name}: {', '.join(values)}"
    return text if len(text) <= LONGEST_FILTER else f"{text[:LONGEST_FILTER]}…"
