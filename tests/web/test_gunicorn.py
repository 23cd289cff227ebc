"""A server that production uses: several processes, made by forks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import urllib3
from prometheus_client.parser import text_string_to_metric_families as parse

from statscache.store import Store, schema

GUNICORN = Path(sys.executable).parent / "gunicorn"
APP = "statscache.web:create_app()"
CONFIG = """
from prometheus_client import multiprocess

def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
"""

pytestmark = pytest.mark.slow


@contextmanager
def running(folder: Path, uri: str, *options: str, app: str = APP) -> Iterator[str]:
    """Where it listens, with two processes."""
    (folder / "fedmsg.d").mkdir()
    text = f"config = {{'statscache.sqlalchemy.uri': {uri!r}, 'endpoints': {{}}}}\n"
    (folder / "fedmsg.d" / "statscache.py").write_text(text)
    (folder / "gunicorn.conf.py").write_text(CONFIG)
    shared = folder / "shared"
    shared.mkdir()
    log = folder / "gunicorn.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [GUNICORN, "--workers", "2", "--bind", "127.0.0.1:0", *options, app],
            cwd=folder,
            env=os.environ | {"HOME": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(shared)},
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    try:
        yield wait_for(log, process)
    finally:
        process.terminate()
        process.wait(30)


def wait_for(log: Path, process: subprocess.Popen[bytes]) -> str:
    """The address, once both processes are there."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        text = log.read_text()
        address = re.search(r"Listening at: (http://[\d.:]+)", text)
        if address and text.count("Booting worker") == 2:
            return address[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def get(url: str) -> urllib3.BaseHTTPResponse:
    """On a connection of its own, so that any process may answer."""
    return urllib3.request("GET", url, headers={"Connection": "close"}, timeout=30, retries=False)


def samples(address: str) -> dict[tuple[str, ...], float]:
    text = get(f"{address}/metrics").data.decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(text)
        for sample in family.samples
    }


ASKED = "statscache_http_requests_total"
EXPECTED = {
    (ASKED, "GET", "/ready", "200"): 20,
    (ASKED, "GET", "/api/<name>", "200"): 20,
    ("statscache_http_request_duration_seconds_count", "/live"): 20,
    ("statscache_http_requests_in_flight",): 1,
    ("statscache_up",): 1,
}


@pytest.mark.parametrize("options", [(), ("--preload",), ("--threads", "4")], ids=str)
def test_two_processes_answer_and_count_together(tmp_path, store, options):
    uri = store.url.render_as_string(hide_password=False)
    with running(tmp_path, uri, *options) as address:
        with ThreadPoolExecutor(8) as pool:
            paths = ["/live", "/ready", "/api/volume-1h", "/api/"] * 20
            answers = list(pool.map(lambda path: get(address + path), paths))
        assert {answer.status for answer in answers} == {200}
        found = samples(address)
        # A request counts when it is done, which the client may know earlier.
        for _ in range(50):
            if EXPECTED.items() <= found.items():
                break
            time.sleep(0.1)
            found = samples(address)
    assert {key: found.get(key) for key in EXPECTED} == EXPECTED


def test_no_connection_is_shared_where_the_application_was_made_before_the_fork(
    tmp_path, new_postgresql
):
    store = Store(new_postgresql)
    schema.upgrade(store)
    # Whoever makes the application asks it once, before the fork.
    (tmp_path / "asked.py").write_text(
        "from statscache.web import create_app\n"
        "app = create_app()\n"
        "assert app.test_client().get('/ready').status_code == 200\n"
    )
    with running(tmp_path, new_postgresql, "--preload", app="asked:app") as address:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: get(f"{address}/ready").status, range(100)))
        assert answers == [200] * 100
        with store.reading() as connection:
            query = sa.text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            # That of the first process, which nobody uses, those of the two others, and this one.
            assert connection.scalar(query) == 4
    store.close()
