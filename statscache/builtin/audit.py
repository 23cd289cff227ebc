"""What it takes to compare two daemons, or a daemon and an archive, without moving messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from struct import Struct
from typing import Any

from ..plugins import BasePlugin, count_model

Message = dict[str, Any]

LATE = 60
"""Seconds."""

_two_lanes = Struct(">II24x").unpack


class Audit(BasePlugin):
    """How many messages of each minute there are, how many came late, and a mark of their ids.

    `late` counts what came more than a minute after it was sent: it was held up, or fetched from
    history. `fingerprint_1` and `fingerprint_2` are sums over the messages: of the first 32 bits
    of the SHA-256 of the id (without the year that bridges add), and of the next 32. Where
    `volume` and both are equal, so are the ids. Neither order nor any split makes a difference, so
    sums over hours or days compare as well.

    Two sets of ids that differ have the same two sums with a chance of at most 1 in 2^64, whatever
    their sizes: all ids but one given, at most one value of each lane makes the sums equal. That
    is enough against accidents, and not against who makes ids up to deceive. A message without id
    and timestamp is known to each daemon under a name of its own, and differs.

    After M. Bellare and D. Micciancio, "A New Paradigm for Collision-Free Hashing: Incrementality
    at Reduced Cost" (AdHash, 1997), but with whole sums, which JSON and JavaScript carry exactly
    up to two million messages a row.
    """

    name = "audit"
    interval = timedelta(minutes=1)
    unit = "messages"
    reads_only = envelope_only = True
    by_arrival = ("late",)
    model: Any = count_model("audit-1m", (), also=("late", "fingerprint_1", "fingerprint_2"))

    def handle(self, session: Any, messages: Sequence[Message]) -> None:
        assert self.schedule
        window = self.schedule.start
        rows: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for message in messages:
            time = message["timestamp"]
            first, second = _two_lanes(sha256(message["msg_id"].encode()).digest())
            row = rows[window(time)]
            row[0] += 1
            row[1] += message["arrived"] - time > LATE
            row[2] += first
            row[3] += second
        self.model.add(session, {(start,): tuple(row) for start, row in rows.items()})
