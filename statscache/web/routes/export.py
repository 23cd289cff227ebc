"""`GET /api/IDENT/export`: all rows of a query, of one state of the database, as a stream.

A stream that breaks off never ends like a whole one: its generator raises, so that the server
leaves the last chunk of the body out. HTTP/1.0 has no such chunk, and gets no stream. mod_wsgi
never leaves it out: there the answer is written to a file first, and has a length.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, abort, request
from sqlalchemy.engine import Connection
from werkzeug.wsgi import FileWrapper

from ...errors import ExportError, QueryError
from ...plugins import BasePlugin
from ...store import aside
from ...times import moment
from ..answers import etag, writing
from ..answers.answers import negotiate
from ..answers.negotiation import CSV, NDJSON, Choice
from ..answers.problems import respond
from ..query import arguments as args
from ..query import query
from ..query.arguments import Arguments
from ..query.query import PAGING, REPEATABLE, Query
from ..rows import rows
from ..serving import find, serving
from . import statistic

AT_ONCE = 4
"""Exports of one application; each has a connection to the database."""

RETRY_SECONDS = 10
CHARACTERS = 1 << 16
"""Of a chunk, about."""

MOD_WSGI = "mod_wsgi.version"
"""In the environment of each request that mod_wsgi hands over."""

OF_PAGES = frozenset(PAGING) - {"limit"}
ARGUMENTS = query.ARGUMENTS - REPEATABLE - OF_PAGES - {"callback"}

blueprint = Blueprint("export", __name__, url_prefix="/api")


@blueprint.get("/<name>/export", strict_slashes=False)
@blueprint.get("/<name>/export.<suffix>")
def index(name: str, suffix: str | None = None) -> Response:
    """All rows that the arguments ask for, as a file to save."""
    plugin, of_name = find(name)
    if plugin.model is None:
        abort(respond(404, "This statistic keeps no rows."))
    if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        abort(respond(505, "An export needs HTTP/1.1, where a transfer shows whether it is whole."))
    arguments = _arguments(plugin)
    choice = negotiate(arguments, (CSV, NDJSON), suffix or of_name)
    now = moment(serving().now())
    wanted = query.parse(plugin, plugin.model, arguments, serving().config, now)
    with ExitStack() as stack:
        stack.enter_context(_turn())
        response = _answer(stack, plugin, wanted, choice)
        if MOD_WSGI in request.environ and response.is_streamed:
            _measure(response)
        elif response.is_streamed and request.method == "GET":
            still_open = stack.pop_all()
            response.response = _closing(response.response, still_open)
            response.call_on_close(still_open.close)
    return response


def _arguments(plugin: BasePlugin) -> Arguments:
    repeatable = (*REPEATABLE, *plugin.model.columns())
    arguments = args.parse(request.query_string, ARGUMENTS | OF_PAGES, repeatable)
    for name in sorted(OF_PAGES.intersection(arguments)):
        allowed = "nothing: an export has no pages, it is all rows (limit says how many)"
        raise QueryError(name, arguments[name][0], allowed)
    return arguments


@contextmanager
def _turn() -> Iterator[None]:
    """One of the places there are; without one the request is answered with 503."""
    places = serving().exports
    if not places.acquire(blocking=False):
        response = respond(503, f"{AT_ONCE} exports run at the same time already.")
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        abort(response)
    try:
        yield
    finally:
        places.release()


def _answer(stack: ExitStack, plugin: BasePlugin, wanted: Query, choice: Choice) -> Response:
    """What it reads from stays open until `stack` is closed."""
    seconds = serving().config["statscache.app.export_timeout"]
    connection = stack.enter_context(serving().store.reading(seconds))
    wanted = statistic.close(connection, wanted)
    model = aside.source(connection, plugin.ident, plugin.model)
    wanted = statistic.close(connection, wanted)
    common = statistic.headers(connection, plugin, model, wanted, choice)
    response = etag.not_modified(common.get("ETag"))
    if response is None:
        columns = rows.columns(connection, model, wanted)
        # Where there is no table, this is the last moment to say so.
        connection.execute(sa.select(model.id).limit(1))
        found = _rows(connection, model, wanted)
        lines = writing.lines(plugin, wanted, columns, found, choice.format)
        chunks = _chunks(lines, seconds, serving().now)
        stack.callback(chunks.close)
        response = Response(chunks, mimetype=choice.media)
        name = _file_name(wanted, choice.format)
        response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers.update(common)
    return response


def _rows(connection: Connection, model: rows.Model, wanted: Query) -> Iterator[Sequence[Any]]:
    """Asked for only when the header has left: the first of them may be far away."""
    yield from rows.stream(connection, model, wanted)


def _chunks(
    lines: Iterable[str], seconds: float, now: Callable[[], float]
) -> Generator[str, None, None]:
    """The lines in pieces of some size, the first at once.

    Raises:
        ExportError: after so many seconds.
    """
    end = now() + seconds
    chunk, size, wanted = list[str](), 0, 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size > wanted:
            yield "".join(chunk)
            chunk, size, wanted = [], 0, CHARACTERS
            if now() > end:
                raise ExportError(
                    f"an export took more than {seconds:g} seconds and was broken off: ask for a "
                    "shorter time, or raise statscache.app.export_timeout"
                )
    yield "".join(chunk)


def _measure(response: Response) -> None:
    """Give the answer a length, which shows a client that one was broken off."""
    with ExitStack() as stack:
        file = stack.enter_context(TemporaryFile())
        file.writelines(response.iter_encoded())
        response.content_length = file.tell()
        file.seek(0)
        response.response = FileWrapper(file, CHARACTERS)
        response.call_on_close(stack.pop_all().close)


def _closing(chunks: Iterable[Any], stack: ExitStack) -> Iterator[Any]:
    """The chunks, and after the last one all is let go of; not every server closes what it ends."""
    with stack:
        yield from chunks


def _file_name(wanted: Query, suffix: str) -> str:
    """`builds-by-state-1h_20260101T000000Z_20260108T000000Z.csv`: from when to when."""
    last = wanted.stop if wanted.before is None else min(wanted.stop, wanted.before)
    bounds = [f"{bound:%Y%m%dT%H%M%SZ}" for bound in (wanted.start, last) if bound is not None]
    return f"{'_'.join([wanted.ident, *bounds])}.{suffix}"
