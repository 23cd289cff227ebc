from __future__ import annotations

import pytest
import sqlalchemy as sa

from ..conftest import make, serving, writing

BUILDS = "/api/builds-by-state-1h"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def members(response):
    assert response.mimetype == "application/problem+json"
    assert response.json["status"] == response.status_code
    return response.json


def test_a_bad_argument_is_named_with_what_it_was_and_what_is_allowed(client):
    problem = members(client.get(f"{BUILDS}?order=up"))
    assert problem == {
        "type": "http://localhost/problems/bad-argument",
        "title": "Bad Request",
        "status": 400,
        "detail": "order was 'up'; allowed: desc or asc.",
        "argument": "order",
        "value": "up",
        "allowed": "desc or asc",
    }


def test_a_long_value_is_cut_and_control_characters_are_written_out(client):
    problem = members(client.get(f"{BUILDS}?order=%0A%00{'x' * 1000}"))
    assert problem["value"].startswith("\\n\\x00xxx")
    assert len(problem["value"]) == 200


def test_an_unknown_statistic_is_answered_with_those_of_like_name(client):
    problem = members(client.get("/api/builds-by-stat-1h"))
    assert (problem["status"], problem["near"]) == (404, ["builds-by-state-1h"])
    assert members(client.get("/api/" + "x" * 10_000))["near"] == []


@pytest.mark.parametrize("path", ["/nowhere", "/api/a/b/c", "/api/%FF%00", "/api/volume%2F1h"])
def test_an_unknown_path_is_a_problem(client, path):
    assert members(client.get(path))["status"] == 404


def test_another_method_is_a_problem_that_names_those_that_are_allowed(client):
    response = client.post(BUILDS, json={})
    assert members(response)["status"] == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_browser_gets_a_page(client):
    response = client.get(f"{BUILDS}?order=<b>", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (400, "text/html")
    assert "<code>&lt;b&gt;</code>" in response.text
    page = client.get("/api/builds-by-stat-1h", headers=BROWSER).text
    assert 'href="/api/builds-by-state-1h"' in page


def test_a_table_that_is_not_there_yet_asks_to_come_again(client):
    response = client.get("/api/never-counted-1d")
    assert members(response)["status"] == 503
    assert "daemon" in response.json["detail"]
    assert response.headers["Retry-After"] == "5"


def test_a_column_that_is_not_there_yet_asks_to_come_again(uri):
    app = make(uri)
    with writing(app) as connection:
        connection.execute(sa.text("CREATE TABLE data_events (id INTEGER)"))
    assert app.test_client().get("/api/event-logs").status_code == 503
    serving(app).store.close()


def test_a_database_that_is_away_asks_to_come_again(caplog):
    app = make("postgresql://nobody@127.0.0.1:1/nothing")
    response = app.test_client().get(BUILDS)
    assert members(response)["status"] == 503
    assert "cannot be reached" in response.json["detail"]
    assert "refused" in caplog.messages[-1]
    assert "Traceback" not in caplog.text


def test_an_error_of_the_server_tells_the_log_why_and_the_client_nothing(sqlite_uri, caplog):
    app = make(sqlite_uri)

    @app.get("/broken")
    def broken():
        raise RuntimeError("secret")

    response = app.test_client().get("/broken")
    assert members(response)["status"] == 500
    assert "secret" not in response.text
    assert "secret" in caplog.text


def test_a_query_that_is_too_long_is_a_problem(client):
    assert members(client.get(f"{BUILDS}?state={'x' * 100_000}"))["status"] == 414
