"""Buckets: the slices of the journal that plugins have not counted yet."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from .checkpoints import Checkpoint
from .journal import Journal, Kept
from .message import EVERYBODY, Message, decode
from .registry import Statistic

KEPT_SLICES = 2
HOUR = 3_600


class Decoded(NamedTuple):
    """An entry of the journal, and the message it holds, shared by all who only read."""

    kept: Kept
    message: Message


class Slice(NamedTuple):
    """What stands behind one position, up to another; `end` may be past the last entry."""

    entries: Sequence[Decoded]
    end: int
    addressed: bool


class Bucket(NamedTuple):
    """What one plugin has to count next: the kept entries, and the messages to hand over.

    `end` is the position up to which the slice reaches, `arrived` the arrival of its last entry;
    `expired` counts what is older than the plugin's rows.
    """

    kept: Sequence[Kept]
    messages: Sequence[Message]
    end: int
    arrived: float
    expired: int

    def halves(self) -> tuple[Bucket, Bucket]:
        """The bucket cut in two, the first half ending at its last message."""
        middle = len(self.kept) // 2
        last = self.kept[middle - 1]
        first = Bucket(
            self.kept[:middle], self.messages[:middle], last.position, last.entry.arrived, 0
        )
        return first, self._replace(kept=self.kept[middle:], messages=self.messages[middle:])


class Slices:
    """Reads and decodes slices of the journal once for all plugins that stand at the same place."""

    def __init__(self, journal: Journal, limit: int, maximum_bytes: int) -> None:
        self._journal = journal
        self._limit = limit
        self._maximum_bytes = maximum_bytes
        self._lock = threading.Lock()
        self._recent: dict[tuple[int, int], Slice] = {}

    def read(self, after: int, until: int) -> Slice:
        """The next slice with `after` < position <= `until`, a prefix cut by position."""
        with self._lock:
            if (after, until) not in self._recent:
                while len(self._recent) >= KEPT_SLICES:
                    del self._recent[next(iter(self._recent))]
                self._recent[after, until] = self._decode(after, until)
            return self._recent[after, until]

    def forget(self) -> None:
        """Let go of what is kept in memory."""
        with self._lock:
            self._recent.clear()

    def _decode(self, after: int, until: int) -> Slice:
        kept = self._journal.slice(after, until, self._limit, self._maximum_bytes)
        entries = [Decoded(one, decode(one.entry.body)) for one in kept]
        more = kept and self._journal.slice(kept[-1].position, until, 1)
        end = kept[-1].position if more else until
        return Slice(entries, end, self._journal.addressed())


def bucket(statistic: Statistic, checkpoint: Checkpoint, part: Slice, journal: Journal) -> Bucket:
    """What of the slice `part` is for `statistic`, which has counted up to `checkpoint`."""
    shared = statistic.plugin.reads_only
    patterns = tuple(statistic.plugin.topics) if statistic.plugin.topics is not None else None
    start = statistic.schedule.start if statistic.schedule else _hour
    kept: list[Kept] = []
    messages: list[Message] = []
    expired = 0
    for one, message in part.entries:
        entry = one.entry
        if entry.addressee not in (EVERYBODY, statistic.ident):
            continue
        if patterns is not None and not _wants(patterns, entry.topic):
            continue
        if part.addressed and _had(one, statistic.ident, checkpoint, journal):
            continue
        if start(entry.time) < checkpoint.horizon:
            expired += 1
            continue
        kept.append(one)
        messages.append(message if shared else decode(entry.body))
    arrived = part.entries[-1].kept.entry.arrived if part.entries else 0.0
    return Bucket(kept, messages, part.end, arrived, expired)


def _had(one: Kept, ident: str, checkpoint: Checkpoint, journal: Journal) -> bool:
    """Whether the plugin was handed the same id already, under the other address."""
    if one.entry.addressee == EVERYBODY:
        other = journal.position_of(one.entry.id, ident)
        return other is not None and other < one.position
    other = journal.position_of(one.entry.id, EVERYBODY)
    return other is not None and checkpoint.origin < other < one.position


def _hour(time: float) -> int:
    return int(time // HOUR) * HOUR


@lru_cache(maxsize=65_536)
def _wants(patterns: tuple[str, ...], topic: str) -> bool:
    return _compiled(patterns).match(topic) is not None


@lru_cache(maxsize=1_024)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")
