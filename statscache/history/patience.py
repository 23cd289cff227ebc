"""Asking again, for a while: what failed may be answered later."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from ..errors import HistoryAwayError

Answer = TypeVar("Answer")

LONGEST_PAUSE = 60.0
"""Seconds between two attempts, unless the host asks for more."""


def persistently(
    ask: Callable[[], Answer],
    *,
    patience: float,
    now: Callable[[], float],
    sleep: Callable[[float], object],
) -> Answer:
    """What `ask` answers, once it does not raise `HistoryAwayError`.

    Pauses double from one second, half of each drawn at random: those who failed together do not
    come back together. The host may ask for a longer one.

    Args:
        patience: seconds, after which the last error is raised.
        now: epoch seconds.
        sleep: waits for so many seconds.

    Raises:
        HistoryAwayError: no answer within that time.
    """
    began = now()
    for attempt in count(1):
        try:
            return ask()
        except HistoryAwayError as error:
            pause = max(error.retry_after, backoff(attempt))
            if now() + pause > began + patience:
                tried = f"{attempt} attempts in {now() - began:.0f} s"
                raise HistoryAwayError(f"{error}, after {tried}", pause) from error
        sleep(pause)
    raise AssertionError("unreachable")


def backoff(attempt: int) -> float:
    """Seconds to wait after the attempt of that number, which counts from 1."""
    longest = min(LONGEST_PAUSE, 2.0 ** min(attempt - 1, 16))
    return longest * random.uniform(0.5, 1)
