"""`GET /`: everything at a glance, for people; whoever wants no page is led to `/api/`."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as AnyResponse

from ...plugins import BasePlugin
from ...store import aside, owed, progress, standing
from ...store.faults import is_missing_table
from ...store.owed import Debt
from ...store.progress import Progress
from ...store.tables import NO_GAPS, RECALLED
from ...times import epoch, moment
from ..answers import cards, chart, headline, view
from ..answers.answers import answer
from ..answers.headline import Headline
from ..answers.negotiation import HTML, JSON, MEDIA, Choice, prefer
from ..query import arguments as args
from ..query import query
from ..query.picture import Picture
from ..rows import rows, silence
from ..serving import serving

HOURLY, MINUTELY = "volume-1h", "volume-1m"
"""The rate of the bus."""

EVENTS, TOPICS = "release-engineering-event-logs", "latest-message-per-topic"
MOST_EVENTS, MOST_SILENT = 7, 7
WEEK = 7 * 86_400
RANGE = {"start": ["-8d"]}
WIDE, NARROW = Picture("line", 1_000, 260), Picture("line", 400, 240)
"""The rate of the bus, and that on a phone."""

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/")
def index() -> AnyResponse:
    """The dashboard, where a page is what is liked most; `q` searches it."""
    accept = request.headers.get("Accept", "")
    if prefer(accept, (MEDIA[JSON][0], MEDIA[HTML][0])) != MEDIA[HTML][0]:
        return redirect(url_for("api.index"))
    # A form whose field is empty sends it, too.
    given = request.query_string if request.query_string != b"q=" else b""
    arguments = args.parse(given, ("q",))
    wanted = (args.one(arguments, "q") or "").strip()
    try:
        with serving().store.reading() as connection:
            body = _whole(connection) if not wanted else _found(connection, wanted)
    except DBAPIError as error:
        if not is_missing_table(error):
            raise
        body = _found(None, wanted)
    return answer(Choice(HTML, MEDIA[HTML][0]), body, arguments)


def _whole(connection: Connection) -> str:
    """The page; it is another one when anything is counted or missed, and as time passes."""
    known, debts = progress.read_all(connection), owed.still(connection)
    key = (request.url_root, repr(known), repr(debts))

    def make() -> str:
        return _render("", connection, known, **_parts(connection, known, debts))

    return serving().dashboard.get(key, make)


def _found(connection: Connection | None, wanted: str) -> str:
    """The cards of what is found alone."""
    return _render(wanted, connection, progress.read_all(connection) if connection else {})


def _render(
    wanted: str, connection: Connection | None, known: dict[str, Progress], **parts: Any
) -> str:
    plugins = serving().plugins.values()
    shown = [one for one in plugins if _matches(one, wanted)]
    return render_template(
        "dashboard.html",
        wanted=wanted,
        matching=len(shown),
        total=len(plugins),
        cards=cards.read(connection, shown, known),
        **parts,
    )


def _matches(plugin: BasePlugin, wanted: str) -> bool:
    """Whether every word stands in its name or summary."""
    text = f"{plugin.ident} {plugin.name} {view.summary(plugin)} {plugin.unit or ''}".lower()
    return all(word in text for word in wanted.lower().split())


def _parts(connection: Connection, known: dict[str, Progress], debts: list[Debt]) -> dict[str, Any]:
    """What stands above the cards."""
    running = [one for ident, one in known.items() if ident in serving().plugins]
    beat, now = standing.beat(connection), serving().now()
    return {
        "rate": _rate(connection, known),
        "minute": _newest(connection, known, MINUTELY),
        "complete": min((one.complete_until for one in running), default=None),
        "suspended": [one.ident for one in running if one.suspended],
        "gaps": sum(one.reason not in (*NO_GAPS, RECALLED) for one in debts),
        "events": _events(connection, known),
        "silent": _silent(connection, known),
        "silent_since": None if standing.is_fresh(beat, now) else beat or 0,
        "now": now,
    }


def _rate(connection: Connection, known: dict[str, Progress]) -> dict[str, Any] | None:
    """The messages of the last whole hour, and of the same hour a week before."""
    newest = _newest(connection, known, HOURLY)
    if newest is None:
        return None
    before = headline.at(connection, serving().plugins[HOURLY], newest.start - WEEK)
    change = newest.value / before.value - 1 if before and before.value else None
    plugin = serving().plugins[HOURLY]
    wide, narrow = chart.images(connection, plugin, RANGE, (WIDE, NARROW), known[HOURLY])
    return {
        "newest": newest,
        "before": before,
        "change": change,
        "ident": HOURLY,
        "wide": wide.url,
        "narrow": narrow.url,
    }


def _newest(connection: Connection, known: dict[str, Progress], ident: str) -> Headline | None:
    plugin = serving().plugins.get(ident)
    if plugin is None or plugin.model is None or ident not in known:
        return None
    found = headline.read(connection, plugin, known[ident])
    return None if found is None or found.value is None else found


def _events(connection: Connection, known: dict[str, Progress]) -> list[dict[str, Any]] | None:
    """What release engineering did last: only what the statistic itself shows of a message."""
    plugin = serving().plugins.get(EVENTS)
    if plugin is None or EVENTS not in known:
        return None
    model = aside.source(connection, EVENTS, plugin.model)
    asked = {"rows_per_page": [str(MOST_EVENTS)]}
    now = moment(serving().now())
    wanted = query.parse(plugin, plugin.model, asked, serving().config, now)
    page = rows.read(connection, model, wanted, None)
    return [_event(dict(zip(page.columns, row, strict=True))) for row in page.rows]


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """The row, and what its message says of the event; another's may say nothing."""
    try:
        told = orjson.loads(row.get("message") or "{}")
    except orjson.JSONDecodeError:
        told = {}
    told = told if isinstance(told, dict) else {}
    link = str(told.get("link") or "")
    safe = link if link.startswith(("https://", "http://")) else None
    return {
        **row,
        "name": told.get("name"),
        "status": told.get("status"),
        "link": safe,
        "time": epoch(row["timestamp"]),
    }


def _silent(connection: Connection, known: dict[str, Progress]) -> dict[str, Any] | None:
    plugin = serving().plugins.get(TOPICS)
    if plugin is None or TOPICS not in known or "topic" not in plugin.model.columns():
        return None
    model = aside.source(connection, TOPICS, plugin.model)
    # Not the start of the first gap: that may be long ago, and the page tells of gaps.
    until = known[TOPICS].counted_until
    found, number = silence.read(connection, model, "topic", until, MOST_SILENT)
    return {"topics": found, "number": number, "until": until}
