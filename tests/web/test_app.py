from __future__ import annotations

import subprocess
import sys

import pytest

from statscache import registry
from statscache.config import Config
from statscache.errors import ConfigError
from statscache.web import create_app

from .conftest import serving

BUILDS = "/api/builds-by-state-1h"


def test_everybody_may_read_and_see_the_headers_of_a_page(client):
    for path in (BUILDS, "/api/", "/api/nothing", f"{BUILDS}?limit=0"):
        headers = client.get(path).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Access-Control-Expose-Headers"] == (
            "ETag, Link, Retry-After, X-Link-Number, X-Link-Count, X-Statscache-Complete-Until, "
            "X-Statscache-Rebuilding"
        )


def test_a_browser_that_asks_first_is_told_what_it_may(client):
    response = client.options(BUILDS, headers={"Access-Control-Request-Method": "GET"})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in response.headers["Access-Control-Allow-Methods"]


def test_the_root_leads_to_the_index(client):
    response = client.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/api/")
    assert client.get("/api").json == client.get("/api/").json


def test_a_browsers_wish_for_an_icon_is_no_error(client):
    assert client.get("/favicon.ico").status_code == 204


def test_a_page_loads_nothing_from_elsewhere(client):
    headers = client.get("/api/?format=html").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_mapping_is_checked_and_serves_what_is_installed(sqlite_uri):
    app = create_app({"statscache.sqlalchemy.uri": sqlite_uri})
    assert isinstance(serving(app).config, Config)
    assert "volume-1h" in app.test_client().get("/api/").json
    serving(app).store.close()


def test_a_wrong_setting_is_refused(sqlite_uri):
    with pytest.raises(ConfigError, match="did you mean"):
        create_app({"statscache.sqlalchemy.url": sqlite_uri})


def test_without_settings_those_of_the_hub_are_read(tmp_path):
    (tmp_path / "fedmsg.d").mkdir()
    (tmp_path / "fedmsg.d" / "statscache.py").write_text(
        f"config = {{'statscache.sqlalchemy.uri': 'sqlite:///{tmp_path}/here.sqlite',"
        " 'statscache.plugins.enabled': ['volume-1d'], 'endpoints': {}}"
    )
    code = (
        "from statscache.web import create_app; print(create_app().test_client().get('/api/').text)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == '["volume-1d"]'
    assert not (tmp_path / "here.sqlite").exists()


def test_it_loads_nothing_of_the_daemon():
    code = (
        "import sys, statscache.web;"
        "print([name for name in sys.modules if name.startswith('statscache.')])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    daemon = ("engine", "buckets", "service", "consumer", "producers")
    assert not [name for name in daemon if f"'statscache.{name}'" in done.stdout]


def test_no_statistic_stands_where_another_page_is(app):
    rules = (rule.rule.split("/") for rule in app.url_map.iter_rules())
    names = {parts[2] for parts in rules if len(parts) > 2 and parts[1] in ("api", "web")}
    taken = {name.partition(".")[0] for name in names if name and not name.startswith("<")}
    assert taken == registry.ROUTES
