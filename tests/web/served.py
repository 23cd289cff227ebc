"""The application in a process of its own, behind a real server, over a table of any size."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from statscache.store import Store, schema

PATH = "/api/volume-by-category-1h"
HOURS_OF = 20
"""So many categories has each hour."""

WAITRESS = """
import json, sys
from statscache.web import create_app
from statscache.web.server import serve
serve(create_app(json.loads(sys.argv[1])), "127.0.0.1", 0)
"""
SERVERS = ("waitress", "gunicorn")

FILL = {
    "sqlite": """
        INSERT INTO stat_volume_by_category_1h (timestamp, category, volume)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {number})
        SELECT i / {each} * 3600, 'c' || (i % {each}), i FROM n
    """,
    "postgresql": """
        INSERT INTO stat_volume_by_category_1h (timestamp, category, volume)
        SELECT to_timestamp(i / {each} * 3600) AT TIME ZONE 'UTC', 'c' || (i % {each}), i
        FROM generate_series(0, {number} - 1) AS n (i)
    """,
}


def fill(uri: str, number: int) -> None:
    """A database with so many rows of `PATH`: their `volume` counts them, the oldest is 0."""
    store = Store(uri)
    schema.upgrade(store)
    with store.writing() as connection:
        statement = FILL[connection.dialect.name].format(number=number, each=HOURS_OF)
        connection.execute(sa.text(statement))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    store.close()


class Served(NamedTuple):
    """The process that answers requests, and where."""

    process: subprocess.Popen[str]
    worker: int
    port: int

    @contextmanager
    def get(self, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """The answer, of which nothing has been read but the head."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with closing(connection):
            connection.request("GET", path, headers={"Connection": "close", **headers})
            with connection.getresponse() as response:
                yield response

    def memory(self, what: str) -> int:
        """Bytes: `VmRSS` now, or `VmHWM` at its highest."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        return 1024 * int(re.search(rf"{what}:\s+(\d+) kB", status)[1])


@contextmanager
def served(
    uri: str, server: str = "waitress", threads: int = 8, **settings: Any
) -> Iterator[Served]:
    """Ended in any case; settings as in the tests' own `config`."""
    names = {f"statscache.{name.replace('__', '.')}": value for name, value in settings.items()}
    config = {"statscache.sqlalchemy.uri": uri, **names}
    process = subprocess.Popen(
        _command(server, threads, config),
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield _ready(process)
        finally:
            process.terminate()


def _command(server: str, threads: int, config: dict[str, Any]) -> list[str]:
    if server == "waitress":
        return [sys.executable, "-c", WAITRESS, json.dumps(config)]
    application = f"statscache.web:create_app({config!r})"
    options = f"--bind=127.0.0.1:0 --threads={threads} --graceful-timeout=1 --no-control-socket"
    return [sys.executable, "-m", "gunicorn", *options.split(), application]


def _ready(process: subprocess.Popen[str]) -> Served:
    """Reads what it says until it listens; gunicorn works in a child."""
    said, worker = "", process.pid
    for line in process.stdout:
        said += line
        if found := re.search(r"Booting worker with pid: (\d+)", line):
            worker = int(found[1])
        if "Serving on" in line or worker != process.pid:
            return Served(process, worker, int(re.search(r"http://127\.0\.0\.1:(\d+)", said)[1]))
    raise AssertionError(said)
