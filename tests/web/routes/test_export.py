"""Exports: in constant memory, of one state of the database, and never half of one for a whole."""

from __future__ import annotations

import csv
import http.client
import io
import itertools
import json
import os
import signal
import socket
import time
from contextlib import contextmanager
from datetime import datetime

import pandas
import postgres
import pytest
import sqlalchemy as sa

from statscache.errors import ExportError
from statscache.store import Store
from statscache.web.routes import export
from statscache.web.serving import EXTENSION

from .. import guests
from ..conftest import serving
from ..served import PATH, SERVERS, fill, served

BUILDS = "/api/builds-by-state-1h"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
MANY = 200_000
"""Rows, with links, that no buffer between server and client holds."""

BROKEN = http.client.IncompleteRead
ROW = {"timestamp": datetime(1969, 12, 31), "category": "late", "volume": 1}
OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


# -- what it gives -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "",
        "order=asc",
        "limit=7",
        "start=2026-01-07T20:00Z&before=2026-01-07T22:00Z",
        "state=failed&state=canceled&volume=3&volume=12",
        "fields=volume&fields=timestamp",
        "time=iso",
        "every=1d&pivot=state&fill=0&time=ms",
        "every=6h&top=1&order=asc",
    ],
)
def test_an_export_is_all_pages_in_one(client, query):
    text = client.get(f"{BUILDS}/export?{query}").text
    pages, url = [], f"{BUILDS}.csv?{query}&rows_per_page=4"
    while url:
        page = client.get(url)
        pages += page.text.splitlines(keepends=True)[1 if pages else 0 :]
        links = dict(reversed(one.split("; rel=")) for one in page.headers["Link"].split(", "))
        url = links.get('"next"', "").strip("<>")
    assert text == "".join(pages)


def test_it_comes_as_csv_or_as_ndjson(client):
    rows = list(csv.DictReader(io.StringIO(client.get(f"{BUILDS}/export.csv").text)))
    objects = [json.loads(line) for line in client.get(f"{BUILDS}/export.ndjson").text.splitlines()]
    assert len(rows) == 30
    assert [{key: str(value) for key, value in one.items()} for one in objects] == rows


@pytest.mark.parametrize(
    ("path", "accept", "mimetype"),
    [
        ("export", "*/*", "text/csv"),
        ("export", BROWSER, "text/csv"),
        ("export", "application/x-ndjson", "application/x-ndjson"),
        ("export", "application/jsonl", "application/jsonl"),
        ("export.ndjson", "text/csv", "application/x-ndjson"),
        ("export?format=ndjson", "*/*", "application/x-ndjson"),
    ],
)
def test_the_format_is_chosen_as_elsewhere(client, path, accept, mimetype):
    response = client.get(f"{BUILDS}/{path}", headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, mimetype)


@pytest.mark.parametrize(("path", "accept"), [("export", "application/json"), ("export.json", "")])
def test_one_array_of_all_rows_is_not_to_be_had(client, path, accept):
    response = client.get(f"{BUILDS}/{path}", headers={"Accept": accept})
    assert response.status_code == 406
    assert response.json["available"] == ["text/csv", "application/x-ndjson"]


@pytest.mark.parametrize("argument", ["page=2", "rows_per_page=10", "cursor=abc"])
def test_it_has_no_pages(client, argument):
    response = client.get(f"{BUILDS}/export?{argument}")
    assert (response.status_code, response.json["argument"]) == (400, argument.split("=")[0])
    assert "an export has no pages" in response.json["detail"]


@pytest.mark.parametrize("argument", ["callback=f", "nothing=1", "start=abc", "every=abc"])
def test_what_cannot_be_used_is_an_error_before_it_begins(client, argument):
    response = client.get(f"{BUILDS}/export?{argument}")
    assert (response.status_code, response.json["argument"]) == (400, argument.split("=")[0])


def test_where_there_are_no_rows_to_be_had_it_says_so_before_it_begins(client):
    assert client.get("/api/silent/export").status_code == 404
    assert client.get("/api/nothing/export").status_code == 404
    assert client.get("/api/never-counted-1d/export").status_code == 503


def test_a_file_is_called_by_what_is_in_it(client):
    named = client.get(f"{BUILDS}/export.ndjson?start=2026-01-01&before=2026-01-08T00:00Z")
    assert named.headers["Content-Disposition"] == (
        "attachment; filename=builds-by-state-1h_20260101T000000Z_20260108T000000Z.ndjson"
    )
    until_now = client.get(f"{BUILDS}/export").headers["Content-Disposition"]
    assert until_now == "attachment; filename=builds-by-state-1h_20260108T000000Z.csv"


def test_it_says_how_far_it_is_complete(client):
    assert client.get(f"{BUILDS}/export").headers["X-Statscache-Complete-Until"] == "1767830399.5"


