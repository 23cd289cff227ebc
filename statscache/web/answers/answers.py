"""The answer to a request, in the format that it wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from flask import Response, abort, request

from ...errors import QueryError
from ...formats.value import plain
from ..query.arguments import Arguments, one
from . import jsonp, negotiation
from .negotiation import JSON, MEDIA, Choice
from .problems import respond

SCRIPT = "application/javascript"


def negotiate(arguments: Arguments, offered: Sequence[str], suffix: str | None = None) -> Choice:
    """Which of the `offered` formats to answer in; 406 where the request wants none of them.

    A `callback` asks for JSON: what a browser says of scripts is no help.

    Raises:
        QueryError: there is a `callback`, and it is unusable or the format is not JSON.
    """
    accept = request.headers.get("Accept", "")
    callback = one(arguments, "callback")
    argument = one(arguments, "format") or (JSON if callback else None)
    choice = negotiation.choose(suffix, argument, accept, offered)
    if choice is None:
        available = [MEDIA[name][0] for name in offered]
        detail = f"This can be had as {' or '.join(offered)}."
        return abort(respond(406, detail, available=available))
    if callback and jsonp.check(callback) and choice.format != JSON:
        raise QueryError("callback", callback, f"with JSON only, not with {choice.format}")
    return choice


def answer(choice: Choice, body: str, arguments: Arguments) -> Response:
    """`body`, which is in the chosen format, as an answer; a `callback` makes a script of it."""
    callback = one(arguments, "callback")
    if callback:
        return Response(jsonp.wrap(callback, body), mimetype=SCRIPT)
    # JSON always goes by its own name, whatever it was called.
    media = MEDIA[JSON][0] if choice.format == JSON else choice.media
    return Response(body, mimetype=media)


def as_json(value: Any) -> str:
    """`value` as JSON text; see `plain`."""
    return orjson.dumps(plain(value)).decode()
