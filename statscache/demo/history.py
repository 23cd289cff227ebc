"""The days before the demo: counted as if the hub had listened all the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from itertools import groupby
from typing import NamedTuple

from .. import service
from ..config import Config
from .traffic import DAY, messages

RATE = 100_000 / (30 * DAY)
"""Messages a second: 100,000 in thirty days, which are counted in seconds."""

HOUR = 3_600

HANDOVER = 60
"""Seconds in which the hub has to take over.

The bus holds everything back until then, so nobody has to say that something was missed.
"""


class Filled(NamedTuple):
    """How far the history is filled in: epoch seconds, and how many messages there were."""

    until: float
    number: int


def fill(
    config: Config, start: float, stop: float, seed: int, now: Callable[[], float] = time.time
) -> Generator[Filled]:
    """Fill in invented messages from `start` to `stop` (epoch seconds), and count them.

    They go through the journal like any others, hour by hour; each step tells how far it is. What
    has been filled in by then is kept when the iterator is closed. `now` is the clock.

    Raises:
        StatscacheError: a setting, the journal or the database cannot be used.
    """
    engine = service.build(config)
    engine.start(start)
    listened, number = start, 0
    try:
        arrivals = messages(start, stop, rate=RATE, seed=seed)
        for hour, group in groupby(arrivals, lambda arrival: int((arrival.at - start) // HOUR)):
            listened = min(start + (hour + 1) * HOUR, stop)
            number += sum(engine.accept(arrival.message, listened, more=True) for arrival in group)
            if hour % 24 == 23:
                engine.drain(listened)
            yield Filled(listened, number)
        engine.drain(stop)
        listened = now() + HANDOVER
    finally:
        engine.stop(listened)
