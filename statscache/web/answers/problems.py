"""Errors as answers: `application/problem+json` (RFC 9457), or a page for whoever likes that more.

Beside the members that the standard names, a problem with an argument has `argument`, `value` and
`allowed`, an unknown ident `near`, and a format that cannot be had `available`.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import BadRequest, HTTPException

from ...errors import ExportError, QueryError
from ...formats.value import plain
from ...store.faults import is_canceled, is_missing_table, is_outage
from ...text import one_line, trace
from . import problem_types
from .negotiation import prefer

MEDIA = "application/problem+json"
RETRY_SECONDS = 5
VALUE_LENGTH = 200

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Answer every error of `app` in this way."""
    app.register_blueprint(problem_types.blueprint)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(QueryError, _on_query)
    app.register_error_handler(SQLAlchemyError, _on_database)
    app.register_error_handler(ExportError, _on_export)
    app.register_error_handler(Exception, _on_failure)


def respond(status: int, detail: str, **members: Any) -> Response:
    """The answer for an error; `detail` is a sentence for whoever made the request."""
    title = HTTPStatus(status).phrase
    has_links = _has_host()
    kind = problem_types.uri(status) if has_links else problem_types.UNNAMED
    problem = {"type": kind, "title": title, "status": status, "detail": detail, **members}
    accept = request.headers.get("Accept", "")
    if has_links and prefer(accept, (MEDIA, "application/json", "text/html")) == "text/html":
        return Response(render_template("problem.html", problem=problem), status)
    return Response(orjson.dumps(plain(problem)), status, mimetype=MEDIA)


def _has_host() -> bool:
    """Whether the request names a host that links can begin with."""
    return not isinstance(request.routing_exception, BadRequest) and bool(request.host)


def _on_http(error: HTTPException) -> Any:
    code = error.code or 500
    if error.response is not None or code < 400:
        return error
    response = respond(code, error.description or HTTPStatus(code).description)
    for name, value in error.get_headers(request.environ):
        if name != "Content-Type":
            response.headers[name] = value
    return response


def _on_query(error: QueryError) -> Response:
    value = one_line(error.value, VALUE_LENGTH)
    detail = f"{error.argument} was '{value}'; allowed: {error.allowed}."
    return respond(400, detail, argument=error.argument, value=value, allowed=error.allowed)


def _on_export(error: ExportError) -> Response:
    """It took too long before anything of it had left."""
    log.warning("%s", error)
    return respond(503, "The export takes too long: ask for less time, or for fewer rows.")


def _on_failure(error: Exception) -> Response:
    """Flask's own log line would hold the path as the client wrote it."""
    log.error("%s %s failed\n%s", request.method, one_line(request.path), trace(error))
    return respond(500, HTTPStatus.INTERNAL_SERVER_ERROR.description)


def _on_database(error: SQLAlchemyError) -> Response:
    if is_missing_table(error):
        detail = "The tables are missing or out of date: the daemon has not run with them yet."
    elif is_canceled(error):
        detail = "The database takes too long over this: ask for less time, or for fewer rows."
    elif is_outage(error) or isinstance(error, PoolTimeoutError):
        detail = "The database cannot be reached just now."
    else:
        return _on_failure(error)
    log.warning("%s %s", detail, one_line(str(error.__cause__ or error).strip()))
    response = respond(503, detail)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
