"""The dashboard."""

from __future__ import annotations

import re
from functools import partial

import pytest
import sqlalchemy as sa

from statscache.store import tables

from ..conftest import serving, writing
from ..guests import NOW
from ..reading import BROWSER, page

BUILDS = "/web/builds-by-state-1h"


def test_whoever_wants_no_page_is_led_to_the_list(client):
    for accept in ("*/*", "application/json", "text/csv"):
        response = client.get("/", headers={"Accept": accept})
        assert (response.status_code, response.headers["Location"]) == (302, "/api/")


def test_the_dashboard_is_searched_by_the_server(client):
    links = page(client, "/?q=ENTERING builds").links
    assert BUILDS in links
    assert "/web/event-logs" not in links
    assert re.search("[12] of [0-9]+ statistics", client.get("/?q=builds", headers=BROWSER).text)
    assert "No statistic has all of these words" in client.get("/?q=xyzzy", headers=BROWSER).text


def test_a_card_has_the_newest_number_that_is_whole(client):
    text = client.get("/", headers=BROWSER).text
    assert '<span class="value">246</span> builds' in text
    assert "keeps no rows" in text


def test_topics_are_newly_silent_that_were_heard_in_the_week_but_not_in_the_last_day(watching):
    text = watching.get("/", headers=BROWSER).text
    section = text.partition('id="silent"')[2].partition("</section>")[0]
    assert re.findall(r"<tr><td>(.*?)</td>", section) == [
        "since.yesterday",
        "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;",
    ]


def test_events_show_what_the_statistic_shows_and_no_link_that_runs(watching):
    text = watching.get("/", headers=BROWSER).text
    assert "&lt;b&gt;Rawhide&lt;/b&gt;" in text
    assert "javascript:" not in text


def test_the_dashboard_says_what_it_understands(client):
    assert page(client, "/?q=").title == "statscache"
    text = client.get("/?nonsense=1", headers=BROWSER)
    assert (text.status_code, "no such argument; there are: q" in text.text) == (400, True)


def test_the_last_whole_hour_stands_beside_that_of_a_week_before(watching):
    text = watching.get("/", headers=BROWSER).text
    assert "Messages, 22:00\u201323:00 UTC" in text
    assert '<dd class="big">1,500</dd>' in text
    assert "+50% against 1,000 a week before" in text


def test_an_open_gap_is_told_of(watching):
    text = watching.get("/", headers=BROWSER).text
    assert '<dt>Gaps</dt>\n<dd class="big">1</dd>' in text
    assert "Some may have been heard in a gap." in text


def test_statistics_of_one_family_stand_on_one_card_the_shortest_windows_first(watching):
    text = watching.get("/", headers=BROWSER).text
    card = text.partition('id="card-volume-1m"')[2].partition("</ul>\n</li>")[0]
    leading = re.findall('class="tag" href="/web/([^"]*)"', card)
    assert leading == ["volume-1m", "volume-1h", "volume-1d"]
    assert text.count('<h3><a href="/web/volume-1m">Volume</a></h3>') == 1
    assert '<span class="tag">5s</span>keeps no rows' in card, "and has no page"


def test_a_card_has_a_small_chart_that_comes_with_the_page(client):
    pictures = page(client, "/").images
    assert pictures
    assert all(one.startswith("data:image/svg+xml,%3Csvg") for one in pictures)


def test_a_card_gives_its_rows_as_csv_as_a_line_for_a_shell_and_to_grafana(client):
    found = page(client, "/")
    ways = [one for one in found.all("a") if "builds-by-state-1h" in one.get("aria-label", "")]
    assert [one["href"] for one in ways[1:]] == [
        "/api/builds-by-state-1h/export.csv",
        "/web/builds-by-state-1h#take",
        "/web/builds-by-state-1h/grafana",
    ]
    assert ways[2]["data-copy"] == ("curl -s http://localhost/api/builds-by-state-1h/export.csv")


def test_the_whole_dashboard_is_made_once_until_something_is_counted(watching):
    ask = partial(watching.get, "/", headers=BROWSER)
    assert '<dd class="big">1,500</dd>' in ask().text
    tag = ask().headers["ETag"]
    assert ask(headers={**BROWSER, "If-None-Match": tag}).status_code == 304
    model = serving(watching.application).plugins["volume-1h"].model
    with writing(watching.application) as connection:
        # No daemon changes rows and says nothing of it: so it can be seen that none are read.
        connection.execute(sa.update(model).values(volume=77))
    assert ask().headers["ETag"] == tag
    with writing(watching.application) as connection:
        connection.execute(sa.update(tables.checkpoint).values(suspended="it fails"))
    text = ask().text
    assert "suspended: latest-message-per-topic" in text
    assert '<dd class="big">77</dd>' in text


def test_a_statistic_that_cannot_be_shown_takes_no_other_with_it(watching, caplog):
    model = serving(watching.application).plugins["volume-1d"].model
    with writing(watching.application) as connection:
        model.__table__.drop(connection)
    text = watching.get("/", headers=BROWSER).text
    assert text.count("cannot be shown") == 1
    assert "Messages, 22:00" in text
    assert "the dashboard cannot show volume-1d" in caplog.text


@pytest.mark.parametrize(
    ("beat", "told"),
    [
        (NOW - 5, "behind; complete to"),
        (NOW - 3_600, "the daemon is silent since Jan 7, 23:00 UTC"),
        (0, "the daemon does not run"),
    ],
)
def test_a_daemon_that_is_not_there_is_told_of(watching, beat, told):
    with writing(watching.application) as connection:
        connection.execute(sa.delete(tables.owner))
        who = {"id": 1, "journal": "j", "host": "h", "path": "p", "process": 1, "token": "t"}
        connection.execute(sa.insert(tables.owner).values(beat=beat, **who))
    assert told in watching.get("/", headers=BROWSER).text
