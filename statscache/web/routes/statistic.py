"""The routes of one statistic: its rows, and its layout."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request
from sqlalchemy.engine import Connection

from ... import charts, times
from ...plugins import BasePlugin
from ...store import aside, owed, progress
from ...times import moment
from ..answers import chart, etag, pagination, view, writing
from ..answers.answers import answer, as_json, negotiate
from ..answers.negotiation import HTML, JSON, SVG, Choice
from ..answers.problems import respond
from ..query import arguments as args
from ..query import cursors, picture, query
from ..query.arguments import Arguments
from ..query.cursors import Cursor
from ..query.query import BOUNDS, Query
from ..rows import newest, rows
from ..serving import find, serving

COMPLETE_UNTIL = "X-Statscache-Complete-Until"
REBUILDING = "X-Statscache-Rebuilding"

blueprint = Blueprint("statistic", __name__, url_prefix="/api")


@blueprint.get("/<name>", strict_slashes=False)
def page(name: str) -> Response:
    """A page of the rows of a statistic."""
    plugin, suffix = find(name)
    if plugin.model is None:
        return respond(404, "This statistic keeps no rows.")
    repeatable = (*query.REPEATABLE, *plugin.model.columns())
    known = query.ARGUMENTS.union(picture.ARGUMENTS) - query.REPEATABLE
    arguments = args.parse(request.query_string, known, repeatable)
    choice = negotiate(arguments, chart.offered(plugin), suffix)
    if choice.format == SVG:
        return _chart(plugin, arguments, choice)
    picture.refuse(arguments)
    now = moment(serving().now())
    wanted = query.parse(plugin, plugin.model, arguments, serving().config, now)
    wanted = wanted._replace(each=query.each(plugin, arguments))
    with serving().store.reading() as connection:
        return _page(connection, plugin, wanted, arguments, choice)


@blueprint.get("/<name>/layout", strict_slashes=False)
@blueprint.get("/<name>/layout.<suffix>")
def layout(name: str, suffix: str | None = None) -> Response:
    """What a dashboard should know about a statistic, in the words of its plugin."""
    plugin, of_name = find(name)
    arguments = args.parse(request.query_string, ("format", "callback"))
    choice = negotiate(arguments, (JSON,), suffix or of_name)
    if plugin.layout is None:
        abort(respond(404, "This statistic has no layout."))
    return answer(choice, as_json(plugin.layout), arguments)


def headers(
    connection: Connection,
    plugin: BasePlugin,
    model: rows.Model,
    wanted: Query,
    choice: Choice,
    also: object = None,
) -> dict[str, str]:
    """Those of every answer with rows of `plugin`, which are read from `model`.

    `also` is what else decides on the answer.
    """
    found = {}
    known = progress.read(connection, plugin.ident)
    if known:
        found[COMPLETE_UNTIL] = times.seconds(known.complete_until)
        if tag := etag.of_rows(connection, plugin, model, wanted, choice, known, also):
            found["ETag"] = tag
    if model is not plugin.model:
        read = progress.history(owed.still(connection), plugin.ident)
        found[REBUILDING] = f"{read.share if read else 1:.2f}"
    return found


def close(connection: Connection, wanted: Query) -> Query:
    """`wanted` without the windows that can still grow in the usual way, where it says so."""
    known = None if wanted.shape.open else progress.read(connection, wanted.ident)
    now = serving().now()
    return query.close(wanted, min(now, known.counted_until) if known else now)


def _page(
    connection: Connection, plugin: BasePlugin, wanted: Query, arguments: Arguments, choice: Choice
) -> Response:
    text = args.one(arguments, "cursor")
    cursor = cursors.decode(text, wanted) if text else None
    wanted = close(connection, wanted)
    model = aside.source(connection, plugin.ident, plugin.model)
    common = headers(connection, plugin, model, wanted, choice)
    response = etag.not_modified(common.get("ETag"))
    if response is None:
        response = _read(connection, plugin, model, wanted, cursor, arguments, choice)
    response.headers.update(common)
    return response


def _chart(plugin: BasePlugin, arguments: Arguments, choice: Choice) -> Response:
    """A picture of all windows of the range."""
    wanted = picture.parse(arguments)
    asked = chart.parse(plugin, arguments, wanted)
    with serving().store.reading() as connection:
        known = progress.read(connection, plugin.ident)
        made = chart.plan(plugin, asked, wanted, known)
        model = aside.source(connection, plugin.ident, plugin.model)
        seen = (wanted, made.seen, chart.notes(made))
        common = headers(connection, plugin, model, made.query, choice, seen)
        response = etag.not_modified(common.get("ETag"))
        if response is None:
            shown = chart.compose(connection, plugin, model, made, wanted)
            response = answer(choice, charts.draw(shown, *wanted), arguments)
    response.headers.update(common)
    return response


def _read(
    connection: Connection,
    plugin: BasePlugin,
    model: rows.Model,
    wanted: Query,
    cursor: Cursor | None,
    arguments: Arguments,
    choice: Choice,
) -> Response:
    if wanted.each:
        # All that there is stands on this page; with bounds it would be another answer.
        found, pinned = newest.several(connection, model, wanted), arguments
        wanted = wanted._replace(rows_per_page=max(1, len(found.rows)))
    else:
        found = rows.read(connection, model, wanted, cursor)
        pinned = query.pin(arguments, wanted)
    count = total(connection, model, wanted, found, [arguments, pinned])
    body = writing.write(connection, plugin, model, wanted, found, choice.format)
    if choice.format == HTML:
        links = pagination.links(request.base_url, pinned, wanted, found, count)
        body = view.render(connection, plugin, arguments, body, links)
    response = answer(choice, body, arguments)
    response.headers.update(pagination.headers(request.base_url, pinned, wanted, found, count))
    return response


def total(
    connection: Connection,
    model: rows.Model,
    wanted: Query,
    page: rows.Page,
    spellings: list[Arguments],
) -> int:
    """How many rows there are on all pages; seen from the last one without counting."""
    if not page.more and (page.rows or wanted.page == 1):
        return wanted.skipped + len(page.rows)
    base = (wanted.ident, wanted.filters, wanted.limit, wanted.shape)
    keys = [(*base, *(args.one(each, name) for name in BOUNDS)) for each in spellings]
    return serving().counts.get(keys, lambda: rows.count(connection, model, wanted))
