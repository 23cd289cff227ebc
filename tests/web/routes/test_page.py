"""The page of a statistic."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from statscache.times import moment

from ..conftest import fill, make, serving
from ..reading import BROWSER, page

BUILDS = "/web/builds-by-state-1h"


def test_the_form_holds_what_is_asked_for_and_hands_on_the_rest(client):
    query = "start=-3h&state=failed&state=canceled&every=6h&order=asc&page=2&rows_per_page=5"
    found = page(client, f"{BUILDS}?{query}")
    chosen = [one["value"] for one in found.all("option") if "selected" in one]
    assert chosen[:2] == ["-3h", "6h"]
    given = {(one.get("name"), one.get("value")) for one in found.all("input")}
    assert {("state", "failed"), ("state", "canceled"), ("order", "asc")} <= given
    assert ("rows_per_page", "5") in given
    assert "page" not in {name for name, _ in given}


def test_what_a_form_leaves_empty_is_left_out_of_the_address(client):
    response = client.get(f"{BUILDS}?start=&state=failed&every=", headers=BROWSER)
    assert (response.status_code, response.headers["Location"]) == (302, f"{BUILDS}?state=failed")
    assert client.get(f"{BUILDS}?start=", headers=BROWSER).headers["Location"] == BUILDS


def test_lines_to_copy_ask_for_just_this_view(client):
    text = client.get(f"{BUILDS}?start=-3h&state=failed&kind=bar", headers=BROWSER).text
    curl = "curl -s &#39;http://localhost/api/builds-by-state-1h/export.csv?start=-3h&amp;state=failed&#39;"
    assert curl in text
    tag = re.search("<code>(&lt;img.*?)</code>", text)[1]
    image = unescape(re.search('src="(http://localhost[^"]*)"', unescape(tag))[1])
    asked = parse_qs(urlsplit(image).query)
    assert (asked["kind"], asked["start"], asked["state"]) == (["bar"], ["-3h"], ["failed"])
    assert client.get(image).mimetype == "image/svg+xml"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("every=90m", "a multiple of 1h"),
        ("kind=pie", "line or bar"),
        ("start=yesterday", "epoch seconds"),
        ("pivot=volume", "a key column: state"),
        ("top=50", "a whole number from 1 to 7"),
        ("nonsense=1", "no such argument"),
        ("format=csv", "no such argument"),
        ("start=2030-01-01", "a moment before the end of the range"),
        ("page=0", "a whole number from 1 on"),
        ("cursor=nonsense", "cursor"),
    ],
)
def test_a_bad_argument_is_answered_with_a_page_that_says_what_is_allowed(client, query, told):
    response = client.get(f"{BUILDS}?{query}", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (400, "text/html")
    assert told in response.text


def test_a_page_that_is_not_there_is_answered_with_one_that_says_so(client):
    for path in ("/web/nothing", "/web/silent", "/web/builds-by-state-1h.csv", "/web/"):
        assert client.get(path, headers=BROWSER).status_code == 404


def test_rows_lead_to_their_messages_where_there_are_any_to_ask_for(uri):
    app = make(uri, datagrepper__endpoint="https://example.org/datagrepper/")
    fill(app, serving(app).plugins["builds-by-state-1h"].model)
    links = page(app.test_client(), f"{BUILDS}?every=1d").links
    assert any(one.startswith("https://example.org/datagrepper/v2/search?start=") for one in links)
    serving(app).store.close()


def test_a_page_says_how_long_rows_are_kept_until_when_they_are_whole_and_what_is_missing(client):
    text = client.get(BUILDS, headers=BROWSER).text
    for said in ("for ever", "2026-01-07 23:59:59", "none is open", "9 messages; 1 came too late"):
        assert said in text


def test_one_more_key_can_always_be_chosen_out_of_those_there_are(client):
    found = page(client, f"{BUILDS}?state=failed")
    states = [one["value"] for one in found.all("input") if one.get("name") == "state"]
    assert states == ["failed", ""]
    hints = [one["value"] for one in found.all("option") if "selected" not in one]
    assert {"canceled", "failed"} <= {*hints}


def test_a_page_listens_to_the_keys_that_it_shows(client):
    (main,) = page(client, f"{BUILDS}?state=failed&start=-1d&every=6h").all("main")
    assert main["data-live"] == "/api/builds-by-state-1h/events?state=failed"


def test_the_picture_comes_with_the_page_and_with_what_can_be_read_off_it(client):
    found = page(client, f"{BUILDS}?start=-3h")
    image = found.all("img")[0]
    assert 'data-plot="' in unquote(image["src"])
    (figure,) = found.all("figure")
    read = json.loads(figure["data-reading"])
    assert (len(read["borders"]), len(read["times"]), read["unit"]) == (5, 4, "builds")
    assert {one["name"] for one in read["series"]} == {"failed", "canceled", 'größe, "quoted"'}


def test_grafana_gets_the_keys_of_the_view_and_asks_for_its_own_time(client):
    path = f"{BUILDS}/grafana?start=-3h&state=failed&state=canceled&every=6h&kind=bar"
    response = client.get(path)
    (panel,) = response.json["panels"]
    (target,) = panel["targets"]
    url = target["url"].replace("${statscache}", "")
    assert "state=failed&state=canceled" in url
    assert "start=${__from}&stop=${__to}&every=${__interval}" in url
    for name, value in {
        "__from": "1767744000000",
        "__to": "1767765600000",
        "__interval": "2h",
    }.items():
        url = url.replace(f"${{{name}}}", value)
    assert client.get(url).status_code == 200
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=builds-by-state-1h.grafana.json"
    )
    (_, constant) = response.json["templating"]["list"]
    assert constant["query"] == "http://localhost"
    assert client.get(f"{BUILDS}/grafana?nonsense=1").status_code == 400
    assert client.get("/web/nothing/grafana").status_code == 404


@pytest.mark.parametrize(
    ("query", "since"), [("", "now-24h"), ("start=-7d", "now-7d"), ("start=2026-01-01", "now-24h")]
)
def test_grafana_begins_as_far_back_as_the_view(client, query, since):
    assert client.get(f"{BUILDS}/grafana?{query}").json["time"] == {"from": since, "to": "now"}


def test_what_a_form_has_for_other_kinds_means_nothing_for_a_calendar(client):
    query = "kind=calendar&top=3&pivot=state&every=6h&start=-1d"
    images = page(client, f"{BUILDS}?{query}").images
    assert "data-days" in unquote(images[0])


@pytest.mark.parametrize("windows", ["", "&every=4h"])
def test_chart_and_table_begin_with_the_same_whole_window(client, windows):
    path = f"{BUILDS}?start=2026-01-07T17:30:00Z{windows}&state=failed&order=asc"
    found = page(client, path)
    read = json.loads(found.all("figure")[0]["data-reading"])
    first = next(at for at, value in enumerate(read["series"][0]["values"]) if value)
    (begin, *_) = (one["datetime"] for one in found.all("time"))
    assert begin == f"{moment(read['borders'][first]).isoformat()}Z"
    text = client.get(path, headers=BROWSER).text
    (number, *_) = re.findall('<td class="number">(.*?)</td>', text)
    assert number == f"{read['series'][0]['values'][first]:,}"
    assert read["borders"][0] < 1_767_807_000


@pytest.mark.parametrize("way", ["", "/grafana"])
@pytest.mark.parametrize(
    "query",
    ["start=0001-01-01&every=1d&tz=Asia/Tokyo", "start=9999-12-31&every=year", "start=0001-01-01"],
)
def test_times_at_the_ends_of_the_calendar_are_no_fault_of_the_server(client, query, way):
    assert client.get(f"{BUILDS}{way}?{query}", headers=BROWSER).status_code in (200, 400)
