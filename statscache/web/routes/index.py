"""`GET /api/`: which statistics there are."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy.exc import DBAPIError

from ...formats import csv
from ...store import owed, progress
from ...store.faults import is_missing_table
from ..answers.answers import answer, as_json, negotiate
from ..answers.description import COLUMNS, describe
from ..answers.negotiation import CSV, HTML, JSON
from ..query import arguments as args
from ..serving import serving

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
