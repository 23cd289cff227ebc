"""The days before the demo: counted as if the hub had listened all the time."""

from __future__ import annotations

from collections.abc import Generator
from itertools import groupby
from typing import NamedTuple

from statscache import service
from statscache.config import Config

from .traffic import DAY, messages

RATE = 100_000 / (30 * DAY)
"""Messages a second: 100,000 in thirty days, which are counted in seconds."""

HOUR = 3_600


class Filled(NamedTuple):
    """How far the history is filled in: epoch seconds, and how many messages there were."""

    until: float
    number: int


def fill(config: Config, start: float, stop: float, seed: int) -> Generator[Filled]:
    """Fill in invented messages from `start` to `stop` (epoch seconds), and count them.

    They go through the journal like any others, hour by hour; each step tells how far it is. What
    has been filled in by then is kept when the iterator is closed.

    Raises:
        StatscacheError: a setting, the journal or the database cannot be used.
    """
    engine = service.build(config)
    done = Filled(start, 0)
    engine.start(start)
    try:
        arrivals = messages(start, stop, rate=RATE, seed=seed)
        for hour, group in groupby(arrivals, lambda arrival: int((arrival.at - start) // HOUR)):
            until = min(start + (hour + 1) * HOUR, stop)
            taken = [engine.accept(arrival.message, until, more=True) for arrival in group]
            done = Filled(until, done.number + len(taken))
            if hour % 24 == 23:
                engine.drain(until)
            yield done
        engine.drain(stop)
    finally:
        engine.stop(done.until)