def test_head_answers_like_get_without_a_body(app, client):
    response = client.head(f"{BUILDS}/export")
    assert (response.status_code, response.data) == (200, b"")
    assert response.mimetype == "text/csv"
    assert _is_idle(app)


# -- what it costs -------------------------------------------------------------------------------


def test_the_first_line_leaves_at_once_and_then_pieces_of_some_size():
    lines = ["head\n", *["x" * 999 + "\n"] * 200]
    chunks = list(export._chunks(iter(lines), 10, lambda: 0))
    assert "".join(chunks) == "".join(lines)
    assert chunks[0] == "head\n"
    assert all(export.CHARACTERS < len(chunk) <= export.CHARACTERS + 1000 for chunk in chunks[1:-1])


def test_one_that_takes_too_long_is_broken_off():
    clock = iter([0, 5, 11])
    chunks = export._chunks(iter(["head\n", "x" * 100_000, "y"]), 10, lambda: next(clock))
    assert [len(next(chunks)) for _ in range(2)] == [5, 100_000]
    with pytest.raises(ExportError, match="more than 10 seconds"):
        next(chunks)


def test_only_so_many_run_at_once_and_each_gives_its_place_back(app, client):
    running = [client.get(f"{BUILDS}/export", buffered=False) for _ in range(export.AT_ONCE)]
    refused = client.get(f"{BUILDS}/export")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert client.get(BUILDS).status_code == 200
    running.pop().close()
    assert client.get(f"{BUILDS}/export").status_code == 200
    for one in running:
        one.close()
    assert _is_idle(app)


def test_what_is_read_to_its_end_is_let_go_of_though_nobody_closes_it(app, client):
    response = client.get(f"{BUILDS}/export", buffered=False)
    assert not _is_idle(app)
    assert len(response.data.splitlines()) == 31
    assert _is_idle(app)
    response.close()


def test_what_fails_before_it_begins_gives_its_place_back(app, client):
    for _ in range(2 * export.AT_ONCE):
        client.get("/api/never-counted-1d/export")
        client.get(f"{BUILDS}/export?links=1")
    assert _is_idle(app)


def _is_idle(app):
    """Whether no export has a place or a connection."""
    parts = serving(app)
    return (parts.exports._value, parts.store.engine.pool.checkedout()) == (export.AT_ONCE, 0)


# -- where a server ends a stream that is broken off like a whole one ------------------------------

MOD_WSGI = {export.MOD_WSGI: (4, 9, 4)}


def test_with_mod_wsgi_an_export_has_a_length(app, client):
    plain = client.get(f"{BUILDS}/export")
    assert plain.content_length is None
    for accepted in ("identity", "gzip"):
        response = client.get(
            f"{BUILDS}/export", headers={"Accept-Encoding": accepted}, environ_overrides=MOD_WSGI
        )
        assert response.data == plain.data
        assert response.content_length == len(plain.data)
        assert response.headers.get("Content-Encoding") is None
        response.close()
    assert _is_idle(app)


def test_and_one_that_breaks_off_is_an_error_from_the_start(app, client, monkeypatch):
    clock = itertools.count(guests.NOW, 1000)
    monkeypatch.setitem(app.extensions, EXTENSION, serving(app)._replace(now=lambda: next(clock)))
    response = client.get(f"{BUILDS}/export", environ_overrides=MOD_WSGI)
    assert response.status_code == 503
    assert response.mimetype == "application/problem+json"
    monkeypatch.undo()
    assert _is_idle(app)


# -- behind a real server ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def many(request, tmp_path_factory):
    """A database with more rows than any buffer between server and client holds."""
    if request.param == "sqlite":
        yield _filled(f"sqlite:///{tmp_path_factory.mktemp('many') / 'many.sqlite'}", MANY)
    else:
        with postgres.new_database(request.getfixturevalue("postgresql")) as uri:
            yield _filled(uri, MANY)


def _filled(uri, number):
    fill(uri, number)
    return uri


@contextmanager
def _begun(server):
    """The answer of a long export, of which no more than the beginning has been read."""
    with server.get(f"{PATH}/export?links=1&time=iso") as response:
        assert response.status == 200
        assert response.readline() == b"timestamp,category,volume,messages\r\n"
        yield response


def _elsewhere(server, kind):
    return served(server, kind, datagrepper__endpoint="http://localhost:1")


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_an_export_is_whole_and_of_one_moment(many, kind):
    table = sa.table("stat_volume_by_category_1h", *map(sa.column, ROW))
    with _elsewhere(many, kind) as server, _begun(server) as response:
        store = Store(many)
        with store.writing() as connection:
            connection.execute(sa.insert(table).values(**ROW))
        volumes = [int(line.split(b",")[2]) for line in response]
        with store.writing() as connection:
            connection.execute(sa.delete(table).where(table.c.category == ROW["category"]))
        store.close()
    assert len(volumes) == MANY
    assert sorted(volumes) == list(range(MANY))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_is_killed_leaves_a_broken_transfer(many, kind):
    with _elsewhere(many, kind) as server, _begun(server) as response:
        os.kill(server.worker, signal.SIGKILL)
        with pytest.raises(BROKEN):
            response.read()


