"""`GET /web/static/NAME`: what pages load. Every page works without it."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort, request, url_for

from ..answers.problems import respond
from ..query import arguments as args

FOLDER = Path(__file__).parent.parent / "static"
FOREVER = "public, max-age=31536000, immutable"

blueprint = Blueprint("static", __name__, url_prefix="/web/static")


@blueprint.get("/<name>")
def index(name: str) -> Response:
    """A file; it is kept for ever by whoever asks for just this version of it."""
    asked = args.one(args.parse(request.query_string, ("v",)), "v")
    if name not in _names():
        abort(respond(404, "There is no such file.", near=[]))
    response = Response(_content(name), mimetype=mimetypes.guess_type(name)[0] or "text/plain")
    if asked == _version(name):
        response.headers["Cache-Control"] = FOREVER
    return response


def asset(name: str) -> str:
    """The URL of a file, another one for each version of it."""
    return url_for("static.index", name=name, v=_version(name))


@cache
def _names() -> frozenset[str]:
    return frozenset(one.name for one in FOLDER.iterdir() if one.is_file())


@cache
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@cache
def _version(name: str) -> str:
    return hashlib.blake2b(_content(name), digest_size=6).hexdigest()
