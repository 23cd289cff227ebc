"""The two kinds of database, ready for a daemon's first start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import postgres
from history import NewDatabase

from statscache.store import Store, schema


@contextmanager
def new_sqlite(folder: Path) -> Iterator[str]:
    """A file that is not there yet."""
    yield f"sqlite:///{folder / 'statscache.sqlite'}"


def on_postgresql(server: str) -> NewDatabase:
    """Databases on that server, with the tables that an operator has to make."""
    return partial(_new_postgresql, server)


@contextmanager
def _new_postgresql(server: str, _folder: Path) -> Iterator[str]:
    with postgres.new_database(server) as uri:
        store = Store(uri)
        schema.upgrade(store)
        store.close()
        yield uri