@pytest.mark.slow
@pytest.mark.parametrize("packed", [{}, {"Accept-Encoding": "gzip"}])
@pytest.mark.parametrize("kind", SERVERS)
def test_a_database_that_goes_away_leaves_a_broken_transfer(new_postgresql, kind, packed):
    fill(new_postgresql, MANY)
    with _elsewhere(new_postgresql, kind) as server:
        with server.get(f"{PATH}/export?links=1", **packed) as response:
            response.read(1)
            assert _ask(new_postgresql, f"SELECT pg_terminate_backend(pid) {OTHERS}")
            with pytest.raises(BROKEN):
                response.read()
        with server.get(f"{PATH}?limit=1") as response:
            assert response.status == 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_row_that_cannot_be_read_leaves_a_broken_transfer(sqlite_uri, kind):
    fill(sqlite_uri, 20_000)
    store = Store(sqlite_uri)
    with store.writing() as connection:
        damage = "UPDATE stat_volume_by_category_1h SET timestamp = -1e15 WHERE id = 1"
        connection.exec_driver_sql(damage)
    store.close()
    with served(sqlite_uri, kind) as server, server.get(f"{PATH}/export") as response:
        with pytest.raises(BROKEN) as broken:
            response.read()
        assert len(broken.value.partial) > 100_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_client_that_goes_away_leaves_nothing_open(new_postgresql, kind):
    fill(new_postgresql, MANY)
    with _elsewhere(new_postgresql, kind) as server:
        with _begun(server):
            assert _ask(new_postgresql, f"SELECT pid {OTHERS} AND xact_start IS NOT NULL")
        end = time.monotonic() + 60
        while _ask(new_postgresql, f"SELECT pid {OTHERS} AND xact_start IS NOT NULL"):
            assert time.monotonic() < end
            time.sleep(0.05)


def _ask(uri, statement):
    store = Store(uri)
    with store.reading() as connection:
        found = connection.exec_driver_sql(statement).all()
    store.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_a_client_that_could_not_tell_the_end_gets_none(sqlite_uri, kind):
    fill(sqlite_uri, 10)
    with served(sqlite_uri, kind) as server:
        address = ("127.0.0.1", server.port)
        with socket.create_connection(address, timeout=20) as old, old.makefile("rb") as answer:
            old.sendall(f"GET {PATH}/export HTTP/1.0\r\n\r\n".encode())
            assert answer.readline().split()[1] == b"505"


# -- for notebooks -------------------------------------------------------------------------------


@pytest.mark.slow
def test_pandas_reads_an_export_as_it_is_typed_in_the_docs(sqlite_uri):
    fill(sqlite_uri, 20 * 24 * 30)
    with served(sqlite_uri) as server:
        url = f"http://127.0.0.1:{server.port}{PATH}/export.csv?start=1970-01-03"
        frame = pandas.read_csv(
            f"{url}&every=1d&pivot=category&fill=0&time=iso&stop=1970-01-31&order=asc",
            parse_dates=["timestamp"],
            index_col="timestamp",
        )
    assert isinstance(frame.index, pandas.DatetimeIndex)
    assert str(frame.index.tz) == "UTC"
    assert list(frame.index[[0, -1]].strftime("%F")) == ["1970-01-03", "1970-01-31"]
    assert list(frame.columns) == sorted(f"c{number}" for number in range(20))
    # The volume of hour h and category c is 20 h + c.
    assert frame.loc["1970-01-04", "c7"].item() == sum(20 * hour + 7 for hour in range(72, 96))
    assert frame.loc["1970-01-31", "c7"].item() == 0


# -- how much memory -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "query"),
    [("waitress", "order=desc"), ("gunicorn", "order=asc"), ("waitress", "pivot=category")],
)
def test_a_million_rows_cost_less_than_20_mb(uri, kind, query):
    number = 1_000_000
    fill(uri, number)
    with served(uri, kind) as server:
        with server.get(f"{PATH}/export?{query}&limit=10") as response:
            response.read()
        before, begun = server.memory("VmRSS"), time.monotonic()
        with server.get(f"{PATH}/export?{query}") as response:
            lines = response.read(1).count(b"\n")
            first = time.monotonic() - begun
            while part := response.read(1 << 16):
                lines += part.count(b"\n")
        grown = server.memory("VmHWM") - before
        print(f"first byte {first:.3f} s, all {time.monotonic() - begun:.1f} s, {grown:,} bytes")
    assert lines == 1 + (number // 20 if "pivot" in query else number)
    assert grown < 20_000_000
