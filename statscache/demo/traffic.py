"""A bus that nobody has to run: invented traffic in the rhythm of Fedora's, or a recorded one.

Time is cut into blocks, and each block has random numbers of its own, drawn from the seed and its
place in time. So the traffic of a moment is the same whenever and however it is asked for: what
was filled in yesterday goes on today without a seam.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import count
from operator import itemgetter
from random import Random
from time import gmtime
from typing import Any, NamedTuple
from uuid import UUID

from ..message import usable_time
from . import building, community, releasing
from .cast import LONGEST, Sent, Shape, cast

DAY, WEEK = 86_400, 604_800

SHARES: dict[Shape, int] = {
    building.koji_build: 28,
    building.koji_scratch_build: 44,
    building.copr_build: 20,
    building.dist_git_push: 24,
    releasing.bodhi_update: 8,
    releasing.bodhi_comment: 14,
    community.bugzilla: 34,
    community.pagure_pull_request: 12,
    community.pagure_issue: 10,
    community.pagure_push: 10,
    community.github: 30,
    releasing.openqa_test: 20,
    releasing.centos_ci: 8,
    releasing.gating: 20,
    building.module_build: 3,
    building.koschei: 14,
    community.upstream_release: 10,
    releasing.mdapi: 14,
    community.playbook: 5,
    community.nagios: 5,
    community.badge: 10,
    community.karma: 6,
    community.meeting: 2,
    community.beside_packaging: 24,
    community.oddity: 12,
}
"""How many of each shape there are among the stories of a day."""

BLOCK = 300
"""Seconds of traffic that are made at once; divides a day."""

HOURS = (6, 6, 6, 6, 6, 7, 9, 12, 14, 15, 15, 15, 15, 17, 18, 18, 16, 14, 12, 11, 10, 9, 8, 7)
"""How busy each hour of a working day is (UTC): Europe's morning, then America's."""

WEEKEND = 0.45
"""How busy a Saturday or Sunday is, compared to a working day."""

DAILY = {
    0: releasing.updates_sync,
    18_900: releasing.rawhide_compose,
    22_500: releasing.branched_compose,
}
"""What begins at the same second of every day (UTC), once, however quiet the bus is."""

PUSH, PUSH_LENGTH = 0.05, 900
"""The nightly push of updates: its share of a day's messages, and its seconds, from midnight."""

REBUILD, REBUILD_LENGTH, REBUILD_START = 0.04, 1200, 54_000
"""A mass rebuild: its share of a week's messages, its seconds, its begin in the day (UTC).

Fedora has two a year; here it is every Wednesday, so that each demo of a week shows one.
"""

NO_TIMESTAMP, NO_ID, LATE, AGAIN = 0.0005, 0.005, 0.01, 0.02
"""Shares of the messages that lack something, arrive late, or are delivered again."""

LATEST = 21_000
"""Seconds between sending and arrival, at most."""

Mix = tuple[Shape, ...]

EVERY_DAY: Mix = tuple(shape for shape, share in SHARES.items() for _ in range(share))
UPDATES_PUSH, MASS_REBUILD = (releasing.updates_push,), (building.mass_rebuild,)

MEMORY = LONGEST + LATEST + 60
"""Seconds after its beginning in which all of a story arrives, its last copy included."""

LONGEST_GAP = 60.0
"""Seconds between two recorded messages, at most, when they are replayed."""


class Arrival(NamedTuple):
    """A fedmsg message as a plain dictionary, and when the bus delivers it (epoch seconds)."""

    at: float
    message: dict[str, Any]


def messages(
    start: float, stop: float, *, rate: float, seed: int, memory: float = MEMORY
) -> Iterator[Arrival]:
    """What arrives from `start` (included) to `stop` (excluded), in order of arrival.

    The same arguments give the same messages, and adjoining spans what the whole span gives.
    Made as it is read; the bodies of messages that are delivered again are shared, so do not
    change them.

    Args:
        start: epoch seconds, UTC.
        stop: epoch seconds, UTC; may be infinite.
        rate: messages a second, on average over a week. Some eighty a day are sent whatever it is.
        seed: another one gives other traffic.
        memory: seconds before `start` whose stories are still told. All of their messages have to
            be made before the first one comes; where that takes too long, do with less, and some
            that began before are silent.

    Raises:
        ValueError: `rate` is not more than none.
    """
    if rate <= 0:
        raise ValueError(f"rate must be more than 0 messages a second, not {rate}")
    return _messages(start, stop, rate, seed, memory)


