"""`GET /api/coverage`: when the daemon listened, what it missed, and what history has brought."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from sqlalchemy.engine import Connection

from ...formats import csv
from ...store.tables import NO_GAPS, RECALLED, coverage, owed
from ...times import epoch, moment, parse
from ..answers.answers import answer, as_json, negotiate
from ..answers.negotiation import CSV, HTML, JSON
from ..query import arguments as args
from ..query.arguments import Arguments
from ..serving import serving

ARGUMENTS = ("start", "stop", "limit", "format", "callback")
LISTENED, GAPS, HISTORY = "listened", "gaps", "history"
OTHERS = (*NO_GAPS, RECALLED)
"""Why history was asked for, although nobody had missed anything."""

COLUMNS = {
    "start": owed.c.start,
    "stop": owed.c.stop,
    "reason": owed.c.reason,
    "statistic": sa.func.nullif(owed.c.addressee, ""),
    "healed": owed.c.healed,
    "given_up": owed.c.accepted,
    "reached": owed.c.reached,
    "brought": owed.c.brought,
}

Span = dict[str, Any]
"""By the names of `COLUMNS`; times in epoch seconds, whole where they can be."""

blueprint = Blueprint("coverage", __name__, url_prefix="/api")


class Wanted(NamedTuple):
    """What overlaps the time from `start` to `stop`, epoch seconds; so many of each kind."""

    start: float | None
    stop: float | None
    limit: int


@blueprint.get("/coverage", strict_slashes=False)
@blueprint.get("/coverage.<suffix>")
def index(suffix: str | None = None) -> Response:
    """When the daemon listened, the gaps, and the history; of each the newest first."""
    arguments = args.parse(request.query_string, ARGUMENTS)
    choice = negotiate(arguments, (JSON, CSV, HTML), suffix)
    spans, more = read(_wanted(arguments))
    if choice.format == HTML:
        body = render_template("coverage.html", more=more, **spans)
    elif choice.format == CSV:
        rows = [[kind, *map(one.get, COLUMNS)] for kind in spans for one in spans[kind]]
        body = csv.dumps(["kind", *COLUMNS], rows)
    else:
        body = as_json({**spans, "more": more})
    return answer(choice, body, arguments)


def _wanted(arguments: Arguments) -> Wanted:
    config, now = serving().config, moment(serving().now())
    start, stop = (
        None if text is None else epoch(parse(name, text, now))
        for name, text in ((name, args.one(arguments, name)) for name in ("start", "stop"))
    )
    asked = args.whole(arguments, "limit") or config["statscache.app.default_rows_per_page"]
    return Wanted(start, stop, min(asked, config["statscache.app.maximum_rows_per_page"]))


def read(wanted: Wanted) -> tuple[dict[str, list[Span]], bool]:
    """The spans of each kind, and whether there are more."""
    # Where a command lets messages in, and nobody listens, the journal notes a span without length.
    listened = sa.select(coverage.c.start, coverage.c.stop).where(
        coverage.c.stop > coverage.c.start
    )
    missed = sa.select(*(column.label(name) for name, column in COLUMNS.items()))
    queries = {
        LISTENED: listened,
        GAPS: missed.where(owed.c.reason.not_in(OTHERS)),
        HISTORY: missed.where(owed.c.reason.in_(OTHERS)),
    }
    with serving().store.reading() as connection:
        found = {kind: _spans(connection, query, wanted) for kind, query in queries.items()}
    more = any(len(spans) > wanted.limit for spans in found.values())
    return {kind: spans[: wanted.limit] for kind, spans in found.items()}, more


def _spans(connection: Connection, query: sa.Select[Any], wanted: Wanted) -> list[Span]:
    """The newest of what `query` has of the time that is wanted, and one more than the limit."""
    start, stop = query.selected_columns["start"], query.selected_columns["stop"]
    if wanted.start is not None:
        query = query.where(stop >= wanted.start)
    if wanted.stop is not None:
        query = query.where(start <= wanted.stop)
    newest = query.order_by(start.desc(), stop.desc()).limit(wanted.limit + 1)
    return [
        {name: _whole(value) for name, value in row.items()}
        for row in connection.execute(newest).mappings()
    ]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
