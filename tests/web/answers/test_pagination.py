from __future__ import annotations

import itertools
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from statscache.web.answers import pagination
from statscache.web.query.cursors import Place, decode
from statscache.web.query.query import Query
from statscache.web.rows.rows import Page

from ..conftest import fill, make, serving, writing
from ..guests import NOW

BUILDS = "/api/builds-by-state-1h"


def links(response):
    """The URLs of the Link header by relation."""
    found = {}
    for part in response.headers["Link"].split(", <"):
        target, options = parse_options_header(part)
        assert options["rel"] not in found
        found[options["rel"]] = target.strip("<>")
    return found


def follow(client, url, relation):
    """All answers from `url` on, by the links of that relation."""
    response = client.get(url)
    answers = [response]
    while relation in links(response) and len(answers) < 50:
        response = client.get(links(response)[relation])
        assert response.status_code == 200
        answers.append(response)
    return answers


def volumes(answers):
    return [row["volume"] for response in answers for row in response.json]


def rows(answers):
    return [row for response in answers for row in response.json]


shapes = [
    "",
    "fields=timestamp,volume",
    "every=2h",
    "every=1d&tz=Europe/Berlin&fields=volume,state",
    "every=3h&fields=volume&fill=0",
    "pivot=state&fill=0&open=0",
    "pivot=state&top=1&every=2h&time=ms",
    "top=1&open=0",
]
selections = st.builds(
    lambda *parts: "&".join(part for part in parts if part),
    st.sampled_from(["order=asc", "order=desc"]),
    st.sampled_from(["", "limit=1", "limit=12", "limit=17", "limit=999"]),
    st.sampled_from(["", "state=failed", "state=failed&state=canceled", "state=none"]),
    st.sampled_from(["", "start=-5h", "start=2026-01-07T20:00:00Z"]),
    st.sampled_from(["", "before=-1h", "stop=1767812400"]),
    st.sampled_from(shapes),
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(selection=selections, size=st.integers(1, 12))
def test_the_links_visit_every_row_once_in_either_direction(client, selection, size):
    everything = client.get(f"{BUILDS}?{selection}&rows_per_page=1000")
    forth = follow(client, f"{BUILDS}?{selection}&rows_per_page={size}", "next")
    back = follow(client, links(forth[0])["last"], "prev")
    assert rows(forth) == rows([everything])
    assert [one.json for one in back[::-1]] == [one.json for one in forth]
    numbers = [int(one.headers["X-Link-Number"]) for one in forth]
    assert numbers == list(range(1, len(forth) + 1))
    counts = {int(one.headers["X-Link-Count"]) for one in forth}
    assert counts == {len(forth) if everything.json else 0}


def test_the_relations_are_those_that_lead_somewhere(client):
    url = f"{BUILDS}?rows_per_page=10"
    pages = follow(client, url, "next")
    relations = [list(links(page)) for page in pages]
    assert relations == [
        ["first", "next", "last"],
        ["first", "prev", "previous", "next", "last"],
        ["first", "prev", "previous", "last"],
    ]
    assert links(pages[1])["prev"] == links(pages[1])["previous"]


def test_links_keep_every_argument_and_pin_the_bounds(client):
    query = "start=-5h&state=failed&state=canceled&rows_per_page=2&order=asc&callback=f&_=7"
    url = links(client.get(f"{BUILDS}.json?{query}"))["next"]
    assert url.startswith(f"http://localhost{BUILDS}.json?")
    kept = parse_qs(urlsplit(url).query)
    assert kept.pop("cursor")
    assert kept == {
        "start": ["1767812400.25"],
        "stop": ["1767830400.25"],
        "state": ["failed", "canceled"],
        "rows_per_page": ["2"],
        "order": ["asc"],
        "callback": ["f"],
        "_": ["7"],
        "page": ["2"],
    }


def test_a_page_past_the_end_leads_back_to_the_last_one(client):
    response = client.get(f"{BUILDS}?rows_per_page=10&page=7")
    assert (response.json, response.headers["X-Link-Count"]) == ([], "3")
    assert parse_qs(urlsplit(links(response)["prev"]).query)["page"] == ["3"]
    assert "next" not in links(response)


@pytest.mark.parametrize(
    "change", [("order=asc", "order=desc"), ("page=2", "page=3"), ("=f", "=g")]
)
def test_a_cursor_is_refused_where_the_query_is_another(client, change):
    url = links(client.get(f"{BUILDS}?order=asc&state=f&state=failed&rows_per_page=2"))["next"]
    assert client.get(url).status_code == 200
    response = client.get(url.replace(*change))
    assert (response.status_code, response.json["argument"]) == (400, "cursor")


def test_links_are_plain_ascii_whatever_is_asked_for(client):
    response = client.get(f"{BUILDS}?state=gr%C3%B6%C3%9Fe,+%22quoted%22&rows_per_page=1")
    assert response.headers["Link"].isascii()
    assert volumes(follow(client, links(response)["next"], "next")) == list(range(83, 0, -10))


def test_a_dear_count_is_remembered_along_the_links(sqlite_uri):
    ticks = itertools.count()
    app = make(sqlite_uri, now=lambda: NOW + next(ticks) / 100)
    builds = serving(app).plugins["builds-by-state-1h"].model
    fill(app, builds)
    client = app.test_client()
    first = client.get(f"{BUILDS}?rows_per_page=5")
    with writing(app) as connection:
        connection.execute(sa.delete(builds).where(builds.volume < 50))
    second = client.get(links(first)["next"])
    assert [one.headers["X-Link-Count"] for one in (first, second)] == ["6", "6"]
    assert volumes(follow(client, f"{BUILDS}?rows_per_page=5", "next"))[-1] == 51
    serving(app).store.close()


@pytest.mark.parametrize("total", [0, 1, 3, 4])
def test_where_rows_have_gone_since_the_pages_before_the_links_lead_on(total):
    at = datetime(2026, 1, 1)
    wanted = Query("any", "desc", None, at, None, (), None, page=3, rows_per_page=2)
    page = Page(["timestamp"], [[at], [at]], [Place(at, (2,)), Place(at, (1,))], more=True)
    found = pagination.links("/api/any", {}, wanted, page, total)
    last = decode(parse_qs(urlsplit(found["last"]).query)["cursor"][0], wanted._replace(page=4))
    assert last.backwards
    assert 1 <= last.size <= 2
