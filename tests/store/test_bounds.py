"""A store that only reads, and for no longer than it may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from statscache.errors import StoreError
from statscache.store import Store, schema
from statscache.store.faults import is_canceled, is_missing_table

COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT max(i)"
SLOW = {
    "sqlite": f"{COUNT.format(200_000_000)} FROM n",
    "postgresql": "SELECT pg_sleep(30)",
}
"""Statements that would take very long."""

AS_NOBODY = """
import os, sys
from statscache.web import create_app

def ask(app):
    client = app.test_client()
    return [client.get(path).status_code for path in ("/api/volume-1h", "/ready")]

first, second = (create_app({"statscache.sqlalchemy.uri": sys.argv[1]}) for _ in range(2))
ask(first)  # loads all modules, which nobody may be allowed to read
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
assert not os.access(sys.argv[1].removeprefix("sqlite:///"), os.W_OK)
print(*ask(second))
"""


@pytest.fixture
def bound(store: Store) -> Iterator[Store]:
    """The database of `store`, opened to be read, with a moment for each statement."""
    opened = Store(store.url.render_as_string(hide_password=False), within=0.3)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM statscache_refused",
        "INSERT INTO statscache_meter VALUES ('a', '', 1, 1)",
        "UPDATE statscache_owner SET beat = 0",
        "CREATE TABLE mine (id INTEGER)",
        "DROP TABLE statscache_change",
    ],
)
def test_nothing_can_be_written(bound: Store, statement: str) -> None:
    with bound.reading() as connection, pytest.raises(DBAPIError, match=r"read-?only"):
        connection.exec_driver_sql(statement)


def test_nobody_is_handed_a_connection_to_write_on(bound: Store) -> None:
    with pytest.raises(StoreError, match="to be read only"), bound.writing():
        pass


def test_a_statement_that_takes_too_long_is_cut_off(bound: Store) -> None:
    began = time.monotonic()
    with bound.reading() as connection, pytest.raises(DBAPIError) as cut:
        connection.exec_driver_sql(SLOW[connection.dialect.name])
    assert is_canceled(cut.value)
    assert time.monotonic() - began < 20
    with bound.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_whoever_needs_longer_is_given_longer_and_only_then(bound: Store) -> None:
    slow = {
        "sqlite": f"{COUNT.format(3_000_000)} FROM n",
        "postgresql": "SELECT pg_sleep(0.6)",
    }
    with bound.reading(within=60) as connection:
        connection.exec_driver_sql(slow[connection.dialect.name])
    with bound.reading() as connection, pytest.raises(DBAPIError):
        connection.exec_driver_sql(SLOW[connection.dialect.name])


def test_a_connection_stays_with_the_process_that_opened_it(bound: Store) -> None:
    number = sa.text("SELECT pg_backend_pid()" if not bound.is_sqlite else "SELECT 1")
    with bound.reading() as connection:
        mine = connection.scalar(number)
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        with bound.reading() as connection:
            os.write(sending, str(connection.scalar(number)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(receiving, 100))
    os.close(receiving)
    os.close(sending)
    assert bound.is_sqlite or theirs != mine
    with bound.reading() as connection:
        assert connection.scalar(number) == mine


def test_a_file_that_is_not_there_is_not_made(sqlite_uri: str, tmp_path: Path) -> None:
    opened = Store(sqlite_uri, within=5)
    with pytest.raises(DBAPIError, match="the daemon makes it") as missing, opened.reading():
        pass
    assert is_missing_table(missing.value)
    assert list(tmp_path.iterdir()) == []
    daemons = Store(sqlite_uri)
    schema.upgrade(daemons)
    assert opened.has_table("statscache_owner")
    opened.close()
    daemons.close()


def test_a_user_who_may_only_read_the_files_can_serve_them() -> None:
    folder = Path(tempfile.mkdtemp())
    uri = f"sqlite:///{folder / 'statscache.sqlite'}"
    daemons = Store(uri)
    try:
        schema.upgrade(daemons)
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, uri],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == "200 200\n"
    finally:
        folder.chmod(0o755)
        daemons.close()
        shutil.rmtree(folder)
