"""How fast the web application answers, from a client's request to the last byte of its answer.

Tables of the shape of `volume-by-category-1h`, full of made rows, are served by gunicorn to one
client that keeps its connection. An empty Flask route in the same process is the floor. Beside it
datasette, in an environment of its own, serves the same table from the same SQLite file: as JSON
rows, without counts and facets, which is the fastest it has. The three are asked in turn, so that
they suffer alike from whatever else the machine does. What counts are the ratios.

    python benchmarks/rest.py [--rows 1000000 10000000] [--datasette FOLDER/bin/datasette]
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from flask import Flask, Response
from live import machine
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from statscache.store import Store, schema
from statscache.store.tables import checkpoint
from statscache.web import create_app

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
postgres = importlib.import_module("postgres")

IDENT = "volume-by-category-1h"
PATH = f"/api/{IDENT}"
TABLE = "stat_volume_by_category_1h"
EACH = 40
"""So many categories has each hour."""

HOUR, DAY, YEAR = 3_600, 86_400, 365 * 86_400
STOP = 1_767_225_600
"""2026-01-01 00:00:00 UTC; the last rows are of the hour before."""

SIZE = 100
ROUNDS, SECONDS = 300, 15.0
"""Each question is asked so often, or for so long."""

CHUNK = 1 << 16
NONE: Mapping[str, str] = MappingProxyType({})
PROGRESS = {
    **{"ident": IDENT, "journal": "j", "position": 1, "origin": 0, "revision": 1, "tag": 1},
    **{"version": "1", "complete_until": STOP, "horizon": 0, "counted": 1, "expired": 0},
    **{"created": 0},
}
FILL = {
    "sqlite": """
        INSERT INTO {table} (timestamp, category, volume)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {number})
        SELECT {begin} + i / {each} * 3600, 'category-' || (i % {each}), i % 977 + 1 FROM n
    """,
    "postgresql": """
        INSERT INTO {table} (timestamp, category, volume)
        SELECT to_timestamp({begin} + i / {each} * 3600) AT TIME ZONE 'UTC',
               'category-' || (i % {each}), i % 977 + 1
        FROM generate_series(0, {number} - 1) AS n (i)
    """,
}


class Question(NamedTuple):
    """What both are asked; `other` is the path at datasette, where that has an answer to it."""

    name: str
    path: str
    other: str | None = None
    headers: Mapping[str, str] = NONE
    status: int = 200


class Times(NamedTuple):
    """Milliseconds of each request; `first` is that of the very first of ours."""

    first: float
    floor: list[float]
    ours: list[float]
    others: list[float]


class Export(NamedTuple):
    """Rows a second, milliseconds to the first byte, and MB by which the server's memory grew."""

    rate: float
    first: float
    grown: float


