"""Replay: recorded messages are brought into the journal, as long as it takes."""

from __future__ import annotations

import math
import time as clock
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ..backlog.importer import NOTHING, Brought, Importer
from ..config import DAY
from ..errors import RefusedError, ReplayError
from ..history import as_fedmsg
from ..history.lines import Line
from ..message import EVERYBODY, Message, usable_time
from ..store import Store, owed
from ..store.tables import REPLAYED
from .pace import Pace

TOGETHER = 20_000
"""Messages between two looks at how far the statistics are."""

HOUR = 3_600
FAR = 2 * 366 * DAY
"""Seconds ahead of now; what is stamped so is refused, whatever the settings say."""


class Step(NamedTuple):
    """The number of messages of one step, what became of them, and the last one's line."""

    messages: int
    brought: Brought
    last: Line


def replay(
    lines: Iterable[Line],
    importer: Importer,
    coverage: Coverage | None,
    pace: Pace | None,
    addressees: Sequence[str] = (EVERYBODY,),
    now: Callable[[], float] = clock.time,
) -> Iterator[Step]:
    """Bring the messages of `lines` in, step by step; all of a step is on disk.

    Raises:
        ReplayError: `lines` does; what stands before that is brought.
        JournalWriteError: a step was not written, or only a part of it.
        StalledError: nothing is counted any more.
    """
    for part in _steps(lines):
        messages, refused = _messages(part)
        if coverage:
            coverage.widen(messages)
        brought = importer.bring(messages, now(), addressees)
        yield Step(len(part), brought.plus(NOTHING._replace(refused=refused)), part[-1])
        if pace:
            pace.keep()


class Coverage:
    """What times a replay brings messages of, written down before it brings them.

    When their ids are forgotten, another replay of the same cannot count them again.

    Args:
        since: epoch seconds; all that the replay brings arrives later.
    """

    def __init__(self, store: Store, addressees: Sequence[str], since: float) -> None:
        self._store = store
        self._addressees = addressees
        self._since = since
        self._hours: set[int] = set()
        self._begins: dict[int, int] = {}

    def widen(self, messages: Iterable[Message]) -> None:
        """Let it hold the hours in which `messages` were sent."""
        times = (usable_time(message.get("timestamp")) for message in messages)
        hours = {int(time // HOUR) for time in times if time and time < self._since + FAR}
        new = sorted(hours - self._hours)
        if not new:
            return
        self._hours.update(new)
        spans: dict[int, int] = {}
        for hour in new:
            # One that goes on where another ends makes that one longer.
            begin = self._begins.pop(hour, hour)
            self._begins[hour + 1] = begin
            spans[begin] = hour + 1
        with self._store.writing() as connection:
            for addressee in self._addressees:
                for begin, end in spans.items():
                    start, stop = begin * HOUR, math.nextafter(end * HOUR, 0)
                    owed.cover(connection, addressee, start, stop, REPLAYED, self._since)


def _steps(lines: Iterable[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    try:
        for line in lines:
            part.append(line)
            if len(part) == TOGETHER:
                yield part
                part = []
    except ReplayError:
        if part:
            yield part
        raise
    if part:
        yield part


def _messages(part: Iterable[Line]) -> tuple[list[Message], Counter[str]]:
    """The messages as fedmsg sends them, and how many are none, by reason."""
    messages: list[Message] = []
    refused: Counter[str] = Counter()
    for line in part:
        try:
            messages.append(as_fedmsg(line.message))
        except RefusedError as error:
            refused[error.reason] += 1
    return messages, refused
