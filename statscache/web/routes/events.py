"""`GET /api/IDENT/events`: what changes in the rows of a statistic, as Server-Sent Events.

And `GET /api/events`: which statistics change.
"""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response, abort, request

from ...errors import QueryError
from ...models import BaseModel
from ...plugins import BasePlugin
from ...store import progress
from ...times import moment
from ..answers.problems import respond
from ..live import telling
from ..live.line import HOLD, listen
from ..live.topic import Topic, topic
from ..live.watcher import Reader
from ..query import arguments as args
from ..query import query
from ..query.arguments import IGNORED, Arguments
from ..query.query import REPEATABLE
from ..rows import changed
from ..serving import find, serving

MEDIA = "text/event-stream"
SINGLE = ("start", "time")
ARGUMENTS = REPEATABLE.union(SINGLE)
"""And the columns."""

IDENT = "ident"

HELD = 500
"""Readers at once, unasked, where they need no threads."""

THREADED = 4
"""And where each has one: half of those that a server usually has."""

RETRY_SECONDS = 10

blueprint = Blueprint("events", __name__, url_prefix="/api")


@blueprint.get("/events", strict_slashes=False)
def several() -> Response:
    """A stream of which statistics change: of all that keep rows, or of those that are named."""
    arguments, known = args.parse(request.query_string, (), (IDENT,)), keeping()
    for ident in arguments.get(IDENT, ()):
        if ident not in known:
            raise QueryError(IDENT, ident, "a statistic that keeps rows; GET /api/ lists them")
    wanted = dict.fromkeys(arguments.get(IDENT, known))
    shared = (one for ident in wanted for one in serving().sources[ident].sharing)
    with serving().store.reading() as connection:
        # Where there is no database, this is the last moment to say so.
        progress.read_all(connection)
    return _stream(Topic((*wanted, *(one for one in shared if one not in wanted)), None, ""))


def keeping() -> list[str]:
    """The statistics that keep rows."""
    return [ident for ident, plugin in serving().plugins.items() if plugin.model is not None]


@blueprint.get("/<name>/events", strict_slashes=False)
def index(name: str) -> Response:
    """A stream of the rows that change, from now on or from where the reader has heard."""
    plugin, suffix = find(name)
    if plugin.model is None:
        abort(respond(404, "This statistic keeps no rows."))
    if suffix:
        abort(respond(406, f"This can be had as {MEDIA} only.", available=[MEDIA]))
    arguments = _arguments(plugin)
    now = moment(serving().now())
    wanted = query.parse(plugin, plugin.model, arguments, serving().config, now)
    _require_places(plugin.model, wanted.shape.fields)
    with serving().store.reading() as connection:
        # Where there is no table, or no database, this is the last moment to say so.
        connection.execute(sa.select(plugin.model.id).limit(1))
    source = serving().sources[plugin.ident]
    return _stream(topic((plugin.ident, *source.sharing), arguments, source.made_by))


def _arguments(plugin: BasePlugin) -> Arguments:
    assert plugin.model
    repeatable = (*REPEATABLE, *plugin.model.columns())
    arguments = args.parse(request.query_string, query.ARGUMENTS - REPEATABLE, repeatable)
    for name in sorted(query.ARGUMENTS.difference(ARGUMENTS).intersection(arguments)):
        allowed = (
            "nothing: a stream is of the rows as they are stored, whenever they change; it has "
            f"{', '.join(sorted(ARGUMENTS))}, and columns"
        )
        raise QueryError(name, arguments[name][0], allowed)
    arguments.pop(IGNORED, None)
    return arguments


def _require_places(model: type[BaseModel], fields: tuple[str, ...] | None) -> None:
    """Refuse rows of which nobody could tell which older ones they replace."""
    needed = dict.fromkeys((changed.TIMESTAMP, *changed.identity(model)))
    if fields is not None and not {*needed} <= {*fields}:
        allowed = f"with {', '.join(needed)} among them: they tell which row has changed"
        raise QueryError("fields", ",".join(fields), allowed)


def _stream(wanted: Topic) -> Response:
    response = Response(mimetype=MEDIA)
    response.headers["Cache-Control"] = "no-store"
    # nginx would keep what it is told until there is more of it.
    response.headers["X-Accel-Buffering"] = "no"
    if request.method == "GET":
        reader = _admit(wanted)
        if hold := request.environ.get(HOLD):
            hold(reader)
            response.response = iter([telling.OPENING])
        else:
            response.response = listen(reader)
            response.call_on_close(reader.leave)
    return response


def _admit(wanted: Topic) -> Reader:
    most = serving().config["statscache.app.live_readers"]
    if most is None:
        most = HELD if HOLD in request.environ else THREADED
    if not (HOLD in request.environ or request.environ.get("wsgi.multithread")):
        _refuse("This server answers one request at a time: nobody can listen.")
    last = request.headers.get("Last-Event-ID")
    heard = None if not last else wanted.heard(last) or telling.NOWHERE
    reader = serving().live.admit(wanted, heard, most)
    return reader or _refuse(f"{most} listen already.")


def _refuse(detail: str) -> Reader:
    response = respond(503, detail)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return abort(response)
