"""Buckets: the slices of the journal that plugins have not counted yet."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..journal import Journal, Kept
from ..message import EVERYBODY, Entry, Message, decode
from ..registry import Statistic
from ..store.checkpoints import Checkpoint
from ..store.owed import Missed

KEPT_SLICES = 2


class Slice:
    """The entries behind one position, up to another; `end` may be past the last of them.

    Messages and envelopes are made when they are first asked for, and shared by all who only read.

    Args:
        addressed: whether any of them, or any known id, was addressed to one plugin only.
    """

    def __init__(self, kept: Sequence[Kept], end: int, addressed: bool) -> None:
        self.kept = kept
        self.end = end
        self.addressed = addressed
        self.earliest = min((one.entry.time for one in kept), default=math.inf)
        self._lock = threading.Lock()
        self._shared: dict[bool, Sequence[Message]] = {}

    def shared(self, envelope_only: bool) -> Sequence[Message]:
        """The message of each entry, or the envelope; not to be changed."""
        with self._lock:
            if envelope_only not in self._shared:
                make = _envelope if envelope_only else _message
                self._shared[envelope_only] = [make(one.entry) for one in self.kept]
            return self._shared[envelope_only]


class Bucket(NamedTuple):
    """What one plugin has to count next: the kept entries, and the messages to hand over.

    It stands behind the position `begin` and reaches up to `end`, and so up to what had `arrived`
    until then (epoch seconds); `expired` counts what is older than the plugin's rows.
    """

    kept: Sequence[Kept]
    messages: Sequence[Message]
    begin: int
    end: int
    arrived: float
    expired: int

    def halves(self) -> tuple[Bucket, Bucket]:
        """The bucket cut in two, the first half ending at its last message."""
        middle = len(self.kept) // 2
        position, entry = self.kept[middle - 1]
        first = self.kept[:middle], self.messages[:middle]
        second = self.kept[middle:], self.messages[middle:]
        return (
            Bucket(*first, self.begin, position, entry.arrived, 0),
            Bucket(*second, position, self.end, self.arrived, self.expired),
        )


class Handed(NamedTuple):
    """Tells what the plugin `ident` was handed already, under the other address.

    It began behind the position `origin`, and has `missed` some since.
    """

    ident: str
    origin: int
    missed: Sequence[Missed]
    journal: Journal

    def has(self, one: Kept) -> bool:
        """Whether the id of that entry came in before, and the plugin was handed it then."""
        name, addressee = one.entry.id, one.entry.addressee
        other = self.journal.seen(name, EVERYBODY if addressee == self.ident else self.ident)
        if other is None or other.position >= one.position:
            return False
        if any(each.holds(other.position, other.arrived, one.entry.time) for each in self.missed):
            return False
        return other.position > self.origin or other.position == 0


class Slices:
    """Reads slices of the journal once for all plugins that stand at the same place."""

    def __init__(self, journal: Journal, limit: int, maximum_bytes: int) -> None:
        self._journal = journal
        self._limit = limit
        self._maximum_bytes = maximum_bytes
        self._lock = threading.Lock()
        self._recent: dict[int, Slice] = {}

    def read(self, after: int, until: int) -> Slice:
        """A slice of what stands behind the position `after`, up to `until` or before.

        It may end after `until`, where another plugin was read more.
        """
        with self._lock:
            part = self._recent.get(after)
            if part is None:
                part = self._recent[after] = self._load(after, self._meeting(after, until))
                while len(self._recent) > KEPT_SLICES:
                    del self._recent[next(iter(self._recent))]
            return part

    def _meeting(self, after: int, until: int) -> int:
        """Where who stands at `after` comes together with those who stand elsewhere."""
        borders = (at for begin, part in self._recent.items() for at in (begin, part.end))
        return min((at for at in borders if after < at < until), default=until)

    def forget(self) -> None:
        """Let go of what is kept in memory."""
        with self._lock:
            self._recent.clear()

    def _load(self, after: int, until: int) -> Slice:
        kept = self._journal.slice(after, until, self._limit, self._maximum_bytes)
        addressed = self._journal.addressed() or any(one.entry.addressee for one in kept)
        return Slice(kept, kept[-1].position if kept else until, addressed)


def bucket(
    statistic: Statistic,
    checkpoint: Checkpoint,
    part: Slice,
    journal: Journal,
    missed: Sequence[Missed] = (),
) -> Bucket:
    """What of the slice `part` is for `statistic`, which has counted up to `checkpoint`.

    It was not handed what it has `missed`, though that stands before its bookmark.
    """
    start = statistic.window_start
    handed = Handed(statistic.ident, checkpoint.origin, missed, journal)
    chosen: Sequence[int] = range(len(part.kept))
    if part.addressed or statistic.plugin.topics is not None:
        chosen = [i for i in chosen if _is_for(statistic, part, part.kept[i], handed)]
    due = chosen
    if part.kept and start(part.earliest) < checkpoint.horizon:
        due = [i for i in chosen if start(part.kept[i].entry.time) >= checkpoint.horizon]
    kept = [part.kept[i] for i in due]
    arrived = part.kept[-1].entry.arrived if part.kept else 0.0
    messages = _handed_over(statistic, part, due, kept)
    expired = len(chosen) - len(due)
    return Bucket(kept, messages, checkpoint.position, part.end, arrived, expired)


def copies(statistic: Statistic, entries: Iterable[Entry]) -> Sequence[Message]:
    """The messages, or their envelopes where the plugin asks for no more; its own to change."""
    make = _envelope if statistic.plugin.envelope_only else _message
    return [make(entry) for entry in entries]


def _message(entry: Entry) -> Message:
    return decode(entry.body)


def _envelope(entry: Entry) -> Message:
    return {
        "topic": entry.topic,
        "timestamp": entry.time,
        "msg_id": entry.id,
        "arrived": entry.arrived,
    }


def _handed_over(
    statistic: Statistic, part: Slice, due: Sequence[int], kept: Sequence[Kept]
) -> Sequence[Message]:
    """The messages for the plugin: shared ones where it only reads, else copies of its own."""
    if statistic.plugin.reads_only and due:
        shared = part.shared(statistic.plugin.envelope_only)
        return [shared[i] for i in due]
    return copies(statistic, (entry for _, entry in kept))


def _is_for(statistic: Statistic, part: Slice, one: Kept, handed: Handed) -> bool:
    """Whether the entry is addressed to the plugin, wanted by it, and new to it."""
    if one.entry.addressee not in (EVERYBODY, statistic.ident):
        return False
    if not statistic.wants(one.entry.topic):
        return False
    return not (part.addressed and handed.has(one))
