"""An application over statistics of every kind, and the database as the daemon opens it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest
import sqlalchemy as sa
from flask import Flask

from statscache import registry
from statscache.store import Store, schema, tables
from statscache.web import create_app

from ..conftest import CHECKPOINT, config, serving
from . import guests

NOW = guests.START + 7 * 86_400


def begin(store: Store, app: Flask) -> None:
    """All tables, and a checkpoint for each statistic."""
    schema.upgrade(store)
    with store.writing() as connection:
        for ident, plugin in serving(app).plugins.items():
            plugin.model.metadata.create_all(connection, [plugin.model.__table__])
            connection.execute(sa.insert(tables.checkpoint).values(ident=ident, **CHECKPOINT))


def make(uri: str, **settings: object) -> Flask:
    checked = config(uri, **settings)
    points = [EntryPoint("everything", f"{guests.__name__}:everything", registry.GROUP)]
    return create_app(checked, found=registry.load(checked, points), now=lambda: NOW)


@pytest.fixture
def live(uri: str) -> Iterator[tuple[Flask, Store]]:
    app, store = make(uri), Store(uri)
    begin(store, app)
    yield app, store
    store.close()
    serving(app).store.close()
