"""`GET /web/IDENT`: a statistic for people, as a chart, a table, and lines to copy."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin

import orjson
import sqlalchemy as sa
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.engine import Connection
from werkzeug.wrappers import Response as AnyResponse

from ...grafana import dashboard, panel
from ...message import EVERYBODY
from ...models import CountModel
from ...plugins import BasePlugin
from ...schedule import family
from ...store import aside, owed, progress
from ...store.progress import Progress
from ...store.tables import NO_GAPS
from ...times import moment
from ..answers import chart, form, pagination, view, writing
from ..answers.description import describe
from ..answers.negotiation import HTML, JSON, MEDIA
from ..answers.problems import respond
from ..query import arguments as args
from ..query import cursors, every, picture, query
from ..query.arguments import Arguments
from ..query.picture import CALENDAR, Picture
from ..query.query import PAGING, Query
from ..rows import keys, newest, rows, span
from ..serving import find, serving
from . import statistic

ROWS = 25
"""On a page, unless it is asked for more."""

WIDE, NARROW = (1_000, 320), (400, 280)
"""Pixels of a chart, and of one on a phone; those of a calendar, and of a sum, are its own."""

OF_KEYS = ("pivot", "top")
"""Arguments that a dashboard keeps, beside columns: its reader chooses the time."""

OF_TABLES = frozenset((*PAGING, "links", "order", "time"))
"""Arguments that mean nothing for a chart."""

OF_SUMS = ("every", *OF_KEYS)
"""And those that mean nothing for a calendar."""

blueprint = Blueprint("page", __name__, url_prefix="/web")


class Asked(NamedTuple):
    """What a request wants to see: `arguments` as given, and those of the `rows`."""

    plugin: BasePlugin
    arguments: Arguments
    rows: Arguments
    query: Query
    is_drawn: bool


@blueprint.get("/<name>", strict_slashes=False)
def index(name: str) -> AnyResponse:
    """The page of a statistic; what its form leaves empty is left out of the URL."""
    plugin = _plugin(name)
    given = [*request.args.items(multi=True)]
    if not all(value for _, value in given):
        kept = urlencode([(name, value) for name, value in given if value])
        return redirect(f"{url_for('.index', name=name)}{'?' if kept else ''}{kept}")
    asked = _asked(plugin)
    with serving().store.reading() as connection:
        return Response(_render(connection, asked, progress.read(connection, plugin.ident)))


@blueprint.get("/<name>/grafana", strict_slashes=False)
def grafana(name: str) -> Response:
    """The same view as a dashboard to be imported in Grafana, where time is chosen."""
    plugin = _plugin(name)
    arguments = _asked(plugin).arguments
    of_keys = (*plugin.model.columns(), *OF_KEYS)
    kept = {name: values for name, values in arguments.items() if name in of_keys}
    made = panel(plugin.ident, view.summary(plugin), plugin.model, kept)
    url = request.url_root.rstrip("/")
    board = dashboard(view.title(plugin), url, [made], _since(plugin, arguments))
    response = Response(orjson.dumps(board, option=orjson.OPT_INDENT_2), mimetype=MEDIA[JSON][0])
    file = f"{plugin.ident}.grafana.json"
    response.headers.set("Content-Disposition", "attachment", filename=file)
    return response


def _since(plugin: BasePlugin, arguments: Arguments) -> str:
    """From when on Grafana shows it: as far back as is asked for, or long enough to see much."""
    start = args.one(arguments, "start") or ""
    if re.fullmatch("-[0-9]+[smhdw]", start):
        return f"now{start}"
    is_daily = plugin.schedule is not None and plugin.schedule.days
    return "now-30d" if is_daily else "now-24h"


def _plugin(name: str) -> BasePlugin:
    plugin, suffix = find(name)
    if suffix is not None or plugin.model is None:
        abort(respond(404, "No page is called so; / leads to those that there are."))
    return plugin


def _asked(plugin: BasePlugin) -> Asked:
    """What the present request wants to see of `plugin`.

    Raises:
        QueryError: an argument is not usable.
    """
    is_drawn = chart.can_draw(plugin)
    known = query.ARGUMENTS - query.REPEATABLE - {"format", "callback"}
    known = known.union(("kind",)) if is_drawn else known
    repeatable = (*query.REPEATABLE, *plugin.model.columns())
    arguments = args.parse(request.query_string, known, repeatable)
    of_rows = {name: values for name, values in arguments.items() if name != "kind"}
    if is_drawn and plugin.schedule is not None:
        wanted = picture.parse(_of_chart(arguments))
        length = plugin.schedule.length
        of_rows = picture.with_windows(of_rows, wanted, plugin.model, length)
    now = moment(serving().now())
    found = query.parse(plugin, plugin.model, of_rows, serving().config, now)
    if is_drawn and plugin.schedule is not None:
        found = span.whole(found, found.shape.every or every.own(plugin.schedule.length))
    if "rows_per_page" not in arguments:
        found = found._replace(rows_per_page=min(ROWS, found.rows_per_page))
    return Asked(plugin, arguments, of_rows, found, is_drawn)


def _of_chart(arguments: Arguments) -> Arguments:
    """Those that mean something for the chart: a form sends whatever it has."""
    is_calendar = args.one(arguments, "kind") == CALENDAR
    without = OF_TABLES.union(OF_SUMS) if is_calendar else OF_TABLES
    return {name: values for name, values in arguments.items() if name not in without}


def _render(connection: Connection, asked: Asked, known: Progress | None) -> str:
    plugin, config = asked.plugin, serving().config
    model = aside.source(connection, plugin.ident, plugin.model)
    wanted = statistic.close(connection, asked.query)
    wanted = wanted._replace(each=query.each(plugin, asked.rows))
    page, links = _table(connection, model, wanted, asked)
    debts = owed.still(connection)
    archive = config["statscache.datagrepper.endpoint"]
    history = progress.history(debts, plugin.ident) if archive else None
    told = describe(plugin, config, known, history)
    sizes = _sizes(asked)
    hints = _hints(connection, model, asked.query)
    first = _first(connection, model, asked)
    kept = told["retention"]
    fields = form.fields(plugin, asked.arguments, kept, first, hints, is_drawn=asked.is_drawn)
    return render_template(
        "page.html",
        statistic=told,
        name=view.title(plugin),
        family=_family(plugin),
        more=told["description"].removeprefix(told["summary"]).strip(),
        fields=fields,
        kept=list(form.kept(asked.arguments, fields)),
        charts=chart.images(connection, plugin, _of_chart(asked.arguments), sizes, known),
        table=_captioned(writing.write(connection, plugin, model, wanted, page, HTML), plugin),
        is_empty=not page.rows,
        links=links,
        gaps=[one for one in debts if _is_gap(one, plugin.ident)],
        **_ways(asked, sizes),
    )


def _table(
    connection: Connection, model: rows.Model, wanted: Query, asked: Asked
) -> tuple[rows.Page, dict[str, str]]:
    """The rows, and the links to other pages of them."""
    if wanted.each:
        return newest.several(connection, model, wanted), {}
    text = args.one(asked.arguments, "cursor")
    found = rows.read(connection, model, wanted, cursors.decode(text, wanted) if text else None)
    pinned = query.pin(asked.arguments, wanted)
    count = statistic.total(connection, model, wanted, found, [asked.arguments, pinned])
    return found, pagination.links(request.base_url, pinned, wanted, found, count)


def _captioned(table: str, plugin: BasePlugin) -> Markup:
    """The table with a caption for whoever does not see it."""
    caption = Markup('<table>\n<caption class="hidden">Rows of {}</caption>').format(plugin.ident)
    return Markup(table.replace("<table>", caption, 1))


def _sizes(asked: Asked) -> list[Picture]:
    """What of the chart is drawn: a wide one, and one for phones where that has room."""
    if not asked.is_drawn:
        return []
    usual = picture.parse(_of_chart(asked.arguments))
    if usual.kind == CALENDAR:
        return [usual]
    sizes = (WIDE, NARROW) if issubclass(asked.plugin.model, CountModel) else (WIDE,)
    return [Picture(usual.kind, *size) for size in sizes]


def _family(plugin: BasePlugin) -> list[BasePlugin]:
    """The same in windows of all lengths that there are, the shortest first."""
    stem = family(plugin.ident, plugin.schedule)
    others = [
        one
        for one in serving().plugins.values()
        if one.schedule and one.model and family(one.ident, one.schedule) == stem
    ]
    return sorted(others, key=lambda one: one.schedule.length if one.schedule else 0)


def _ways(asked: Asked, sizes: list[Picture]) -> dict[str, Any]:
    """Where the same is had by programs, and in other pages."""
    name = asked.plugin.ident
    export = url_for("export.index", name=name, suffix="csv")
    export = view.url(export, asked.rows, view.OF_A_PAGE)
    keys_of = {key: asked.rows[key] for key in asked.plugin.model.columns() if key in asked.rows}
    return {
        "rows": view.url(url_for("statistic.page", name=f"{name}.json"), asked.rows),
        "export": export,
        "latest": url_for("latest.index", name=name),
        "curl": view.curl(export),
        "tag": _tag(asked, sizes[0]) if sizes else None,
        "grafana": view.url(url_for(".grafana", name=name), asked.arguments),
        "events": view.url(url_for("events.index", name=name), keys_of),
    }


def _tag(asked: Asked, size: Picture) -> str:
    """The HTML that shows the picture of that size."""
    sides = {"width": [str(size.width)], "height": [str(size.height)]}
    path = url_for("statistic.page", name=f"{asked.plugin.ident}.svg")
    url = view.url(urljoin(request.host_url, path), {**_of_chart(asked.arguments), **sides})
    return str(Markup('<img src="{}" alt="{}">').format(url, view.title(asked.plugin)))


def _first(connection: Connection, model: rows.Model, asked: Asked) -> str | None:
    """The date of the first row."""
    first = connection.scalar(sa.select(sa.func.min(model.timestamp)))
    return first.date().isoformat() if first and asked.plugin.schedule else None


def _hints(connection: Connection, model: rows.Model, asked: Query) -> dict[str, list[str]]:
    """Keys to choose from, of each key column."""
    return {name: keys.lately(connection, model, name, asked) for name in model.key_columns()}


def _is_gap(debt: owed.Debt, ident: str) -> bool:
    return debt.addressee in (EVERYBODY, ident) and debt.reason not in NO_GAPS
