"""`GET /live` and `GET /ready`: for a load balancer, and for whoever watches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import Blueprint, Response, request

from ...errors import SchemaError
from ...store import standing
from ...store.standing import Standing
from ..answers.answers import as_json
from ..answers.problems import respond
from ..query import arguments as args
from ..serving import serving

blueprint = Blueprint("health", __name__)


@blueprint.get("/live")
def live() -> Response:
    """The process answers; the database is not asked."""
    args.parse(request.query_string, ())
    return _answer({"live": True})


@blueprint.get("/ready")
def ready() -> Response:
    """Whether statistics can be served, and how stale they are, in seconds."""
    arguments = args.parse(request.query_string, ("stale",))
    most = args.whole(arguments, "stale")
    try:
        with serving().store.reading() as connection:
            found = standing.read(connection)
    except SchemaError as error:
        return respond(503, f"{str(error).capitalize()}.")
    told = _told(found, serving().plugins, serving().now())
    if most is not None and (told["stale"] is None or told["stale"] > most):
        return _too_stale(told, most)
    return _answer(told)


def _told(found: Standing, idents: Collection[str], now: float) -> dict[str, Any]:
    """How it stands with the statistics `idents`.

    A statistic is as stale as what was counted last is old: gaps and dead letters are told of by
    their number. One that is suspended is named, and no part of the worst.
    """
    known = {ident: found.checkpoints.get(ident) for ident in idents}
    stale = {
        ident: max(0.0, round(now - one.complete_until, 3)) if one else None
        for ident, one in known.items()
    }
    suspended = [ident for ident, one in known.items() if one and one.suspended]
    running = [stale[ident] for ident in idents if ident not in suspended]
    counted = [seconds for seconds in running if seconds is not None]
    return {
        "ready": True,
        "stale": max(counted, default=None),
        "statistics": stale,
        "daemon": {"alive": found.is_beating(now), "beat": found.beat or None},
        "gaps": len(found.gaps),
        "suspended": suspended,
        "dead_letters": sum(
            number for ident, number in found.dead_letters.items() if ident in known
        ),
    }


def _too_stale(told: dict[str, Any], most: int) -> Response:
    detail = "No statistic was ever counted."
    if told["stale"] is not None:
        detail = f"The statistics are {told['stale']:.1f} seconds old; {most} are allowed."
    return respond(503, detail, **{**told, "ready": False})


def _answer(told: dict[str, Any]) -> Response:
    response = Response(as_json(told), mimetype="application/json")
    response.cache_control.no_store = True
    return response
