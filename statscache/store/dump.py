"""A copy of the database as one transaction sees it, whoever writes meanwhile."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import BackupError
from ..files import make_private
from ..text import one_line
from .database import Store

PAGES = 1_000
"""Of an SQLite file, copied in one step: 4 MB."""
LOCK_WAIT = 60_000
"""Milliseconds that pg_dump waits for a table that somebody has locked."""

Copied = Callable[[int, int], None]
"""Is told how many pages of how many are copied."""


def copy_sqlite(source: sqlite3.Connection, path: Path, copied: Copied) -> None:
    """Copy what the open transaction of `source` sees into the new file `path`, a single one.

    Raises:
        BackupError: one of them cannot be read or written.
    """
    make_private(path)
    try:
        with closing(sqlite3.connect(path)) as target:
            # In an open transaction SQLite copies what that sees, whoever writes meanwhile.
            source.backup(
                target, pages=PAGES, progress=lambda _, left, total: copied(total - left, total)
            )
            # Without a write-ahead log the copy is one file, and reading it leaves no other.
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BackupError(
            f"the copy {path} cannot be written: {error}; make room on its disk, or look whether "
            "what is copied is damaged"
        ) from error


def copy_postgresql(store: Store, connection: Connection, path: Path, pg_dump: str) -> None:
    """Have pg_dump write what the open transaction of `connection` sees into the new file `path`.

    Raises:
        BackupError: pg_dump failed.
    """
    make_private(path)
    # Its transaction is idle for as long as pg_dump works.
    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    snapshot = connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar_one()
    where, password = _address(store)
    done = subprocess.run(
        [
            pg_dump,
            "--format=custom",
            "--no-password",
            f"--lock-wait-timeout={LOCK_WAIT}",
            f"--snapshot={snapshot}",
            f"--file={path}",
            f"--dbname={where}",
        ],
        env=os.environ | password,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{pg_dump} failed: {one_line(done.stderr.strip(), 500)}")


def require_pg_dump(connection: Connection, pg_dump: str) -> None:
    """Make sure that pg_dump can be run, and reads this server.

    Raises:
        BackupError: it is not there, or too old.
    """
    cure = "install PostgreSQL's client programs, or name the right one with --pg-dump"
    try:
        said = subprocess.run([pg_dump, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BackupError(f"{pg_dump} cannot be run: {error}; {cure}") from error
    driver: Any = connection.connection.driver_connection
    server = driver.info.server_version // 10_000
    version = re.search(r"\d+", said.stdout)
    if version is None or int(version[0]) < server:
        raise BackupError(
            f"{pg_dump} says {one_line(said.stdout.strip(), 80)!r}, and the server is of version "
            f"{server}; {cure}"
        )


def _address(store: Store) -> tuple[str, dict[str, str]]:
    """How to reach the database, without a password; and that, as libpq's environment has it."""
    _, options = store.engine.dialect.create_connect_args(store.url)
    where = {name: value for name, value in options.items() if not name.endswith("password")}
    driver: Any = store.engine.dialect.dbapi
    password = options.get("password")
    return driver.extensions.make_dsn(**where), {"PGPASSWORD": password} if password else {}
