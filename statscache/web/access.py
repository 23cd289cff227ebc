"""The access log: one line for each request. Off, until somebody sets the logger's level."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from ..text import printable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LONGEST = 10_000
"""Characters of the path with its query; a query that is longer is refused anyway."""

LONGEST_AGENT = 300

log = logging.getLogger(__name__)
# Other servers have such a log of their own, and raise the level of all loggers.
log.setLevel(logging.WARNING)


class Answered(NamedTuple):
    """A request and what became of it: `status`, bytes of the body `sent`, when it `began` in epoch
    seconds, and how many `seconds` it took."""

    environ: WSGIEnvironment
    status: int
    sent: int
    began: float
    seconds: float


def write(answered: Answered) -> None:
    """Log a request, if that is wanted."""
    if log.isEnabledFor(logging.INFO):
        log.info("%s", line(answered))


def line(answered: Answered) -> str:
    """Time, client, method and path with query, status, bytes, milliseconds, and user agent.

    Nothing in it ends the line, steers a terminal, or passes for the end of a quotation.
    """
    environ = answered.environ
    time = datetime.fromtimestamp(answered.began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    client = _shown(environ.get("REMOTE_ADDR") or "-", LONGEST_AGENT)
    asked = _shown(f"{environ.get('REQUEST_METHOD', '')} {_path(environ)}", LONGEST)
    agent = _shown(environ.get("HTTP_USER_AGENT", "-"), LONGEST_AGENT)
    took = f"{answered.seconds * 1000:.1f}"
    return f'{time} {client} "{asked}" {answered.status} {answered.sent} {took} "{agent}"'


def _path(environ: WSGIEnvironment) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    # WSGI has each byte as a character.
    return quote(path.encode("latin-1", "replace")) + (f"?{query}" if query else "")


def _shown(text: str, length: int) -> str:
    return printable(text[:length]).replace("\\", "\\\\").replace('"', '\\"')
