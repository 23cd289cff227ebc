"""The backlog: gaps are filled from history, and new plugins are caught up, exactly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from datagrepper import Archive
from datagrepper import Datagrepper as StandIn
from guests import Ids, MakeEngine, counted, feed, once, turn
from samples import NOW, message

from statscache.engine import Engine
from statscache.history import Datagrepper
from statscache.store import owed
from statscache.store.owed import Debt

SECONDS = 20
"""For what is waited for, at the most."""


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


def sent(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    """Messages, one a second from `NOW` on."""
    return [message(number, timestamp=NOW + number, **changes) for number in numbers]


def catch_up(engine: Engine, now: float) -> None:
    """Let the daemon read history and count, until there is nothing left to do at `now`."""
    limit = time.monotonic() + SECONDS
    turn(engine, now)
    while engine.owes(now):
        assert engine._reading.wait(SECONDS)
        assert engine._backlog
        engine._backlog._look_at = 0
        turn(engine, now)
        assert time.monotonic() < limit


def debts(engine: Engine) -> list[Debt]:
    with engine.store.reading() as connection:
        return owed.read(connection)


def test_a_gap_is_filled(make_engine: MakeEngine, archive: Archive, history: Datagrepper) -> None:
    first = make_engine(Ids, datagrepper__overlap=60)
    for number in range(5):
        feed(first, [number], NOW + number)
    first.stop(NOW + 5)
    archive.add(*sent(*range(40)))
    second = make_engine(Ids, now=NOW + 30, history=history, datagrepper__overlap=60)
    feed(second, range(30, 40), NOW + 40)
    catch_up(second, NOW + 40)
    assert counted(second.store) == once(range(40))
    assert debts(second)[0].healed is None
    archive.add(*sent(7, msg_id="late"))
    catch_up(second, NOW + 100)
    assert debts(second)[0].healed == NOW + 100
