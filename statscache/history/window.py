"""Windows of the history: how long they are, and which messages belong to which."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise
from typing import NamedTuple

from ..errors import RefusedError
from ..message import Message
from .reading import Found

AIM = 70
"""Messages of a window: most of a page, with room for a burst."""

FIRST, LONGEST = 300, 86_400
"""Seconds of the first window, and of the longest."""

MOST_PARTS = 16
"""Parts that a window is cut into at once, at the most."""

Range = tuple[int, int]


class Window(NamedTuple):
    """All that the archive has of [start, stop), in whole epoch seconds.

    `messages` are plain fedmsg dictionaries, the oldest first; those without a time come before
    all others. `refused` has a reason for each thing in the archive that is no message.
    """

    start: int
    stop: int
    messages: list[Message]
    refused: list[RefusedError]


def window(start: int, stop: int, found: Found, before: set[Hashable]) -> Window:
    """What was `found` from `start` to `stop`, both included, without what other windows have.

    A message at `stop` belongs to the next window, and what is in `before` was in the last one.
    """
    own = [one for key, one in found.items() if key not in before and _time(one) // 1 != stop]
    messages = [one for one in own if isinstance(one, dict)]
    messages.sort(key=_time)
    return Window(start, stop, messages, [one for one in own if isinstance(one, RefusedError)])


def strays(start: int, stop: int, found: Found) -> set[Hashable]:
    """What does not tell by its time whether the next window will have it too."""
    return {key for key, one in found.items() if not start <= _time(one) // 1 <= stop}


def cut(start: int, stop: int, number: int) -> list[Range]:
    """The range in parts that are short enough for their share of `number` messages."""
    parts = max(2, min(-(-number // AIM), MOST_PARTS, stop - start))
    borders = [start + (stop - start) * part // parts for part in range(parts + 1)]
    return list(pairwise(borders))


def next_length(length: int, number: int) -> int:
    """Seconds of the windows to come, after one of `length` seconds that had `number` messages."""
    return max(1, min(length * AIM // max(number, AIM // 2), LONGEST))


def _time(one: Message | RefusedError) -> float:
    """Epoch seconds; before all others if unknown. `/raw` tells whole seconds: compare those."""
    stamp = one.get("timestamp") if isinstance(one, dict) else None
    return stamp if isinstance(stamp, int | float) else float("-inf")
