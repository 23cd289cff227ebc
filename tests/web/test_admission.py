from __future__ import annotations

import io

import pytest

from .conftest import make

AWAY = "sqlite:////nowhere/none.sqlite"


@pytest.fixture
def client():
    return make(AWAY).test_client()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "BREW"])
def test_a_long_body_is_refused_whatever_is_asked(client, method):
    answer = client.open("/api/", method=method, data=b"x" * 5000)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


def test_a_short_body_is_not_looked_at(client):
    assert client.get("/api/", data=b"x" * 4096).status_code == 200


def test_a_body_without_a_length_is_refused_unread(client):
    class Endless(io.RawIOBase):
        def read(self, *_):
            raise AssertionError("it was read")

    headers = {"Transfer-Encoding": "chunked"}
    given = {"wsgi.input": Endless()}
    answer = client.get("/api/", headers=headers, environ_overrides=given)
    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/", "/api/", "/api/builds-by-state-1h", "/live", "/metrics"])
def test_nothing_but_asking_is_allowed(client, path, method):
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_hasty_client_is_asked_to_wait_and_others_are_not():
    client = make(AWAY, app__rate_limit="3/minute").test_client()
    assert [client.get("/api/").status_code for _ in range(3)] == [200] * 3
    refused = client.get("/api/nothing")
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/api/", environ_overrides=other).status_code == 200


def test_those_who_watch_may_ask_as_often_as_they_like():
    client = make(AWAY, app__rate_limit="1/day").test_client()
    for path in ("/live", "/ready", "/metrics", "/live", "/ready", "/metrics"):
        assert client.get(path).status_code in (200, 503)
    assert client.get("/api/").status_code == 200
    assert client.get("/api/").status_code == 429


def test_a_network_of_ipv6_is_one_client():
    client = make(AWAY, app__rate_limit="1/day").test_client()

    def ask(address):
        return client.get("/api/", environ_overrides={"REMOTE_ADDR": address}).status_code

    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::1")] == [200, 429, 200]


def test_without_a_limit_there_is_none(client):
    assert {client.get("/api/").status_code for _ in range(200)} == {200}
