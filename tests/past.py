"""Messages of the past: where the bus has sent them, and a daemon that reads its history."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from guests import feed, once, turn
from samples import NOW, message

from statscache.engine import Engine
from statscache.store import owed
from statscache.store.owed import Debt

FIRST = 1_000
"""The number of the message that is sent at `NOW`."""
SECONDS = 20
"""For what is waited for, at the most."""


def sent(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    """Messages, one a second from `NOW` on, or before it where a number is negative."""
    return [message(FIRST + number, **{"timestamp": NOW + number} | changes) for number in numbers]


def listen(engine: Engine, numbers: Iterable[int], **changes: Any) -> None:
    """Let those messages come over the bus, each when it is sent."""
    for number in numbers:
        feed(engine, [FIRST + number], NOW + number, **{"timestamp": NOW + number} | changes)


def names(*numbers: int) -> Counter[str]:
    """What `counted` has to give where those messages were counted once."""
    return once(FIRST + number for number in numbers)


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
    # What was brought since the last turn, and has an end that is read again later.
    assert engine._reading.wait(SECONDS)
    turn(engine, now)


def debts(engine: Engine) -> list[Debt]:
    """All that is or was owed, the latest first."""
    with engine.store.reading() as connection:
        return owed.read(connection)
