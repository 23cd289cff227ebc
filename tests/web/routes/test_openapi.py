"""The description of all requests is valid, and nobody who keeps to it is surprised."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi import checks

from statscache.registry import ARGUMENTS
from statscache.web.answers.problem_types import TYPES
from statscache.web.routes import events, openapi

EXAMPLES = int(os.environ.get("STATSCACHE_EXAMPLES", "40"))
"""Of each request that is described; 1,800 are some 30,000 requests to each database."""

PLAIN = {"Accept-Encoding": "identity"}
BUILDS = "/api/builds-by-state-1h"


@pytest.fixture
def described(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/openapi.json").json
    return found


def names(described: dict[str, Any], path: str) -> set[str]:
    """The arguments of the request at that path."""
    parameters = described["components"]["parameters"]
    listed = described["paths"][path]["get"]["parameters"]
    full = [parameters[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in listed]
    return {one["name"] for one in full}


def test_it_is_openapi(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()


def test_every_argument_is_described(described: dict[str, Any]) -> None:
    assert {*openapi.PARAMETERS} >= ARGUMENTS - {"_", "format"}
    assert names(described, BUILDS) == ARGUMENTS - {"_"} | {"timestamp", "state", "volume"}


def test_exports_have_no_pages_and_what_is_no_count_cannot_be_summed(
    described: dict[str, Any],
) -> None:
    assert not names(described, f"{BUILDS}/export") & {"page", "rows_per_page", "cursor"}
    assert not names(described, "/api/event-logs") & {"every", "pivot", "top"}


def test_each_statistic_is_there_with_its_columns(described: dict[str, Any]) -> None:
    content = described["paths"][BUILDS]["get"]["responses"]["200"]["content"]
    row = content["application/json"]["schema"]["items"]["properties"]
    assert row["volume"] == {"type": ["integer", "string", "null"]}
    assert row["state"] == {"type": ["string", "null"]}
    assert {f"{BUILDS}{way}" for way in ("", "/latest", "/export", "/events")} <= described[
        "paths"
    ].keys()


def test_every_problem_is_described(described: dict[str, Any]) -> None:
    responses = described["paths"][BUILDS]["get"]["responses"]
    assert {str(status) for status in TYPES} < responses.keys()


def test_behind_a_prefix_the_requests_stand_there_too(client: FlaskClient) -> None:
    found = client.get("/api/openapi.json", base_url="http://example.org/stats").json
    assert found["servers"] == [{"url": "/stats"}]


@pytest.mark.slow
def test_no_request_has_an_answer_that_is_not_described(app: Flask) -> None:
    settled = schemathesis.Config()
    # A stream has no end: it is left after its first event, in which its arguments are used.
    settled.projects.default.max_stream_events = 1
    surface = schemathesis.openapi.from_wsgi("/api/openapi.json", app, config=settled)
    asked, heard = Counter[str](), Counter[str]()
    # This one has no table yet, and so answers 503.
    for found in surface.exclude(path_regex="never-counted").get_all_operations():

        @given(case=found.ok().as_strategy())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def ask(case: schemathesis.Case) -> None:
            asked[case.operation.path] += 1
            # What looks like a moment or a cursor may be none: no description can say it all.
            answer = case.call_and_validate(
                headers=PLAIN,
                excluded_checks=[checks.positive_data_acceptance],
                environ_overrides={"wsgi.multithread": True},
            )
            if answer.headers["content-type"][0].startswith(events.MEDIA):
                assert b"event: reset\n" in answer.content
                heard[case.operation.path] += 1

        ask()
    assert {*heard} == {path for path in asked if path.endswith("/events")}
    print(f"{asked.total():,} requests to {len(asked)} paths, {heard.total():,} streams begun")
