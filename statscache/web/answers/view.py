"""Rows as a page for people, which works without scripts."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from urllib.parse import quote, urlencode, urljoin

from flask import render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.engine import Connection

from ...plugins import BasePlugin
from ...store import progress
from ..query.arguments import IGNORED, Arguments
from ..query.query import PAGING
from ..serving import serving
from .description import describe

OF_THE_ANSWER = frozenset(("format", "callback", IGNORED))
"""Arguments that say how the answer is wanted, and not which rows."""

OF_A_PAGE = OF_THE_ANSWER.union(PAGING) - {"limit"}


def render(
    connection: Connection,
    plugin: BasePlugin,
    arguments: Arguments,
    table: str,
    links: Mapping[str, str] | None = None,
) -> str:
    """The page with `table`, which holds the rows that `arguments` ask for.

    `links` lead from page to page; where there are none, these are the newest rows of each key.
    """
    latest = url_for("latest.index", name=plugin.ident)
    rows = url_for("statistic.page", name=plugin.ident)
    here = latest if links is None else rows
    export = url(url_for("export.index", name=plugin.ident, suffix="csv"), arguments, OF_A_PAGE)
    # A line to copy never asks for a page: nobody sees there that more rows follow.
    whole = url(latest, arguments) if links is None else export
    return render_template(
        "rows.html",
        statistic=describe(plugin, serving().config, progress.read(connection, plugin.ident)),
        name=title(plugin),
        table=Markup(table),
        links=links,
        latest=latest,
        rows=rows,
        page=url_for("page.index", name=plugin.ident),
        csv=url(f"{here}.csv", arguments),
        export=export,
        curl=curl(whole),
    )


def curl(path: str) -> str:
    """The line for a shell that asks this server for `path`."""
    return f"curl -s {shlex.quote(urljoin(request.host_url, path))}"


def title(plugin: BasePlugin) -> str:
    """The name of a statistic as a title."""
    name = str(plugin.name)
    return name[:1].upper() + name[1:]


def summary(plugin: BasePlugin) -> str:
    """What a statistic says, in a line."""
    return str(describe(plugin, serving().config, None)["summary"])


def url(path: str, arguments: Arguments, without: Collection[str] = OF_THE_ANSWER) -> str:
    """`path` with all `arguments` but those."""
    kept = {name: values for name, values in arguments.items() if name not in without}
    return f"{path}?{urlencode(kept, doseq=True, quote_via=quote)}" if kept else path
