"""Rows as pictures: `.svg`."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.metadata import EntryPoint

import pytest
import sqlalchemy as sa
from pictures import SVG, parsed, paths, texts, told
from sqlalchemy.orm import Session

from statscache import registry
from statscache.plugins import BasePlugin, CategorizedModel, Histogram
from statscache.store import schema, tables
from statscache.web import create_app

from ..conftest import CHECKPOINT, config, daemons, fill, make, serving, writing
from ..guests import FIRST, HOUR, NOW

BUILDS = "/api/builds-by-state-1h"
CHART = f"{BUILDS}.svg"
IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,"
    "image/svg+xml,*/*;q=0.8"
)


class Old(CategorizedModel):
    """As packages of old have it: numbers by category, in windows."""

    __tablename__ = "data_temperatures"


class Temperatures(BasePlugin):
    name, interval, model = "temperatures", timedelta(hours=1), Old
    unit = "degrees"


class Waits(Histogram):
    """How long something took."""

    name, interval = "waits", timedelta(hours=1)
    unit = "seconds"


charted = [Temperatures, Waits]


@pytest.fixture
def other(uri):
    """An application over statistics that do not count."""
    checked = config(uri)
    found = registry.load(checked, [EntryPoint("charted", f"{__name__}:charted", registry.GROUP)])
    app = create_app(checked, found=found, now=lambda: NOW)
    with daemons(app) as store:
        schema.upgrade(store)
    plugins = serving(app).plugins
    waits = plugins["waits-1h"].model
    with writing(app) as connection, Session(connection) as session:
        waits.metadata.create_all(connection, [waits.__table__, Old.__table__])
        at = datetime(2026, 1, 7, 12)
        rows = [("indoors", 20), ("outdoors", -5)]
        session.add_all([Old(timestamp=at, category=name, scalar=number) for name, number in rows])
        waits.add(session, {(FIRST, "7200"): 3, (FIRST + 2 * HOUR, "14400"): 1})
        session.flush()
        for ident in plugins:
            connection.execute(sa.insert(tables.checkpoint).values(ident=ident, **CHECKPOINT))
    yield app.test_client()
    serving(app).store.close()


@pytest.fixture
def own(uri):
    """An application whose rows a test may change."""
    app = make(uri)
    fill(app, serving(app).plugins["builds-by-state-1h"].model)
    yield app
    serving(app).store.close()


def picture(client, query="", path=CHART):
    response = client.get(f"{path}?{query}")
    assert (response.status_code, response.mimetype) == (200, "image/svg+xml"), response.text
    parsed(response.text)
    return response.text


def refusal(client, query, path=CHART):
    response = client.get(f"{path}?{query}")
    assert response.status_code == 400
    return response.json["argument"], response.json["allowed"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (CHART, "*/*"),
        (f"{BUILDS}?format=svg", "*/*"),
        (BUILDS, "image/svg+xml"),
        (BUILDS, IMG),
    ],
)
def test_it_comes_by_suffix_argument_and_header(client, path, accept):
    response = client.get(path, headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, "image/svg+xml")
    assert response.headers["X-Statscache-Complete-Until"] == "1767830399.5"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_browser_that_also_takes_pictures_gets_a_page(client):
    assert client.get(BUILDS, headers={"Accept": FIREFOX}).mimetype == "text/html"


@pytest.mark.parametrize("kind", ["line", "bar", "stacked", "spark", "calendar"])
def test_every_kind_can_be_had_in_other_sizes(client, kind):
    root = parsed(picture(client, f"kind={kind}&width=600&height=200"))
    assert (root.get("width"), root.get("height")) == ("600", "200")


def test_all_of_the_statistic_is_told(client):
    text = picture(client)
    assert texts(text)[:2] == [
        "Builds by state",
        "builds per hour · Jan 1 00:00 \u2013 Jan 8 01:00, 2026 UTC",
    ]
    assert 'größe, "quoted"' in texts(text)
    assert told(text).startswith("A line chart: builds per hour")
    assert 'Highest: 93 (Jan 7, 2026, 23:00) of größe, "quoted".' in told(text)
    assert "The last 2 windows are not over yet." in told(text)


def test_the_arguments_of_rows_choose_what_is_drawn(client):
    range_ = "start=2026-01-07&before=2026-01-08"
    text = picture(client, f"{range_}&every=6h&state=failed&kind=bar")
    assert "builds per 6 hours · Jan 7, 2026 UTC · state: failed" in texts(text)
    assert "Highest: 402 (Jan 7, 2026, 18:00)" in told(text)
    assert "3 series" in told(picture(client, f"{range_}&pivot=state&top=7"))
    assert "2 series: " in told(picture(client, f"{range_}&top=1"))
    assert "series" not in told(picture(client, f"{range_}&fields=volume"))


def test_days_are_those_of_the_zone(client):
    text = picture(client, "kind=calendar&tz=America/New_York&start=2026-01-01")
    assert "builds per day · Dec 31, 2025 \u2013 Jan 7, 2026 America/New_York" in texts(text)
    titles = [one.text for one in parsed(text).iter(f"{SVG}title")]
    assert "Wed, Jan 7, 2026: 1,410 builds so far" in titles


def test_arguments_that_say_how_rows_are_written_change_nothing(client):
    assert picture(client) == picture(client, "order=asc&time=iso")


def test_no_window_is_left_out_however_many_rows_a_page_has(client):
    (drawn,) = paths(picture(client, "fields=volume&start=2026-01-07T14:00&width=4000"), "line s0")
    assert drawn.count("L") + 1 == 9
    # What is not over is no part of it.
    assert "rows_per_page" in refusal(client, "rows_per_page=5")


@pytest.mark.parametrize(
    ("query", "argument", "allowed"),
    [
        ("kind=pie", "kind", "line or bar or stacked or spark or calendar"),
        ("width=10", "width", "from 240 to 4000"),
        ("height=x", "height", "from 160 to 2000"),
        ("kind=spark&height=9", "height", "from 10 to 2000"),
        ("width=1e3", "width", "from 240"),
        ("limit=5", "limit", "all windows"),
        ("page=2", "page", "all windows"),
        ("links=1", "links", "all windows"),
        ("top=8", "top", "from 1 to 7"),
        ("fields=state", "fields", "one of volume"),
        ("before=0001-01-02", "start", "before the end"),
        ("stop=0001-01-07&kind=calendar", "start", "before the end"),
        ("start=2026-01-09", "start", "before now"),
        ("start=2026-01-07&before=2026-01-06", "start", "before the end"),
        ("start=-30m&open=0", "open", "1, since"),
        ("kind=calendar&every=1h", "every", "1d"),
        ("kind=calendar&every=soon", "every", "a whole number"),
        ("kind=calendar&pivot=state", "pivot", "one number a day"),
        ("kind=calendar&top=2", "top", "one number a day"),
        ("kind=calendar&start=2010-01-01", "start", "windows fit into this chart"),
        ("tz=Asia/Kathmandu", "tz", "a multiple of 1h"),
        ("callback=show", "callback", "with JSON only"),
        ("color=red", "color", "kind"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_what_can_is_told(client, query, argument, allowed):
    found, told = refusal(client, query)
    assert found == argument
    assert allowed in told


@pytest.mark.parametrize("argument", ["kind=line", "width=300", "height=300"])
def test_elsewhere_the_arguments_of_charts_are_refused(client, argument):
    assert refusal(client, argument, BUILDS) == (
        argument.partition("=")[0],
        "for charts only, which are SVG: with format=svg, say",
    )
    assert client.get(f"{BUILDS}/latest?{argument}").status_code == 400


@pytest.mark.parametrize(
    ("range_", "windows"),
    [
        ("start=-40d&width=720", "builds per 2 hours"),
        ("start=-40d&width=4000", "builds per hour"),
        ("start=-40d&width=720&every=7h", "builds per 7 hours"),
        ("start=-3000d&width=300", "builds per month"),
        ("start=0001-01-01", "builds per 10 years"),
    ],
)
def test_windows_are_longer_where_there_are_fewer_pixels(client, range_, windows):
    text = picture(client, f"{range_}&fields=volume")
    asked = "7 hours" if "7h" in range_ else "hour"
    assert texts(text)[1].startswith(windows)
    assert (" to fit." in told(text)) == (windows != f"builds per {asked}")


def test_nothing_is_zero_only_where_all_is_counted(own):
    query = "fields=volume&start=2026-01-07T10:00&kind=line"
    (drawn,) = paths(picture(own.test_client(), query), "line s0")
    # Before the first row nobody knows; rows begin at 14:00.
    assert drawn.count("L") + 1 == 9
    builds = serving(own).plugins["builds-by-state-1h"].model
    with writing(own) as connection:
        gone = [datetime(2026, 1, 7, hour) for hour in (16, 20)]
        connection.execute(sa.delete(builds).where(builds.timestamp.in_(gone)))
        connection.execute(sa.update(tables.checkpoint).values(tag=1))
    (drawn,) = paths(picture(own.test_client(), query), "line s0")
    assert (drawn.count("M"), drawn.count("L") + 1) == (1, 9)
    gap = {"addressee": "", "start": NOW - 6 * HOUR, "stop": NOW, "reason": "away", "opened": NOW}
    with writing(own) as connection:
        connection.execute(sa.insert(tables.owed).values(gap))
    text = picture(own.test_client(), query)
    (drawn,) = paths(text, "line s0")
    assert drawn.count("M") == 2
    assert any("complete until Jan 7, 2026, 18:00" in one for one in texts(text))


def test_fill_says_what_nothing_is(client):
    text = picture(client, "fields=volume&start=2026-01-07T10:00&fill=0")
    (drawn,) = paths(text, "line s0")
    assert drawn.count("L") + 1 == 13


def test_it_is_sent_again_only_where_it_would_be_another(own):
    client = own.test_client()

    def tag(query):
        return client.get(f"{CHART}?{query}").headers["ETag"]

    with writing(own) as connection:
        connection.execute(sa.update(tables.checkpoint).values(tag=1))
    first = tag("start=-5d")
    others = ["start=-4d", "start=-5d&kind=bar", "start=-5d&width=300", "start=-5d&height=300"]
    assert len({first, *map(tag, others)}) == 5
    again = client.get(f"{CHART}?start=-5d", headers={"If-None-Match": first})
    assert (again.status_code, again.data) == (304, b"")
    with writing(own) as connection:
        # The last hour is over.
        connection.execute(sa.update(tables.checkpoint).values(complete_until=NOW + 1))
    assert tag("start=-5d") != first


@pytest.mark.parametrize("path", ["/api/event-logs.svg", "/api/python-3.11-builds.svg"])
def test_what_has_no_numbers_in_windows_says_what_it_can_be_had_as(client, path):
    response = client.get(path)
    assert response.status_code == 406
    assert response.json["available"] == [
        *("application/json", "text/csv", "application/x-ndjson", "text/html")
    ]
    assert client.get(path.removesuffix(".svg"), headers={"Accept": IMG}).status_code == 200


def test_rows_of_old_models_have_a_series_for_each_category(other):
    text = picture(other, path="/api/temperatures-1h.svg")
    assert "2 series: indoors, outdoors." in told(text)
    assert "degrees per hour" in texts(text)[1]
    argument, allowed = refusal(other, "kind=calendar", "/api/temperatures-1h.svg")
    assert (argument, "no days" in allowed) == ("kind", True)
    argument, allowed = refusal(other, "start=-200d", "/api/temperatures-1h.svg")
    assert (argument, "windows fit" in allowed) == ("start", True)
    assert refusal(other, "fields=category", "/api/temperatures-1h.svg")[0] == "fields"


def test_quantiles_are_drawn_as_they_are_and_seconds_as_hours(other):
    text = picture(other, path="/api/waits-1h.svg")
    assert "hours by hour" in texts(text)[1]
    assert "p50" in texts(text)
    for drawn in paths(text, "line s0"):
        # Between them nothing took any time at all: that is no zero.
        assert drawn.count("M") == 2
    argument, allowed = refusal(other, "kind=stacked", "/api/waits-1h.svg")
    assert (argument, "cannot be added up" in allowed) == ("kind", True)
    assert "volume per hour" in texts(picture(other, "fields=volume", "/api/waits-1h.svg"))[1]


def test_where_nothing_was_ever_counted_there_are_no_numbers(own):
    never = serving(own).plugins["never-counted-1d"].model
    assert own.test_client().get("/api/never-counted-1d.svg").status_code == 503
    with writing(own) as connection:
        never.metadata.create_all(connection, [never.__table__])
    text = picture(own.test_client(), path="/api/never-counted-1d.svg")
    assert "No numbers in this time" in texts(text)