def _messages(
    start: float, stop: float, rate: float, seed: int, memory: float
) -> Iterator[Arrival]:
    waiting: list[Arrival] = []
    for begin in count(int((start - memory) // BLOCK) * BLOCK, BLOCK):
        if begin >= stop:
            return
        waiting.extend(_block(begin, rate, seed))
        waiting.sort(key=itemgetter(0))
        due = bisect_left(waiting, min(begin + BLOCK, stop), key=itemgetter(0))
        yield from (arrival for arrival in waiting[:due] if arrival.at >= start)
        del waiting[:due]


def _block(begin: int, rate: float, seed: int) -> Iterator[Arrival]:
    """The arrivals, in no order, of the stories that begin in the block at `begin`."""
    rng = Random(f"{seed} {begin}")
    sent_by: Counter[str | None] = Counter()
    for moment, shape in _stories(begin, rate, rng):
        for sent in shape(cast(rng, int(moment))):
            sent_by[sent.username] += 1
            time = moment + sent.after
            message = _message(sent, time, sent_by[sent.username], rng)
            yield from _deliveries(message, time, rng)


def _stories(begin: int, rate: float, rng: Random) -> Iterator[tuple[float, Shape]]:
    """When a story begins, and which: a Poisson process for each occasion."""
    for mix, messages_a_second in _occasions(begin, rate):
        stories_a_second = messages_a_second / _mean_length(mix)
        moment = begin + rng.expovariate(stories_a_second)
        while moment < begin + BLOCK:
            yield moment, rng.choice(mix)
            moment += rng.expovariate(stories_a_second)
    if daily := DAILY.get(begin % DAY):
        yield begin + rng.uniform(0, BLOCK), daily


def _occasions(begin: int, rate: float) -> Iterator[tuple[Mix, float]]:
    """What is going on in the block at `begin`: shapes to draw from, and messages a second."""
    day, second = divmod(begin, DAY)
    weekday = (day + 3) % 7  # 1970 began on a Thursday
    busy = HOURS[second // 3600] * (WEEKEND if weekday >= 5 else 1)
    mean = sum(HOURS) / 24 * (5 + 2 * WEEKEND) / 7
    yield EVERY_DAY, rate * (1 - PUSH - REBUILD - AGAIN) * busy / mean
    if second < PUSH_LENGTH:
        yield UPDATES_PUSH, rate * PUSH * DAY / PUSH_LENGTH
    if weekday == 2 and 0 <= second - REBUILD_START < REBUILD_LENGTH:
        yield MASS_REBUILD, rate * REBUILD * WEEK / REBUILD_LENGTH


@cache
def _mean_length(mix: Mix) -> float:
    """Messages in a story of the mix, on average over a sample."""
    rng, sample = Random(0), mix * 8
    return sum(len(shape(cast(rng, 0))) for shape in sample) / len(sample)


def _message(sent: Sent, time: float, i: int, rng: Random) -> dict[str, Any]:
    """`sent` as fedmsg stamps it; `i` counts what a publisher, which never lives long, has sent."""
    message = {
        "topic": sent.topic,
        "msg": sent.msg,
        "timestamp": int(time),
        "msg_id": f"{gmtime(time).tm_year}-{UUID(int=rng.getrandbits(128), version=4)}",
        "i": i,
        "username": sent.username,
    }
    if sent.username is None:
        message |= {"headers": {}, "source_name": "datanommer", "source_version": "0.9.0"}
    flaw = rng.random()
    if flaw < NO_TIMESTAMP:
        del message["timestamp"]
    elif flaw < NO_TIMESTAMP + NO_ID:
        del message["msg_id"]
    return message


def _deliveries(message: dict[str, Any], time: float, rng: Random) -> Iterator[Arrival]:
    """The arrivals of a message sent at `time`: at once or late, once or twice."""
    late = rng.random() < LATE
    at = time + (60 * (LATEST / 60) ** rng.random() if late else rng.uniform(0.05, 2))
    yield Arrival(round(at, 3), message)
    if rng.random() < AGAIN:
        yield Arrival(round(at + rng.uniform(0.5, 30), 3), _again(message, rng))


def _again(message: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The copy of a message, every other time with the year of its id as a bridge leaves it."""
    copy = dict(message)
    if "msg_id" in copy and rng.random() < 0.5:
        year, _, name = copy["msg_id"].partition("-")
        copy["msg_id"] = rng.choice((name, f"{int(year) - 1}-{name}"))
    return copy


def retimed(lines: Iterable[Mapping[str, Any]], start: float) -> Iterator[Arrival]:
    """Recorded messages, in their order, as if the first one happened at `start` (epoch seconds).

    Times move, their distances stay, but none is longer than a minute. A message without a usable
    timestamp arrives with the one before it, and stays without. Ids are kept, so a message that
    was recorded twice is still one message.
    """
    at = time = start
    previous: float | None = None
    for line in lines:
        message, stamp = dict(line), usable_time(line.get("timestamp"))
        if stamp is not None:
            gap = 0 if previous is None else stamp - previous
            time += max(-LONGEST_GAP, min(gap, LONGEST_GAP))
            at, previous = max(at, time), stamp
            message["timestamp"] = int(time) if isinstance(stamp, int) else time
        yield Arrival(at, message)
