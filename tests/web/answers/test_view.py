"""Rows as a page for people."""

from __future__ import annotations

import html
import re
import shlex
import urllib.request
from html.parser import HTMLParser

import pytest

from ..routes.test_index import BROWSER, GOLDEN

BUILDS = "/api/builds-by-state-1h"


class Page(HTMLParser):
    """The links of a page by what they say, and the names of its elements."""

    def __init__(self, text):
        super().__init__()
        self.links, self.elements, self._to = {}, set(), None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        if tag == "a":
            self._to = dict(attrs)["href"]

    def handle_data(self, data):
        if self._to is not None:
            self.links.setdefault(data, self._to)
            self._to = None


def read(client, url):
    response = client.get(url, headers={"Accept": BROWSER})
    assert (response.status_code, response.mimetype) == (200, "text/html")
    return Page(response.text), response


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("builds.html", f"{BUILDS}.html?rows_per_page=2&page=2&stop=2026-01-08"),
        ("events.html", "/api/event-logs.html?stop=2026-01-08"),
        ("latest.html", f"{BUILDS}/latest.html?state=failed"),
    ],
)
def test_pages_are_what_the_golden_files_hold(client, name, url):
    """From the header on: the style is that of all pages."""
    _, header, page = client.get(url).text.partition("<header>")
    text = re.sub(r"cursor=[\w-]+", "cursor=...", header + page)
    assert text == (GOLDEN / name).read_text()


def test_it_says_what_the_rows_are_and_until_when_they_are_complete(client):
    _, response = read(client, BUILDS)
    for said in (
        "<h1>Builds by state</h1>",
        "Builds entering each state.",
        "Counted when the build system says so.",
        "Unit: builds.",
        "Windows of 1h",
        '<time datetime="2026-01-07T23:59:59Z">2026-01-07 23:59:59</time>',
        '<time datetime="2026-01-07T23:00:00Z">2026-01-07 23:00:00</time>',
        '<td class="number">93</td>',
        "<td>größe, &quot;quoted&quot;</td>",
    ):
        assert said in response.text


@pytest.mark.parametrize("path", [BUILDS, f"{BUILDS}/latest", "/api/event-logs"])
def test_it_works_without_scripts_and_asks_for_nothing_else(client, path):
    page, response = read(client, path)
    assert page.elements.isdisjoint({"script", "img", "link", "iframe", "object", "form"})
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src 'self';" in policy
    assert "prefers-color-scheme: dark" in response.text
    assert 'name="viewport"' in response.text


def test_its_links_lead_through_all_pages_and_back(client):
    url, seen = f"{BUILDS}?rows_per_page=8&state=failed&state=canceled", []
    while url:
        page, response = read(client, url)
        seen.append(re.findall(r'class="number">(\d+)</td>', response.text))
        url = page.links.get("Next")
    assert [len(rows) for rows in seen] == [8, 8, 4]
    back, response = read(client, page.links["Previous"])
    assert re.findall(r'class="number">(\d+)</td>', response.text) == seen[1]
    assert back.links.keys() >= {"First", "Last"}


def test_a_single_page_has_no_links_to_others(client):
    page, _ = read(client, "/api/event-logs")
    assert page.links.keys().isdisjoint({"First", "Previous", "Next", "Last"})


def test_it_leads_to_the_same_as_csv_and_to_all_rows(client):
    page, _ = read(client, f"{BUILDS}?state=failed&rows_per_page=3&page=2&time=iso&_=5")
    view = client.get(page.links["This page as CSV"])
    assert view.text.splitlines()[1] == "2026-01-07T20:00:00Z,failed,62"
    assert len(view.text.splitlines()) == 4
    export = client.get(page.links["All of it as CSV"])
    assert "attachment" in export.headers["Content-Disposition"]
    assert len(export.text.splitlines()) == 11
    assert client.get(page.links["Latest"]).status_code == 200


def test_the_newest_rows_lead_to_themselves_as_csv(client):
    page, _ = read(client, f"{BUILDS}/latest?state=failed")
    text = client.get(page.links["This as CSV"]).text
    assert text == "timestamp,state,volume\r\n1767826800,failed,92\r\n"
    assert client.get(page.links["All rows"]).status_code == 200


@pytest.mark.parametrize(
    "query", ["state=failed&limit=3", "state=it's%20%22&fields=volume&fields=state", "page=9"]
)
def test_a_line_for_a_shell_asks_for_all_rows_and_no_page(client, query):
    _, response = read(client, f"{BUILDS}?{query}")
    line = html.unescape(re.search(r"<code>(curl .*?)</code>", response.text)[1])
    program, quiet, url = shlex.split(line)
    assert (program, quiet) == ("curl", "-s")
    whole = client.get(urllib.request.Request(url).selector)
    assert whole.mimetype == "text/csv"
    there = client.get(f"{BUILDS}?{query.replace('page=9', '')}&rows_per_page=1000").json
    assert len(whole.text.splitlines()) == 1 + len(there)


def test_the_line_for_the_newest_rows_asks_for_the_same(client):
    _, response = read(client, f"{BUILDS}/latest?state=failed")
    line = html.unescape(re.search(r"<code>(curl .*?)</code>", response.text)[1])
    same = client.get(urllib.request.Request(shlex.split(line)[2]).selector)
    assert len(same.json) == response.text.count("<tr>") - 1


def test_code_in_the_words_of_a_plugin_is_shown_as_code(client):
    _, response = read(client, "/api/python-3.11-builds")
    assert "<p>Columns of all kinds, <code>scalar</code> among them.</p>" in response.text


@pytest.mark.parametrize(
    "argument", ["state=%3Cscript%3E", "stop=2026-01-08&category='%22%3E%3Cscript%3E"]
)
def test_what_was_asked_for_is_never_markup(client, argument):
    path = "/api/event-logs" if "category" in argument else BUILDS
    page, _ = read(client, f"{path}?{argument}")
    assert "script" not in page.elements
