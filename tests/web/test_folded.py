"""Statistics of which the rows are folded when they are read, through every door of the web."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import EntryPoint
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from postgres import new_database
from sqlalchemy.orm import Session

from statscache import registry
from statscache.models.distinct import member
from statscache.plugins import Distinct, Histogram
from statscache.store import checkpoints, schema, tables
from statscache.web import create_app

from . import conftest, guests

DAY = 86_400
TODAY = 1_767_744_000
"""2026-01-07, a Wednesday."""

VISITS, WAITS = "/api/visits-1d", "/api/waits-1d"


class Visits(Distinct):
    """Who came, by door."""

    name, by, interval = "visits", ("door",), timedelta(days=1)

    def count(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield message["door"], message["who"]


class Waits(Histogram):
    """How long they waited."""

    name, interval, unit = "waits", timedelta(days=1), "seconds"
    quantiles = (50, 99)

    def count(self, message: dict[str, Any]) -> Iterator[float]:
        yield message["seconds"]


everything = [Visits, Waits]

SENT = [
    # days ago, door, who, seconds
    (8, "front", "ada", 1),
    (2, "front", "ada", 10),
    (2, "front", "ada", 10),
    (2, "front", "eve", 0),
    (2, "back", "ada", 1000),
    (1, "front", "bob", 60),
    (1, "front", "ada", 60),
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    if request.param == "sqlite":
        yield from made(f"sqlite:///{tmp_path_factory.mktemp('folded') / 'statscache.sqlite'}")
    else:
        with new_database(request.getfixturevalue("postgresql")) as uri:
            yield from made(uri)


def made(uri: str) -> Iterator[Flask]:
    checked = conftest.config(uri)
    points = [EntryPoint("everything", f"{__name__}:everything", registry.GROUP)]
    found = registry.load(checked, points)
    application = create_app(checked, found=found, now=lambda: guests.NOW)
    with conftest.daemons(application) as store:
        schema.upgrade(store)
        models = [one.model for one in found.enabled.values() if one.model]
        with store.writing() as connection:
            schema.create_missing(connection, models)
            for ident in found.enabled:
                values = {"ident": ident, **conftest.CHECKPOINT}
                connection.execute(sa.insert(tables.checkpoint).values(**values))
    send(application, SENT)
    yield application
    conftest.serving(application).store.close()


def send(app: Flask, sent: list[tuple[int, str, str, float]]) -> None:
    with conftest.writing(app) as connection, Session(connection) as session:
        for plugin in conftest.serving(app).plugins.values():
            checkpoints.stamp(connection, plugin.ident)
            plugin.handle(
                session,
                [
                    {"timestamp": TODAY - days * DAY, "door": door, "who": who, "seconds": seconds}
                    for days, door, who, seconds in sent
                ],
            )
        session.commit()


def get(client: FlaskClient, url: str) -> Any:
    response = client.get(url)
    assert response.status_code == 200, response.text
    return response.json


def short(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """The values of each row, its time as days before today."""
    return [[(TODAY - row["timestamp"]) // DAY, *[*row.values()][1:]] for row in rows]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", [[1, 2, "front", 2], [2, 2, "front", 3], [2, 1, "back", 1], [8, 1, "front", 1]]),
        ("door=back", [[2, 1, "back", 1]]),
        ("fields=timestamp,distinct,volume", [[1, 2, 2], [2, 2, 4], [8, 1, 1]]),
        ("fields=distinct&every=week", [[2, 3], [9, 1]]),
        ("fields=distinct&every=month", [[6, 3], [37, 1]]),
        ("fields=volume&every=year", [[6, 6], [371, 1]]),
        ("every=week&door=front&start=2026-01-05", [[2, 3, "front", 5]]),
        ("every=week&order=asc", [[9, 1, "front", 1], [2, 1, "back", 1], [2, 3, "front", 5]]),
        ("every=week&tz=Europe/Berlin&limit=1", None),
        ("pivot=door&order=asc", [[8, None, 1], [2, 1, 2], [1, None, 2]]),
        ("pivot=door&start=2026-01-05&stop=2026-01-07&fill=0", [[0, 0, 0], [1, 0, 2], [2, 1, 2]]),
        ("pivot=door&every=week&fields=volume", [[2, 1, 5], [9, None, 1]]),
        ("every=year&top=1", [[6, 1, "other", 1], [6, 3, "front", 5], [371, 1, "front", 1]]),
        ("fields=door&every=week", None),
        ("fields=timestamp,door&start=2026-01-05", [[1, "front"], [2, "front"], [2, "back"]]),
        ("fields=timestamp", [[1], [2], [8]]),
        ("limit=1", [[1, 2, "front", 2]]),
    ],
)
def test_distincts_merge_and_never_sum(client: FlaskClient, query: str, rows: Any) -> None:
    response = client.get(f"{VISITS}?{query}")
    if rows is None:
        assert response.status_code == 400
    else:
        assert short(response.json) == rows


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", [[1, 60, 60, 2], [2, 10, 1000, 4], [8, 1, 1, 1]]),
        ("every=week", [[2, 10, 1000, 6], [9, 1, 1, 1]]),
        ("every=year&fields=p50", [[6, 10], [371, 1]]),
        (
            "start=2026-01-05&stop=2026-01-07&fill=0",
            [[0, None, None, 0], [1, 60, 60, 2], [2, 10, 1000, 4]],
        ),
    ],
)
def test_quantiles_are_those_of_all_numbers(client: FlaskClient, query: str, rows: Any) -> None:
    """In whole numbers: they are near."""
    found = short(get(client, f"{WAITS}?{query}"))
    assert found == [
        [one if one is None else pytest.approx(one, 0.01) for one in row] for row in rows
    ]


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        (
            f"{VISITS}.csv?limit=1&time=iso",
            ["timestamp,distinct,door,volume", "2026-01-06T00:00:00Z,2,front,2"],
        ),
        (
            f"{WAITS}.csv?fill=0&start=2026-01-07&stop=2026-01-07&fields=p50,volume",
            ["timestamp,p50,volume", "1767744000,,0"],
        ),
        (
            f"{VISITS}.ndjson?limit=1",
            ['{"timestamp":1767657600,"distinct":2,"door":"front","volume":2}'],
        ),
        (f"{VISITS}/export?door=back", ["timestamp,distinct,door,volume", "1767571200,1,back,1"]),
        (
            f"{VISITS}/export.ndjson?every=week&fields=distinct&limit=1",
            ['{"timestamp":1767571200,"distinct":3}'],
        ),
        (
            f"{VISITS}/latest.csv",
            ["timestamp,distinct,door,volume", "1767657600,2,front,2", "1767571200,1,back,1"],
        ),
        (
            f"{VISITS}/latest.csv?stop=2026-01-01&fields=distinct",
            ["timestamp,distinct", "1767052800,1"],
        ),
    ],
)
def test_in_every_format(client: FlaskClient, url: str, lines: list[str]) -> None:
    assert client.get(url).text.splitlines() == lines


def test_the_newest_row_of_each_key_or_of_all(client: FlaskClient) -> None:
    assert short(get(client, f"{VISITS}/latest")) == [[1, 2, "front", 2], [2, 1, "back", 1]]
    assert short(get(client, f"{WAITS}/latest?fields=volume")) == [[1, 2]]
    assert get(client, f"{VISITS}/latest?before=2025-01-01") == []


@pytest.mark.parametrize("url", [f"{VISITS}.html", f"{VISITS}/latest.html", f"{VISITS}?links=0"])
def test_nobody_is_shown(client: FlaskClient, url: str) -> None:
    text = client.get(url).text
    assert "front" in text
    assert "member" not in text
    assert member("ada") not in text


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"{VISITS}?member=x", "member"),
        (f"{VISITS}?fields=member", "columns, which are timestamp, distinct, door, volume"),
        (f"{VISITS}?pivot=member", "a key column: door"),
        (f"{VISITS}?distinct=2", "rows can be asked for by timestamp, door"),
        (f"{VISITS}/latest?volume=2", "rows can be asked for by timestamp, door"),
        (f"{WAITS}?p50=2", "rows can be asked for by timestamp"),
        (f"{WAITS}?fields=bin", "columns, which are timestamp, p50, p99, volume"),
        (f"{WAITS}?pivot=bin", "nothing: there are no keys"),
        (f"{VISITS}?fields=door&every=1d", "one of distinct, volume among them"),
    ],
)
def test_what_is_stored_and_not_shown_cannot_be_asked_for(
    client: FlaskClient, url: str, words: str
) -> None:
    response = client.get(url)
    assert response.status_code == 400
    assert words in response.text


def test_pages_follow_one_another(client: FlaskClient) -> None:
    url: str | None = f"{VISITS}?rows_per_page=1"
    found: list[Any] = []
    while url:
        response = client.get(url)
        found += short(response.json)
        assert response.headers["X-Link-Count"] == "4"
        url = next_page(response.headers["Link"])
    assert found == short(get(client, VISITS))


def next_page(links: str) -> str | None:
    found = [one for one in links.split(", ") if one.endswith('rel="next"')]
    return found[0].partition(">")[0].removeprefix("<http://localhost") if found else None


def test_they_are_described_as_they_are_shown(client: FlaskClient) -> None:
    described = get(client, "/api/openapi.json")
    OpenAPIV31SpecValidator(described).validate()
    of_waits = described["paths"][WAITS]["get"]
    row = of_waits["responses"]["200"]["content"]["application/json"]["schema"]["items"][
        "properties"
    ]
    assert row["p50"] == {"type": ["number", "null"]}
    assert "bin" not in row
    asked = [one["name"] for one in of_waits["parameters"] if "name" in one]
    assert "p50" not in asked
    details = {one["ident"]: one for one in get(client, "/api/?detail=1")["statistics"]}
    assert details["visits-1d"]["columns"] == ["timestamp", "distinct", "door", "volume"]


def test_the_tag_of_an_answer_changes_with_its_rows(app: Flask, client: FlaskClient) -> None:
    url = f"{VISITS}?every=week&fields=distinct&limit=1"
    first = client.get(url)
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get(url, headers=known).status_code == 304
    send(app, [(0, "front", "joe", 5)])
    second = client.get(url, headers=known)
    assert second.status_code == 200
    assert (first.json[0]["distinct"], second.json[0]["distinct"]) == (3, 4)