class Client:
    """One connection that is kept, as that of a browser is."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def get(self, path: str, headers: Mapping[str, str] = NONE) -> http.client.HTTPResponse:
        """An answer of which the body is still to be read."""
        try:
            return self._asked(path, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # It was idle for too long.
            self._connection.close()
            return self._asked(path, headers)

    def _asked(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers=headers)
        return self._connection.getresponse()

    def time(self, path: str, headers: Mapping[str, str], status: int) -> float:
        """Milliseconds until the last byte is here."""
        begun = time.perf_counter()
        response = self.get(path, headers)
        body = response.read()
        took = (time.perf_counter() - begun) * 1000
        if response.status != status:
            raise SystemExit(f"{path}: {response.status} {body[:500]!r}")
        return took

    def memory(self, what: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", text)
        assert found
        return 1024 * int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--datasette", type=Path, help="the program; else it is installed")
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="statscache-") as name, postgres.server() as server:
        folder = Path(name)
        program = arguments.datasette or installed(folder / "datasette")
        for number in arguments.rows:
            path = folder / f"rows{number}.sqlite"
            fill(f"sqlite:///{path}", number)
            with datasette(program, path) as others:
                report(f"sqlite:///{path}", number, others)
            path.unlink()
            with postgres.new_database(server) as uri:
                fill(uri, number)
                report(uri, number, None)


# -- what is served --------------------------------------------------------------------------------


def fill(uri: str, number: int) -> None:
    """A database with so many rows of the statistic, and how far it is counted."""
    store = Store(uri)
    schema.upgrade(store)
    begin = STOP - number // EACH * HOUR
    with store.writing() as connection:
        statement = FILL[connection.dialect.name]
        connection.execute(
            sa.text(statement.format(table=TABLE, begin=begin, number=number, each=EACH))
        )
        connection.execute(sa.insert(checkpoint).values(PROGRESS))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    store.close()


def application(uri: str) -> Any:
    """For gunicorn: the application and, beside it, an empty route of Flask."""
    app, empty = create_app({"statscache.sqlalchemy.uri": uri}), Flask("empty")
    empty.add_url_rule("/", view_func=lambda: Response("[]", mimetype="application/json"))
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/floor": empty})  # type: ignore[method-assign]
    return app


@contextmanager
def gunicorn(uri: str) -> Iterator[Client]:
    """One process with eight threads, as in the docs."""
    port = free_port()
    options = f"--bind=127.0.0.1:{port} --threads=8 --keep-alive=75 --no-control-socket"
    at = f"--pythonpath={Path(__file__).parent}"
    command = [sys.executable, "-m", "gunicorn", *options.split(), at, f"rest:application({uri!r})"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        for line in process.stderr:
            if found := re.search(r"Booting worker with pid: (\d+)", line):
                yield ready(Client(port, int(found[1])), "/floor/")
                return
        raise SystemExit("gunicorn did not start")
    finally:
        process.terminate()
        process.wait()


def installed(folder: Path) -> Path:
    """datasette, in a virtual environment of its own."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "datasette"], check=True)
    return folder / "bin" / "datasette"


