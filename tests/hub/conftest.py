"""Hubs and the bus for these tests; all that is started is killed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Bus, Hub

MakeHub = Callable[..., Hub]


@pytest.fixture
def bus() -> Iterator[Bus]:
    opened = Bus()
    yield opened
    opened.close()


@pytest.fixture
def make_hub(bus: Bus, tmp_path: Path) -> Iterator[MakeHub]:
    """Makes hubs, not yet started: `make_hub("name", uri, {setting: value})`.

    Each has a directory of its own, where it also keeps its database if no `uri` is given.
    """
    made: list[Hub] = []

    def make(name: str = "hub", uri: str = "", settings: dict[str, Any] | None = None) -> Hub:
        folder = tmp_path / name
        hub = Hub(folder, bus.endpoint, uri or f"sqlite:///{folder / 'statscache.sqlite'}")
        hub.configure(settings or {})
        made.append(hub)
        return hub

    yield make
    for hub in made:
        hub.kill()


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    """A hub with an SQLite database, not yet started."""
    return make_hub()


@pytest.fixture
def hubs(make_hub: MakeHub, new_postgresql: str) -> list[Hub]:
    """One with SQLite and one with PostgreSQL, on the same bus, not yet started."""
    on_postgresql = make_hub("postgresql", new_postgresql)
    on_postgresql.statscache("db", "upgrade")
    return [make_hub("sqlite"), on_postgresql]
