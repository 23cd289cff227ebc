from __future__ import annotations

import pytest

from statscache.errors import ConfigError
from statscache.web import create_app
from statscache.web.traffic import SHARED, Requests, Traffic


def samples(requests: Requests) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in requests.registry().collect()
        for sample in family.samples
    }


def ask(body, requests):
    """An answer of an application that gives `body`."""

    def app(_environ, start_response):
        start_response("200 OK", [])
        return body

    watched = Traffic(app, requests, lambda: 100.0)
    return watched({"REQUEST_METHOD": "GET"}, lambda *_: None)


def test_a_request_is_in_flight_until_its_answer_is_over():
    requests = Requests()
    answer = ask([b"a", b"b"], requests)
    parts = iter(answer)
    assert next(parts) == b"a"
    assert samples(requests)["statscache_http_requests_in_flight"] == 1
    assert list(parts) == [b"b"]
    answer.close()
    found = samples(requests)
    assert found["statscache_http_requests_in_flight"] == 0
    assert found["statscache_http_requests_total"] == 1


def test_a_client_that_goes_in_the_middle_is_out_of_flight_and_the_body_is_closed():
    class Body:
        closed = False

        def __iter__(self):
            return iter([b"a", b"b"])

        def close(self):
            self.closed = True

    requests, body = Requests(), Body()
    answer = ask(body, requests)
    next(iter(answer))
    answer.close()
    assert body.closed
    assert samples(requests)["statscache_http_requests_in_flight"] == 0


def test_an_application_that_fails_is_out_of_flight():
    requests = Requests()

    def broken(_environ, _start):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Traffic(broken, requests, lambda: 0.0)({}, lambda *_: None)
    found = samples(requests)
    assert found["statscache_http_requests_in_flight"] == 0
    assert found["statscache_http_requests_total"] == 1


def test_a_place_to_share_counts_that_is_not_there_is_named(monkeypatch, sqlite_uri):
    monkeypatch.setenv(SHARED, "/nowhere/at/all")
    with pytest.raises(ConfigError, match="/nowhere/at/all"):
        create_app({"statscache.sqlalchemy.uri": sqlite_uri})