@contextmanager
def datasette(program: Path, path: Path) -> Iterator[Client]:
    port = free_port()
    settings = {"sql_time_limit_ms": 600_000, "max_returned_rows": 1_000, "max_csv_mb": 0}
    options = [text for name, value in settings.items() for text in ("--setting", name, str(value))]
    command = [str(program), "serve", str(path), "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield ready(Client(port, process.pid), "/-/versions.json")
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def ready(client: Client, path: str) -> Client:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", client.port)):
            client.get(path).read()
            return client
        time.sleep(0.1)
    raise SystemExit(f"nobody answers {path}")


# -- what is asked ---------------------------------------------------------------------------------


def questions(client: Client, number: int, database: str) -> Iterator[Question]:
    """In datasette's words, too, where it has such a thing."""
    pages, hour, year = number // SIZE, STOP - 1_000 * HOUR, STOP - YEAR
    rows = f"/{database}/{TABLE}.json?_shape=array&_nocount=1&_nofacet=1&_nosuggest=1&_size={SIZE}"

    def sql(text: str) -> str:
        return f"/{database}.json?_shape=array&sql={quote(text.format(table=TABLE))}"

    def page(number: int) -> str:
        order = "ORDER BY timestamp DESC, id DESC"
        return sql(f"SELECT * FROM {{table}} {order} LIMIT {SIZE} OFFSET {SIZE * (number - 1)}")

    newest = f"{rows}&_sort_desc=timestamp"
    yield Question("first page", PATH, newest)
    deep = min(5_000, pages // 2)
    yield Question(f"page {deep:,}, typed", f"{PATH}?page={deep}", page(deep))
    at = f"page {pages:,}, by cursor"
    yield Question(at, following(client, pages - 1), following_there(newest, number))
    window = f"{rows}&timestamp__gte={hour}&timestamp__lt={hour + HOUR}"
    yield Question("a window of an hour", f"{PATH}?start={hour}&before={hour + HOUR}", window)
    days = (
        "SELECT CAST(timestamp AS INTEGER) / 86400 * 86400 AS day, {keys}SUM(volume) AS volume "
        f"FROM {TABLE} WHERE timestamp >= {year} AND timestamp < {STOP} GROUP BY {{group}} "
    )
    long = days.format(keys="category, ", group="day, category")
    every = f"{PATH}?every=1d&start={year}&before={STOP}"
    asked = sql(f"{long} ORDER BY day DESC, category DESC LIMIT {SIZE}")
    yield Question("every=1d over a year, first page", every, asked)
    total = f"{every}&fields=volume&rows_per_page=366"
    asked = sql(days.format(keys="", group="day") + " ORDER BY day DESC")
    yield Question("every=1d over a year, all of it", total, asked)
    tag = client.get(PATH)
    tag.read()
    headers = {"If-None-Match": tag.headers["ETag"]}
    yield Question("first page, 304", PATH, newest, headers, 304)
    latest = "SELECT *, MAX(timestamp) FROM {table} GROUP BY category ORDER BY category"
    yield Question("latest", f"{PATH}/latest", sql(latest))


def following(client: Client, page: int) -> str:
    """The link to the page after that one."""
    response = client.get(f"{PATH}?page={page}")
    response.read()
    found = re.search(r'<([^>]*)>; rel="next"', response.headers["Link"])
    assert found
    parts = urlsplit(found[1])
    return f"{parts.path}?{parts.query}"


def following_there(newest: str, number: int) -> str:
    """Its own cursor is made of the timestamp and the id of the row before."""
    last = SIZE + 1
    begin = STOP - number // EACH * HOUR
    return f"{newest}&_next={begin + (last - 1) // EACH * HOUR}.0,{last}"


def ask(client: Client, others: Client | None, question: Question) -> Times:
    there = others if question.other else None
    first = client.time(question.path, question.headers, question.status)
    if there:
        there.time(str(question.other), {}, 200)
    found, end = Times(first, [], [], []), time.monotonic() + SECONDS
    for count in range(ROUNDS):
        floor = client.time("/floor/", {}, 200)
        ours = client.time(question.path, question.headers, question.status)
        other = there.time(str(question.other), {}, 200) if there else None
        found.floor.append(floor)
        found.ours.append(ours)
        found.others.extend([] if other is None else [other])
        if time.monotonic() > end and count > 2:
            break
    return found


def export(client: Client, path: str) -> Export:
    """Read all rows as CSV."""
    Path(f"/proc/{client.pid}/clear_refs").write_text("5")  # forgets the highest memory
    before, begun = client.memory("VmRSS"), time.perf_counter()
    response = client.get(path)
    lines = response.read(1).count(b"\n")
    first = time.perf_counter() - begun
    while part := response.read(CHUNK):
        lines += part.count(b"\n")
    seconds = time.perf_counter() - begun
    return Export(lines / seconds, first * 1000, (client.memory("VmHWM") - before) / 1e6)


# -- what is told ----------------------------------------------------------------------------------


def report(uri: str, number: int, others: Client | None) -> None:
    kind = sa.make_url(uri).get_backend_name()
    print(f"\n{kind}, {number:,} rows")
    titles = ("first", "p50", "p99", "floor p50", "p99", "ratio", "datasette p50", "p99", "ratio")
    print(f"{'milliseconds':34}{', '.join(titles)}")
    with gunicorn(uri) as client:
        database = Path(sa.make_url(uri).database or "").stem
        for question in questions(client, number, database):
            tell(question.name, ask(client, others, question))
        tell_export("export", export(client, f"{PATH}/export"))
    if others:
        path = f"/{database}/{TABLE}.csv?_stream=on&_size=max"
        tell_export("export by datasette", export(others, path))


def tell(name: str, times: Times) -> None:
    def both(found: list[float]) -> str:
        return f"{statistics.median(found):8.2f} {percentile(found, 0.99):8.2f}"

    def ratio(of: list[float], to: list[float]) -> str:
        return f"{statistics.median(of) / statistics.median(to):6.2f}"

    others = f"{both(times.others)} {ratio(times.others, times.ours)}" if times.others else ""
    beside = f"{both(times.floor)} {ratio(times.ours, times.floor)}"
    print(f"{name:34}{times.first:8.1f} {both(times.ours)}  {beside}  {others}", flush=True)


def percentile(found: list[float], share: float) -> float:
    return sorted(found)[min(len(found) - 1, round(share * len(found)))]


def tell_export(name: str, found: Export) -> None:
    print(
        f"{name:34}{found.rate:,.0f} rows/s, first byte after {found.first:.0f} ms, "
        f"memory +{found.grown:.1f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
