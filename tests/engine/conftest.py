"""A history: what the bus has carried, and who serves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from datagrepper import Archive
from datagrepper import Datagrepper as StandIn

from statscache.history import Datagrepper


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def stand_in(archive: Archive) -> Iterator[StandIn]:
    with StandIn(archive) as serving:
        yield serving


@pytest.fixture
def history(stand_in: StandIn) -> Datagrepper:
    return Datagrepper(stand_in.url, patience=2)
