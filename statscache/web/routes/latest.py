"""`GET /api/IDENT/latest`: the newest row of each key."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request
from sqlalchemy.engine import Connection

from ...plugins import BasePlugin
from ...store import aside
from ...times import moment
from ..answers import etag, view, writing
from ..answers.answers import answer, negotiate
from ..answers.negotiation import HTML, Choice
from ..answers.problems import respond
from ..query import arguments as args
from ..query import query
from ..query.arguments import Arguments
from ..query.query import BOUNDS, REPEATABLE, Query
from ..rows import newest
from ..serving import find, serving
from . import statistic

ARGUMENTS = (*BOUNDS, "limit", "time", "links", "format", "callback")
"""And `fields`, and the columns."""

blueprint = Blueprint("latest", __name__, url_prefix="/api")


@blueprint.get("/<name>/latest", strict_slashes=False)
@blueprint.get("/<name>/latest.<suffix>")
def index(name: str, suffix: str | None = None) -> Response:
    """The newest row of each key; where rows have none, the newest one."""
    plugin, of_name = find(name)
    if plugin.model is None:
        abort(respond(404, "This statistic keeps no rows."))
    repeatable = (*REPEATABLE, *plugin.model.columns())
    arguments = args.parse(request.query_string, ARGUMENTS, repeatable)
    choice = negotiate(arguments, writing.ALL, suffix or of_name)
    now = moment(serving().now())
    wanted = query.parse(plugin, plugin.model, arguments, serving().config, now)
    with serving().store.reading() as connection:
        return _answer(connection, plugin, wanted, arguments, choice)


def _answer(
    connection: Connection, plugin: BasePlugin, wanted: Query, arguments: Arguments, choice: Choice
) -> Response:
    model = aside.source(connection, plugin.ident, plugin.model)
    common = statistic.headers(connection, plugin, model, wanted, choice)
    response = etag.not_modified(common.get("ETag"))
    if response is None:
        found = newest.read(connection, model, wanted)
        body = writing.write(connection, plugin, model, wanted, found, choice.format)
        if choice.format == HTML:
            body = view.render(connection, plugin, arguments, body)
        response = answer(choice, body, arguments)
    response.headers.update(common)
    return response
