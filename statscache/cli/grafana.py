"""`statscache grafana`: a dashboard for Grafana.

It asks the REST API through Grafana's Infinity data source, as its backend parser does:
https://grafana.com/docs/plugins/yesoreyeram-infinity-datasource/latest/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import click
import orjson

from .. import hubconfig, service
from ..errors import AddresseeError
from ..models import CountModel
from ..registry import Registry, Statistic

SOURCE = "yesoreyeram-infinity-datasource"
SCHEMA_VERSION = 39
MINUTE = 60
TOP = 10
"""Keys that a panel shows; the rest is `other`."""

ROWS, POINTS = 1_000, 500
"""Of a page, and of a panel: Grafana rounds its interval, to up to half as many points again."""

WIDTH, HEIGHT = 12, 8
"""Of a panel; Grafana's grid is 24 wide."""

RANGE = "start=${__from}&stop=${__to}"
SERIES = f"{RANGE}&every=${{__interval}}&fill=0&open=0&order=asc&time=ms"


class Panel(NamedTuple):
    """What a panel is called, how it is drawn, and where its rows come from."""

    title: str
    description: str
    kind: str
    path: str
    stacked: bool = False


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
    click.echo(orjson.dumps(_dashboard(title, url.rstrip("/"), panels), option=orjson.OPT_INDENT_2))


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
    """What it is called without the length of its windows."""
    return statistic.ident.removesuffix(f"-{statistic.schedule}")


def _panel(statistic: Statistic) -> Panel:
    plugin, model = statistic.plugin, statistic.model
    about = str(plugin.summary or (plugin.__doc__ or "").partition("\n")[0])
    if model is None or not issubclass(model, CountModel):
        path = f"/api/{statistic.ident}/latest?time=ms&limit={ROWS}"
        return Panel(statistic.ident, about, "table", path)
    by = model.shown_by()
    pivot = f"&pivot={by[0]}&top={TOP}" if by else ""
    path = f"/api/{statistic.ident}?{SERIES}{pivot}&rows_per_page={ROWS}"
    return Panel(statistic.ident, about, "timeseries", path, stacked=bool(by))


def _dashboard(title: str, url: str, panels: Iterable[Panel]) -> dict[str, Any]:
    return {
        "title": title,
        "tags": ["statscache"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Data source",
                    "type": "datasource",
                    "query": SOURCE,
                },
                {"name": "statscache", "type": "constant", "query": url, "hide": 2},
            ]
        },
        "panels": [_drawn(number, panel) for number, panel in enumerate(panels)],
    }


def _drawn(number: int, panel: Panel) -> dict[str, Any]:
    """The panel in Grafana's own words."""
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if panel.stacked else {}
    return {
        "id": number + 1,
        "title": panel.title,
        "description": panel.description,
        "type": panel.kind,
        "datasource": {"type": SOURCE, "uid": "${source}"},
        "maxDataPoints": POINTS,
        "gridPos": {
            "h": HEIGHT,
            "w": WIDTH,
            "x": number % 2 * WIDTH,
            "y": number // 2 * HEIGHT,
        },
        "fieldConfig": {"defaults": {"custom": custom}, "overrides": []},
        "targets": [
            {
                "refId": "A",
                "type": "json",
                "parser": "backend",
                "source": "url",
                "format": "table",
                "url": "${statscache}" + panel.path,
                "url_options": {"method": "GET"},
                "root_selector": "",
                "columns": [],
                "filters": [],
            }
        ],
        # The backend finds the keys by itself, and takes the time for a number like any other.
        "transformations": [
            {
                "id": "convertFieldType",
                "options": {
                    "conversions": [{"targetField": "timestamp", "destinationType": "time"}]
                },
            }
        ],
    }
