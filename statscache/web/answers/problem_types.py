"""The types of problems (RFC 9457, 3.1.1): each has a name, and a page at which its URI points."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from flask import Blueprint, abort, render_template, url_for

blueprint = Blueprint("problem_types", __name__, url_prefix="/problems")


class ProblemType(NamedTuple):
    """One status of an answer: when it comes, what helps, and what members come with it."""

    name: str
    when: str
    cure: str
    members: tuple[tuple[str, str], ...] = ()


TYPES = {
    400: ProblemType(
        "bad-argument",
        "An argument is unknown, is given twice, or has a value that cannot be used.",
        "Read allowed, and mend the argument. Nothing was answered in part.",
        (
            ("argument", "its name"),
            ("value", "what was given, at most 200 characters of it"),
            ("allowed", "what may be given"),
        ),
    ),
    404: ProblemType(
        "not-found",
        "There is no such statistic, or not that of it: some keep no rows, some have no layout.",
        "Look at /api/, which lists the statistics. One that is off is not served.",
        (("near", "idents like the one that was asked for"),),
    ),
    405: ProblemType(
        "method",
        "The method is not GET, HEAD or OPTIONS. Nothing can be changed here.",
        "Ask with GET. Statistics come from messages on the bus.",
    ),
    406: ProblemType(
        "format",
        "The answer cannot be had in a format that the request wants.",
        "Ask for one that is available: by suffix, with format=, or in the Accept header.",
        (("available", "the media types that can be had"),),
    ),
    413: ProblemType(
        "body-too-long",
        "The request has a body that is far too long for one that asks for something.",
        "Send the arguments in the URL, and no body.",
    ),
    414: ProblemType(
        "query-too-long",
        "What stands behind the question mark is longer than 8192 characters.",
        "Ask in several requests, or ask for all and choose among the rows.",
    ),
    429: ProblemType(
        "too-many-requests",
        "You have asked more often than the operator allows.",
        "Wait for as many seconds as Retry-After says. One request for a longer time is cheaper "
        "than many, and If-None-Match cheaper still.",
    ),
    500: ProblemType(
        "failure",
        "The server has failed in a way that nobody foresaw. The log has the traceback.",
        "Tell the operator what you asked for, and when.",
    ),
    503: ProblemType(
        "unavailable",
        "The database cannot be reached, has no tables yet, or takes too long for the answer; or "
        "too many exports run, or too many readers listen, at the same time.",
        "Try again after as many seconds as Retry-After says. If it took too long, ask for less.",
    ),
    505: ProblemType(
        "http-version",
        "An export was asked for in HTTP/1.0, where half a file looks like a whole one.",
        "Ask in HTTP/1.1. A proxy in between may have to be told to: nginx by proxy_http_version.",
    ),
}
"""By status. Each has the phrase of the status as its title."""

UNNAMED = "about:blank"
"""The type of what is no more than its status says (RFC 9457)."""

_BY_NAME = {one.name: status for status, one in TYPES.items()}


def uri(status: int) -> str:
    """The URI of the type of problem that has this status."""
    if status not in TYPES:
        return UNNAMED
    return url_for("problem_types.page", name=TYPES[status].name, _external=True)


@blueprint.get("/", strict_slashes=False)
def index() -> str:
    """All the types."""
    return render_template("problem_types.html", types=_titled(TYPES))


@blueprint.get("/<name>")
def page(name: str) -> str:
    """What a problem of that type means, and what helps."""
    if name not in _BY_NAME:
        abort(404, "There is no such type of problem.")
    status = _BY_NAME[name]
    return render_template("problem_types.html", types=_titled({status: TYPES[status]}))


def _titled(types: dict[int, ProblemType]) -> list[tuple[int, str, ProblemType]]:
    return [(status, HTTPStatus(status).phrase, one) for status, one in types.items()]
