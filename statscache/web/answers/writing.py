"""Rows written out: by the format, or by the model where it knows a way of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...formats import csv, html, json, ndjson
from ...history.host import ENDPOINT
from ...models import BaseModel
from ...plugins import BasePlugin
from ..query.query import Query
from ..query.shape import PLAIN
from ..rows import rows
from ..serving import serving
from . import links
from .negotiation import CSV, HTML, JSON, NDJSON

ALL = (JSON, CSV, NDJSON, HTML)
"""What rows can be had as, in order of preference."""

LINKS = "links"

_OWN = {JSON: "to_json", CSV: "to_csv", HTML: "to_html"}
_WHOLE = {JSON: json.dumps, CSV: csv.dumps, NDJSON: ndjson.dumps}
_LINES = {CSV: csv.lines, NDJSON: ndjson.lines}

Rows = Iterable[Sequence[Any]]


def write(
    connection: Connection,
    plugin: BasePlugin,
    model: type[BaseModel],
    query: Query,
    page: rows.Page,
    name: str,
) -> str:
    """The rows of `page` in the format of that name; as HTML they are a table.

    Raises:
        QueryError: `query` wants links, and there cannot be any.
    """
    way = own(model, name)
    if way and query.shape._replace(interval=None, by=(), sums=()) == PLAIN:
        return way(rows.instances(connection, model, page))
    columns, found = _linked(plugin, query, page.columns, page.rows, name)
    if name == HTML:
        return html.dumps(columns, found, columns[-1] if len(columns) > len(page.columns) else None)
    return _WHOLE[name](columns, found, query.shape.time)


def lines(
    plugin: BasePlugin, query: Query, columns: list[str], found: Rows, name: str
) -> Iterator[str]:
    """The same for rows that come one by one; as CSV or NDJSON.

    Raises:
        QueryError: as `write` does.
    """
    columns, found = _linked(plugin, query, columns, found, name)
    return _LINES[name](columns, found, query.shape.time)


def own(model: type[BaseModel], name: str) -> Callable[[Any], str] | None:
    """The model's own way to write rows in that format, if it has one; for rows as they are."""
    if name not in _OWN:
        return None
    way = getattr(sa.inspect(model).mapper.class_, _OWN[name])
    inherited = getattr(way, "__func__", way) is getattr(BaseModel, _OWN[name]).__func__
    return None if inherited else way


def _linked(
    plugin: BasePlugin, query: Query, columns: list[str], found: Rows, name: str
) -> tuple[list[str], Rows]:
    """With a last column that leads to the messages, where that is wanted; a page always has it."""
    endpoint = serving().config[ENDPOINT]
    on_page = name == HTML and endpoint is not None and "timestamp" in columns
    if not (query.shape.links or on_page):
        return columns, found
    link = links.to_messages(plugin, query, columns, endpoint)
    if name == CSV:
        return [*columns, _unique(links.MESSAGES, columns)], ((*row, link(row)) for row in found)
    with_links = ((*row, {links.MESSAGES: link(row)}) for row in found)
    return [*columns, _unique(LINKS, columns)], with_links


def _unique(name: str, columns: Sequence[str]) -> str:
    """The columns of a pivot may be called anything."""
    return _unique(f"{name}_", columns) if name in columns else name
