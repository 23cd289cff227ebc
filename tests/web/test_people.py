"""The pages for people: each of them, and where its links lead."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

from .conftest import make, serving
from .reading import BROWSER, NASTY, Page, page

BUILDS = "/web/builds-by-state-1h"
PAGES = {
    "/": "statscache",
    "/?q=builds+state": "builds state · statscache",
    BUILDS: "Builds by state (1h) · statscache",
    f"{BUILDS}?start=-7d&every=1d&kind=bar&state=failed": "Builds by state (1h) · statscache",
    f"{BUILDS}?kind=calendar&tz=Asia/Tokyo": "Builds by state (1h) · statscache",
    f"{BUILDS}?pivot=state&rows_per_page=3&page=2": "Builds by state (1h) · statscache",
    "/web/event-logs": "Event logs · statscache",
    "/web/health": "Health · statscache",
    "/web/start": "Getting started · statscache",
    "/web/reference": "Reference · statscache",
}
PICTURE = "data:image/svg+xml,"

WITHOUT_A_TABLE = "never-counted-1d"
"""It was never counted."""


@pytest.mark.parametrize("path", PAGES)
def test_each_page_has_a_title_landmarks_and_names_for_all_that_is_to_be_read_aloud(client, path):
    found = page(client, path)
    assert found.title == PAGES[path]
    assert [len(found.all(tag)) for tag in ("main", "header", "h1")] == [1, 1, 1]
    assert found.links[0] == "#main"
    assert {link[1:] for link in found.links if link.startswith("#")} <= {
        given.get("id") for _, given in found.tags
    }
    assert all("alt" in one for one in found.all("img"))
    assert all("scope" in one for one in found.all("th"))
    # Scripts are files of this server, so that the policy of the page lets nothing else run.
    assert all(one["src"].startswith("/web/static/") for one in found.all("script"))
    assert not [one for _, one in found.tags for name in one if name.startswith("on")]


@pytest.mark.parametrize("path", PAGES)
def test_each_link_and_picture_of_each_page_is_there(client, path):
    found = page(client, path)
    places = {urlsplit(one)._replace(fragment="").geturl() for one in found.links}
    assert all(one.startswith(("/", PICTURE)) for one in found.images)
    for place in sorted({one for one in places if one}):
        parts = urlsplit(place)
        if parts.netloc not in ("", "localhost") or WITHOUT_A_TABLE in parts.path:
            continue
        response = client.get(place, headers=BROWSER)
        # Nothing is counted here, and a client that makes one request at a time cannot listen.
        may_be_away = parts.path == "/ready" or parts.path.endswith("/events")
        assert response.status_code in ((200, 503) if may_be_away else (200,)), place
        response.close()
    for image in found.images:
        if image.startswith(PICTURE):
            assert ElementTree.fromstring(unquote(image.removeprefix(PICTURE))).tag.endswith("svg")
        else:
            response = client.get(image)
            assert (response.status_code, response.mimetype) == (200, "image/svg+xml"), image
    for script in found.all("script"):
        response = client.get(script["src"])
        assert (response.status_code, response.mimetype) == (200, "text/javascript")
        assert "immutable" in response.headers["Cache-Control"]


def test_a_page_loads_what_its_own_server_has_and_nothing_else(client):
    for path in ("/", BUILDS):
        policy = client.get(path, headers=BROWSER).headers["Content-Security-Policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert (rules["default-src"], rules["script-src"]) == ("'none'", "'self'")
        assert {one for rule in rules.values() for one in rule.split()} == {
            *("'none'", "'self'", "data:", "'unsafe-inline'")
        }
        assert rules["style-src"] == "'unsafe-inline'"


@pytest.mark.parametrize(
    "path",
    [
        f"/?q={NASTY}",
        f"{BUILDS}?state={NASTY}",
        f"{BUILDS}?tz={NASTY}",
        f"{BUILDS}?start={NASTY}",
        f"{BUILDS}?{NASTY}=1",
        f"/web/{NASTY}",
        f"/web/health?{NASTY}=1",
    ],
)
def test_nonsense_is_escaped(client, path):
    scripts = Page(client.get(path, headers=BROWSER).text).all("script")
    assert all(one["src"].startswith("/web/static/") for one in scripts)


def test_pages_can_be_read_before_the_daemon_ever_ran(sqlite_uri):
    app = make(sqlite_uri)
    client = app.test_client()
    assert page(client, "/").title == "statscache"
    for path in ("/web/health", BUILDS):
        assert page(client, path, 503).title == "Service Unavailable · statscache"
    serving(app).store.close()


def test_what_belongs_to_a_statistic_stands_under_its_name_in_the_reference(client):
    text = client.get("/web/reference", headers=BROWSER).text
    of_all, of_each = text.split("</tbody>", 1)
    assert "/api/coverage" in of_all
    assert "/api/builds-by-state-1h" not in of_all
    assert "/api/builds-by-state-1h/events" in of_each
