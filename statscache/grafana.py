"""A dashboard for Grafana, to be imported there.

It asks the REST API through Grafana's Infinity data source, as its backend parser does:
https://grafana.com/docs/plugins/yesoreyeram-infinity-datasource/latest/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from .models import BaseModel, CountModel

SOURCE = "yesoreyeram-infinity-datasource"
SCHEMA_VERSION = 39
TOP = 10
"""Keys that a panel shows; the rest is `other`."""

ROWS, POINTS = 1_000, 500
"""Of a page, and of a panel: Grafana rounds its interval, to up to half as many points again."""

WIDTH, HEIGHT = 12, 8
"""Of a panel; Grafana's grid is 24 wide."""

START, STOP, EVERY = "${__from}", "${__to}", "${__interval}"
"""Grafana puts in what its reader chooses."""


class Panel(NamedTuple):
    """What a panel is called, how it is drawn, and where its rows come from."""

    title: str
    description: str
    kind: str
    path: str
    stacked: bool = False


def panel(
    ident: str,
    description: str,
    model: type[BaseModel] | None,
    asked: Mapping[str, Sequence[str]] | None = None,
) -> Panel:
    """A panel of the statistic `ident`, whose rows are of `model`.

    `asked`: arguments of the REST API that go before the usual ones.
    """
    asked = asked or {}
    if model is None or not issubclass(model, CountModel):
        path = _url(f"/api/{ident}/latest", {"time": ["ms"], "limit": [str(ROWS)], **asked})
        return Panel(ident, description, "table", path)
    usual: dict[str, Sequence[str]] = {"start": [START], "stop": [STOP], "every": [EVERY]}
    usual |= {"fill": ["0"], "open": ["0"], "order": ["asc"], "time": ["ms"]}
    by = model.shown_by()
    if by:
        usual |= {"pivot": [by[0]], "top": [str(TOP)]}
    path = _url(f"/api/{ident}", {**usual, **asked, "rows_per_page": [str(ROWS)]})
    # Levels, and how many different there are, cannot be added up.
    return Panel(ident, description, "timeseries", path, stacked=bool(by) and not model.hidden_key)


def _url(path: str, arguments: Mapping[str, Sequence[str]]) -> str:
    """Grafana's own words stay as they are."""
    return f"{path}?{urlencode(arguments, doseq=True, quote_via=quote, safe='${}')}"


def dashboard(
    title: str, url: str, panels: Iterable[Panel], since: str = "now-24h"
) -> dict[str, Any]:
    """What is imported, as JSON.

    `url`: where Grafana finds the REST API, without a slash; `since`: from when on it is shown, in
    Grafana's words.
    """
    return {
        "title": title,
        "tags": ["statscache"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": since, "to": "now"},
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
