"""Worlds, as the tests of comparisons and repairs want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from datagrepper import Archive, Datagrepper
from worlds import PLUGINS, SPAN, MakeWorld, World, spread

from statscache.engine import Engine


@pytest.fixture
def make_world(make_engine: Callable[..., Engine]) -> Iterator[MakeWorld]:
    """`make_world(*plugins, **settings)`, as `make_engine` takes them; it has heard nothing."""
    opened: list[Datagrepper] = []

    def make(*plugins: Any, **settings: Any) -> World:
        engine = make_engine(*(plugins or PLUGINS), now=SPAN.start, **settings)
        opened.append(Datagrepper(Archive()))
        return World(engine, opened[-1].__enter__())

    yield make
    for archive in opened:
        archive.__exit__(None, None, None)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """It has heard a thousand messages in two days, some of them twice, some of them late."""
    made = make_world()
    made.hear(spread(1_000, seed=1))
    made.count()
    return made
