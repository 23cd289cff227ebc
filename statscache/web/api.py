"""The routes below `/api/`."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from .. import times
from ..formats import csv
from ..plugins import BasePlugin
from ..store import aside, owed, progress
from ..store.faults import is_missing_table
from ..times import moment
from . import arguments as args
from . import cursors, pagination, query, rows, writing
from .answers import answer, as_json, negotiate
from .arguments import Arguments
from .description import COLUMNS, describe
from .negotiation import CSV, HTML, JSON, Choice
from .problems import respond
from .query import BOUNDS, Query
from .serving import find, serving

COMPLETE_UNTIL = "X-Statscache-Complete-Until"
REBUILDING = "X-Statscache-Rebuilding"

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.get("/", strict_slashes=False)
def index() -> Response:
    """The statistics: their idents, or with `detail=1` what there is to know about each."""
    arguments = args.parse(request.query_string, ("detail", "format", "callback"))
    detailed = args.choice(arguments, "detail", ("0", "1"), "0") == "1"
    choice = negotiate(arguments, (JSON, CSV, HTML))
    if choice.format == HTML:
        body = render_template("index.html", statistics=_described(), skipped=serving().skipped)
    else:
        write = _index_csv if choice.format == CSV else _index_json
        body = write(detailed)
    return answer(choice, body, arguments)


@blueprint.get("/<name>", strict_slashes=False)
def statistic(name: str) -> Response:
    """The rows of a statistic."""
    plugin, suffix = find(name)
    if plugin.model is None:
        return respond(404, "This statistic keeps no rows.")
    arguments = args.parse(request.query_string, query.ARGUMENTS, plugin.model.columns())
    choice = negotiate(arguments, (JSON, CSV), suffix)
    now = moment(serving().now())
    wanted = query.parse(plugin.ident, plugin.model, arguments, serving().config, now)
    with serving().store.reading() as connection:
        return _rows(connection, plugin, wanted, arguments, choice)


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


def _rows(
    connection: Connection, plugin: BasePlugin, wanted: Query, arguments: Arguments, choice: Choice
) -> Response:
    text = args.one(arguments, "cursor")
    cursor = cursors.decode(text, wanted) if text else None
    model = aside.source(connection, plugin.ident, plugin.model)
    page = rows.read(connection, model, wanted, cursor)
    pinned = query.pin(arguments, wanted)
    total = _total(connection, model, wanted, page, [arguments, pinned])
    body = writing.write(connection, model, page, choice.format)
    response = answer(choice, body, arguments)
    response.headers.update(pagination.headers(request.base_url, pinned, wanted, page, total))
    known = progress.read(connection, plugin.ident)
    if known:
        response.headers[COMPLETE_UNTIL] = times.seconds(known.complete_until)
    if model is not plugin.model:
        read = progress.history(owed.still(connection), plugin.ident)
        response.headers[REBUILDING] = f"{read.share if read else 1:.2f}"
    return response


def _total(
    connection: Connection,
    model: rows.Model,
    wanted: Query,
    page: rows.Page,
    spellings: list[Arguments],
) -> int:
    """How many rows there are on all pages; seen from the last one without counting."""
    if not page.more and (page.rows or wanted.page == 1):
        return wanted.skipped + len(page.rows)
    keys = [
        (wanted.ident, wanted.filters, wanted.limit, *(args.one(each, name) for name in BOUNDS))
        for each in spellings
    ]
    return serving().counts.get(keys, lambda: rows.count(connection, model, wanted))


def _described() -> list[dict[str, Any]]:
    """Every statistic; the daemon need not have run yet."""
    try:
        with serving().store.reading() as connection:
            known, debts = progress.read_all(connection), owed.still(connection)
    except DBAPIError as error:
        if not is_missing_table(error):
            raise
        known, debts = {}, []
    config = serving().config
    if config["statscache.datagrepper.endpoint"] is None:
        debts = []
    return [
        describe(plugin, config, known.get(ident), progress.history(debts, ident))
        for ident, plugin in serving().plugins.items()
    ]


def _index_json(detailed: bool) -> str:
    if not detailed:
        return as_json(list(serving().plugins))
    skipped = [skipped._asdict() for skipped in serving().skipped]
    return as_json({"statistics": _described(), "skipped": skipped})


def _index_csv(detailed: bool) -> str:
    if not detailed:
        return csv.dumps(["ident"], [[ident] for ident in serving().plugins])
    described = [
        {
            **one,
            "columns": " ".join(one["columns"]),
            "history": one["history"] and one["history"]["share"],
        }
        for one in _described()
    ]
    return csv.dumps(COLUMNS, [[one[column] for column in COLUMNS] for one in described])
