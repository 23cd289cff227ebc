"""`statscache grafana`: every panel gets its rows from the REST API, asked as Grafana asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from samples import NOW

from statscache import hubconfig
from statscache.config import Config
from statscache.web import create_app

from .conftest import Run, count

HOUR = 3_600


@pytest.fixture
def dashboard(here: Path, run: Run) -> dict[str, Any]:
    """The dashboard of a place where two messages were counted."""
    file = here / "fedmsg.d" / "statscache.py"
    file.write_text(file.read_text().replace('"volume-1h"', '"volume-*", "audit-*"'))
    count("kernel", "kernel")
    done = run("grafana", "--url", "http://stats.example.org/statscache/", "--title", "Ours")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def asked(target: dict[str, Any], interval: str) -> str:
    """The path that Grafana asks for, in a panel that shows two hours."""
    values = {
        "${statscache}": "",
        "${__from}": str(int(NOW - HOUR) * 1_000),
        "${__to}": str(int(NOW + HOUR) * 1_000),
        "${__interval}": interval,
    }
    url = target["url"]
    for name, value in values.items():
        url = url.replace(name, value)
    assert "$" not in url
    return str(url)


@pytest.mark.parametrize("interval", ["200ms", "15s", "1m", "1h", "1d", "1w", "1M", "1y"])
def test_every_panel_gets_rows_whatever_grafanas_interval_is(
    dashboard: dict[str, Any], interval: str
) -> None:
    app = create_app(hubconfig.read(), now=lambda: NOW + 400 * 86_400)
    client = app.test_client()
    for panel in dashboard["panels"]:
        (target,) = panel["targets"]
        answer = client.get(asked(target, interval), headers={"Accept": "*/*"})
        assert answer.status_code == 200, answer.text
        assert answer.mimetype == "application/json"
        if panel["title"] not in ("volume-1m", "volume-by-category-1m"):
            continue
        assert answer.json is not None
        assert all(row["timestamp"] > NOW * 500 for row in answer.json)
        shown = sum(sum(row.values()) - row["timestamp"] for row in answer.json)
        # The year and the month have just ended, and been counted to their end; the week has not.
        assert shown == (0 if interval == "1w" else 2)


def test_there_is_a_panel_for_each_kind_the_shortest_windows_from_a_minute_on(
    dashboard: dict[str, Any],
) -> None:
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert {"audit-1m", "volume-1m", "volume-by-category-1m", "volume-by-topic-1m"} <= {*titles}
    assert "fussy-1s" in titles  # there are no longer ones
    assert "volume-1s" not in titles
    assert dashboard["title"] == "Ours"


def test_panels_do_not_overlap_and_ask_for_no_more_than_a_page(dashboard: dict[str, Any]) -> None:
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len({*places}) == len(places)
    page = Config({})["statscache.app.maximum_rows_per_page"]
    assert all(panel["maxDataPoints"] * 1.5 <= page for panel in dashboard["panels"])


def test_statistics_may_be_named(run: Run) -> None:
    named = json.loads(run("grafana", "fussy-1s", "volume-1h").output)
    assert [panel["title"] for panel in named["panels"]] == ["fussy-1s", "volume-1h"]


def test_an_unknown_statistic_is_an_error(run: Run) -> None:
    done = run("grafana", "volume-1y")
    assert done.exit_code == 1
    assert "there is no statistic volume-1y" in done.output
