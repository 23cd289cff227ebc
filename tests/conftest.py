"""What many tests share: databases, engines, and messages."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import postgres
import pytest
from datagrepper import Archive
from datagrepper import Datagrepper as StandIn
from samples import NOW

from statscache import registry
from statscache.config import Config
from statscache.engine import Engine
from statscache.history import Datagrepper
from statscache.journal import Journal
from statscache.store import Store, schema

hypothesis.settings.register_profile("statscache", deadline=None)
hypothesis.settings.load_profile("statscache")


def pytest_configure() -> None:
    """Commands end on SIGINT, also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URI of a real PostgreSQL server's own database."""
    with postgres.server() as uri:
        yield uri


@pytest.fixture
def new_postgresql(postgresql: str) -> Iterator[str]:
    """The URI of an empty database on that server."""
    with postgres.new_database(postgresql) as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a test that uses this runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'statscache.sqlite'}"
    return str(request.getfixturevalue("new_postgresql"))


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'statscache.sqlite'}"


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    """A store with all tables of ours."""
    opened = Store(uri)
    schema.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


MakeEngine = Callable[..., Engine]


@pytest.fixture
def make_engine(uri: str, tmp_path: Path) -> Iterator[MakeEngine]:
    """Starts engines on one database and one journal: `make_engine(*plugins, **settings)`.

    Without plugins it runs those that are installed. Settings are named with `__` for `.` and
    without the leading `statscache.`: `engine__batch=10`.
    """
    opened: list[Engine] = []

    def make(
        *plugins: Any, now: float = NOW, history: Datagrepper | None = None, **settings: Any
    ) -> Engine:
        names = {f"statscache.{key.replace('__', '.')}": value for key, value in settings.items()}
        config = Config(
            {
                "statscache.sqlalchemy.uri": uri,
                "statscache.journal.path": tmp_path / "journal.sqlite",
                **names,
            }
        )
        installed = registry.load(config, [Installed(plugin) for plugin in plugins] or None)
        assert not plugins or not installed.skipped
        store = Store(uri, 12)
        schema.upgrade(store)
        journal = Journal(config["statscache.journal.path"])
        engine = Engine(config, installed, store, journal, history)
        opened.append(engine)
        engine.start(now)
        return engine

    yield make
    for engine in opened:
        engine.stop(NOW)
        # A test may have read from it after its end.
        engine.store.close()


class Installed:
    """An entry point that is not on disk: it gives a class, or an iterable of classes."""

    dist = None

    def __init__(self, target: Any) -> None:
        self.name = getattr(target, "__name__", "several")
        self._target = target

    def load(self) -> Any:
        return self._target


@pytest.fixture
def archive() -> Archive:
    """What the bus has carried."""
    return Archive()


@pytest.fixture
def stand_in(archive: Archive) -> Iterator[StandIn]:
    """Serves it as datagrepper does."""
    with StandIn(archive) as serving:
        yield serving


@pytest.fixture
def history(stand_in: StandIn) -> Datagrepper:
    return Datagrepper(stand_in.url, patience=2)
