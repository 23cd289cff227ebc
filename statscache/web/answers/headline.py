"""The newest number of a statistic, and what it is a number of."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...models import BaseModel, CountModel
from ...plugins import BasePlugin
from ...store import aside
from ...store.progress import Progress
from ...times import epoch, moment
from ..query import query
from ..query.query import Query
from ..rows import rows
from ..serving import serving


class Headline(NamedTuple):
    """`value` of the window that began at `start` (epoch seconds); None: there is no number."""

    start: float
    value: Any


def figure(model: type[BaseModel]) -> str | None:
    """The column that speaks for a statistic that counts: a level if there is one."""
    if not issubclass(model, CountModel):
        return None
    levels = (name for name in model.figures if not model.starts_at_zero(name))
    return next(levels, model.figures[0])


def unit(plugin: BasePlugin) -> str:
    """What the numbers of that column are."""
    name, model = figure(plugin.model), plugin.model
    if name is None:
        return plugin.unit or ""
    if model.starts_at_zero(name):
        return plugin.unit or name
    return f"{plugin.unit} ({name})" if plugin.unit else name


def read(connection: Connection, plugin: BasePlugin, known: Progress) -> Headline | None:
    """The newest window of `plugin` that is over, or its newest row where rows have no numbers."""
    model, name = aside.source(connection, plugin.ident, plugin.model), figure(plugin.model)
    if name is None or plugin.schedule is None:
        last = connection.scalar(sa.select(sa.func.max(model.timestamp)))
        return Headline(epoch(last), None) if last else None
    now = min(serving().now(), known.counted_until)
    return _first(connection, model, query.close(_asked(plugin, name, "0"), now))


def at(connection: Connection, plugin: BasePlugin, start: float) -> Headline | None:
    """The number of the window that begins then."""
    model, name = aside.source(connection, plugin.ident, plugin.model), figure(plugin.model)
    assert name is not None
    time = moment(start)
    return _first(connection, model, _asked(plugin, name, "1")._replace(start=time, stop=time))


def _asked(plugin: BasePlugin, name: str, is_open: str) -> Query:
    assert plugin.schedule is not None
    shown = {"fields": [f"timestamp,{name}"], "open": [is_open]}
    arguments = {**shown, "every": [f"{plugin.schedule.length}s"], "rows_per_page": ["1"]}
    here = serving()
    return query.parse(plugin, plugin.model, arguments, here.config, moment(here.now()))


def _first(connection: Connection, model: rows.Model, asked: Query) -> Headline | None:
    page = rows.read(connection, model, asked, None)
    if not page.rows:
        return None
    found = dict(zip(page.columns, page.rows[0], strict=True))
    (value,) = (value for name, value in found.items() if name != "timestamp")
    return Headline(epoch(found["timestamp"]), value)
