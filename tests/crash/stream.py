"""What the bus carries while daemons come and go, and the archive that keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from datagrepper import Archive
from datagrepper import Datagrepper as StandIn
from fate import Report
from guests import Message
from life import FUTURE
from reading import INVENTED
from reckoning import identity
from samples import NOW
from traffic import traffic

AGAIN_WITHIN = 40
"""Messages between one and the same sent again, at the most."""

FAILURES = ("bad_gateway", "server_error", "cut", "torn", "silent", "half_a_page", "rows_twice")
EVERY = 10
"""Of so many questions one meets a failure first."""


class Stream(NamedTuple):
    """What the bus carries: so many messages, `apart` seconds from each other.

    The archive has each within `overlap` seconds of its time, however late it was sent. Daemons
    have a turn once in so many messages, about. They run all that is `built_in`, or guests.
    """

    messages: int
    apart: float
    overlap: float
    turns: int
    built_in: bool


SLOW = Stream(messages=400, apart=15, overlap=240, turns=10, built_in=False)
"""An hour and 40 minutes."""

FAST = Stream(messages=90_000, apart=0.002, overlap=10, turns=500, built_in=True)
"""Three minutes."""


class Sent(NamedTuple):
    """A message, and when it came to the bus and to the archive (epoch seconds)."""

    message: Message
    at: float
    archived: float


def carried(stream: Stream, seed: int) -> list[Sent]:
    """All of it, in order; some is late, comes again, or is refused."""
    random = Random(f"stream {seed}")
    stamps: dict[str, float] = {}
    sent = []
    end = NOW + stream.messages * stream.apart
    messages = traffic(stream.messages, seed, end, stream.apart, AGAIN_WITHIN)
    for place, message in enumerate(messages):
        name, at = identity(message), NOW + place * stream.apart
        if "msg_id" not in message and name in stamps:
            continue  # two messages for the archive, which makes ids up
        late, held_up = (random.random() ** 20 * (stream.overlap / 2 - 1) for _ in "ab")
        if "msg_id" not in message:
            # If the archive were the first to have it, it would come again under another id.
            held_up = min(10 * stream.apart, stream.overlap / 2)
        stamp = round(at - late, 3) if message["timestamp"] % 1 else int(at - late)
        stamped = {**message, "timestamp": stamps.setdefault(name, stamp)}
        sent.append(Sent(stamped, at, at + held_up))
        if random.random() < 0.02:
            spoilt = random.choice(({"topic": ""}, {"timestamp": NOW + FUTURE}))
            sent.append(Sent({**stamped, "msg_id": f"refused-{place}", **spoilt}, at, at))
    return sent


@contextmanager
def archived(sent: Sequence[Sent], report: Report, failure: str) -> Iterator[str]:
    """The URL of a stand-in that has what came to the archive until now; some pages fail first."""
    archive, lock = Archive(), threading.Lock()
    waiting = sorted(sent, key=lambda one: -one.archived)

    def bring_up(_: int) -> None:
        with lock:
            new = []
            while waiting and waiting[-1].archived <= report.now:
                new.append(_under_an_id(waiting.pop().message, len(waiting)))
            if new:
                archive.add(*new)

    with StandIn(archive, failure, every=EVERY, before=bring_up) as serving:
        yield serving.url


def _under_an_id(message: Message, number: int) -> Message:
    return {"msg_id": f"{INVENTED}{number}", **message}
