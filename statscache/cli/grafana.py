"""`statscache grafana`: a dashboard for Grafana."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import click
import orjson

from .. import hubconfig, service
from ..errors import AddresseeError
from ..grafana import Panel, dashboard, panel
from ..registry import Registry, Statistic
from ..schedule import family

MINUTE = 60


@click.command()
@click.argument("idents", metavar="[IDENT]...", nargs=-1)
@click.option(
    "--url",
    default="http://localhost:8080",
    show_default=True,
    help="Where Grafana finds the REST API.",
)
@click.option("--title", default="statscache", show_default=True, help="Of the dashboard.")
def grafana(idents: Sequence[str], url: str, title: str) -> None:
    """Print a Grafana dashboard of the statistics that are named, or of all kinds there are.

    Import it in Grafana (Dashboards, New, Import). It wants the data source Infinity. Of a kind
    that is kept in windows of several lengths it shows the shortest from a minute on.
    """
    installed = service.load(hubconfig.read())
    panels = map(_panel, _chosen(installed, idents))
    click.echo(orjson.dumps(dashboard(title, url.rstrip("/"), panels), option=orjson.OPT_INDENT_2))


def _chosen(installed: Registry, idents: Sequence[str]) -> Iterator[Statistic]:
    for ident in idents:
        if ident not in installed.enabled:
            raise AddresseeError(f"there is no statistic {ident}; see `statscache plugins`")
        yield installed.enabled[ident]
    if not idents:
        kept = (one for one in installed.enabled.values() if one.model)
        for _, alike in groupby(sorted(kept, key=_kind), key=_kind):
            yield min(alike, key=lambda one: (one.window < MINUTE, one.window))


def _kind(statistic: Statistic) -> str:
    return family(statistic.ident, statistic.schedule)


def _panel(statistic: Statistic) -> Panel:
    plugin = statistic.plugin
    about = str(plugin.summary or (plugin.__doc__ or "").partition("\n")[0])
    return panel(statistic.ident, about, statistic.model)
