"""Behind a proxy, under a path of somebody else's host."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
import urllib3
from pages import BLOCKS

from statscache.store import Store, schema

from .conftest import fill, make, serving

BUILDS = "/api/builds-by-state-1h"
PROXY = {
    "X-Forwarded-For": "198.51.100.9, 192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "example.org",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Prefix": "/statscache",
}


def links(response):
    return re.findall("<([^>]*)>", response.headers["Link"])


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('proxied') / 'statscache.sqlite'}"
    app = make(uri)
    fill(app, serving(app).plugins["builds-by-state-1h"].model)
    serving(app).store.close()
    return uri


@pytest.fixture
def client(uri):
    """Of an application that believes one proxy."""
    app = make(uri, app__proxies=1)
    yield app.test_client()
    serving(app).store.close()


def test_links_lead_to_where_the_client_came_from(client):
    response = client.get(f"{BUILDS}?rows_per_page=7", headers=PROXY)
    found = links(response)
    assert len(found) >= 3
    assert all(link.startswith(f"https://example.org/statscache{BUILDS}?") for link in found)


def test_redirects_and_pages_stay_below_the_path(client):
    assert client.get("/", headers=PROXY).headers["Location"] == "/statscache/api/"
    page = client.get("/api/", headers=PROXY | {"Accept": "text/html"}).text
    hrefs = [href for href in re.findall('href="([^"]*)"', page) if "//" not in href]
    assert f"/statscache{BUILDS}" in hrefs
    assert all(href.startswith(("/statscache/", "#")) for href in hrefs)


def test_a_problem_leads_to_its_page_there(client):
    kind = client.get("/api/nothing", headers=PROXY).json["type"]
    assert kind.startswith("https://example.org/statscache/problems/")


def test_who_asks_is_whom_the_proxy_names_and_not_whom_the_client_names(uri):
    app = make(uri, app__proxies=1, app__rate_limit="1/day")
    client = app.test_client()
    assert client.get("/api/", headers=PROXY).status_code == 200
    forged = PROXY | {"X-Forwarded-For": "203.0.113.1, 192.0.2.7"}
    assert client.get("/api/", headers=forged).status_code == 429
    other = PROXY | {"X-Forwarded-For": "192.0.2.8"}
    assert client.get("/api/", headers=other).status_code == 200
    serving(app).store.close()


def test_without_a_proxy_such_headers_change_nothing(uri):
    app = make(uri, app__rate_limit="4/day")
    client = app.test_client()
    paths = (f"{BUILDS}?rows_per_page=7", "/")
    plain, forged = ([client.get(path, headers=one) for path in paths] for one in ({}, PROXY))
    assert links(plain[0]) == links(forged[0])
    assert plain[1].headers["Location"] == forged[1].headers["Location"]
    another = PROXY | {"X-Forwarded-For": "203.0.113.1"}
    assert client.get("/api/", headers=another).status_code == 429
    serving(app).store.close()


def test_nginx_as_the_docs_have_it_passes_on_at_once_what_is_streamed(client):
    (text,) = [block.text for block in BLOCKS if block.language == "nginx"]
    locations = re.findall(r"location ~ (\S+) \{[^}]*proxy_buffering off;", text)
    paths = client.get("/api/openapi.json").json["paths"]
    streamed = {path for path in paths if path.endswith(("/export", "/events"))}
    assert {"/api/events", f"{BUILDS}/events", f"{BUILDS}/export"} <= streamed
    for path in paths:
        found = filter(None, (re.search(one, f"/statscache{path}") for one in locations))
        assert [one[1] for one in found] == [path] * (path in streamed)


class Proxy(BaseHTTPRequestHandler):
    """Serves `/statscache/` from the server at the class's `target`, as the docs' nginx does."""

    target = ""

    def do_GET(self):
        headers = {
            "Host": self.headers["Host"],
            "X-Forwarded-For": self.client_address[0],
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": self.headers["Host"],
            "X-Forwarded-Port": "443",
            "X-Forwarded-Prefix": "/statscache",
        }
        path = self.path.removeprefix("/statscache")
        answer = urllib3.request("GET", self.target + path, headers=headers, redirect=False)
        self.send_response(answer.status)
        for name in ("Link", "Location", "Content-Type"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)

    def log_message(self, *_):
        """Says nothing."""


@contextmanager
def proxy(target: str) -> Iterator[str]:
    """Where it listens."""
    handler = type("Handler", (Proxy,), {"target": target})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def served(folder: Path, proxies: int) -> Iterator[str]:
    """Where `statscache serve` listens, over an empty database."""
    uri = f"sqlite:///{folder / 'statscache.sqlite'}"
    store = Store(uri)
    schema.upgrade(store)
    store.close()
    (folder / "fedmsg.d").mkdir()
    settings = {"statscache.sqlalchemy.uri": uri, "statscache.app.proxies": proxies}
    text = f"config = {settings | {'endpoints': {}}!r}\n"
    (folder / "fedmsg.d" / "statscache.py").write_text(text)
    command = [Path(sys.executable).parent / "statscache", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split()[-1].rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def where(url: str) -> str:
    """The type of a problem at `url`: a link that the application makes in full."""
    answer = urllib3.request("GET", f"{url}/api/nothing", headers={"Host": "example.org"})
    return answer.json()["type"]


@pytest.mark.slow
def test_the_server_lets_through_what_its_proxy_says(tmp_path):
    with served(tmp_path, 1) as target, proxy(target) as front:
        assert where(f"{front}/statscache").startswith("https://example.org/statscache/problems/")
        home = urllib3.request("GET", f"{front}/statscache/", redirect=False)
        assert urlsplit(home.headers["Location"]).path == "/statscache/api/"


@pytest.mark.slow
def test_the_server_believes_nobody_where_there_is_no_proxy(tmp_path):
    with served(tmp_path, 0) as target, proxy(target) as front:
        assert where(f"{front}/statscache").startswith("http://example.org/problems/")
