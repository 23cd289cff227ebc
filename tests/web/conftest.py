"""Applications over filled databases. The web only reads, so that one serves all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from statscache import registry
from statscache.config import Config
from statscache.models import CountModel
from statscache.store import Store, schema, tables
from statscache.web import create_app
from statscache.web.serving import EXTENSION, Serving

from . import guests

CHECKPOINT = {
    "journal": "j",
    "position": 9,
    "origin": 0,
    "revision": 3,
    "version": "1",
    "complete_until": 1_767_830_399.5,
    "horizon": 0.0,
    "counted": 9,
    "expired": 1,
    "created": 0.0,
}


def config(uri: str, **settings: object) -> Config:
    """Settings for a database; others are named with `__` for `.`: `app__default_rows_per_page`."""
    names = {f"statscache.{name.replace('__', '.')}": value for name, value in settings.items()}
    return Config(
        {
            "statscache.sqlalchemy.uri": uri,
            "statscache.journal.path": "/nowhere/journal.sqlite",
            **names,
        }
    )


def make(uri: str, now: Callable[[], float] = lambda: guests.NOW, **settings: object) -> Flask:
    """An application that serves the guests, found through entry points; one leads nowhere."""
    points = [
        EntryPoint(name, f"{guests.__name__}:{name}", registry.GROUP)
        for name in ("everything", "absent")
    ]
    checked = config(uri, **settings)
    return create_app(checked, found=registry.load(checked, points), now=now)


def serving(app: Flask) -> Serving:
    """The parts of an application."""
    parts = app.extensions[EXTENSION]
    assert isinstance(parts, Serving)
    return parts


@contextmanager
def daemons(app: Flask) -> Iterator[Store]:
    """The database of an application as the daemon opens it: the web itself can only read."""
    store = Store(serving(app).config["statscache.sqlalchemy.uri"])
    yield store
    store.close()


@contextmanager
def writing(app: Flask) -> Iterator[Connection]:
    """A transaction in it."""
    with daemons(app) as store, store.writing() as connection:
        yield connection


def fill(app: Flask, builds: type[CountModel]) -> None:
    """The tables of the guests, all but one, their rows, and how far they are counted."""
    with daemons(app) as store:
        schema.upgrade(store)
    with writing(app) as connection, Session(connection) as session:
        mine = [model.__table__ for model in (builds, guests.Event, guests.Odd)]
        builds.metadata.create_all(connection, mine)
        guests.fill(session, builds)
        session.flush()
        for ident in ("builds-by-state-1h", "event-logs"):
            connection.execute(sa.insert(tables.checkpoint).values(ident=ident, **CHECKPOINT))


@pytest.fixture(scope="session")
def web_postgresql(postgresql: str) -> str:
    """The URI of a database of its own on that server, which goes when the server goes."""
    url = sa.make_url(postgresql)
    admin = sa.create_engine(
        url.set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE web"))
    admin.dispose()
    return url.set(database="web").render_as_string(hide_password=False)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """An application over a filled database: a test that uses it runs once on each kind."""
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path_factory.mktemp('web') / 'statscache.sqlite'}"
    else:
        uri = request.getfixturevalue("web_postgresql")
    made = make(uri)
    fill(made, serving(made).plugins["builds-by-state-1h"].model)
    yield made
    serving(made).store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
