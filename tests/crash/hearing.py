"""One life of a daemon that hears a part of the stream only, and has a history."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from fate import ACCEPTED, Report
from guests import Ids, build
from life import DEDUPE, TICK, Life, drain, fated, statistics
from samples import NOW
from stream import Sent, Stream

from statscache.engine import Engine, recall
from statscache.engine.engine import PERIODS
from statscache.history import Datagrepper
from statscache.store import owed

NEWCOMER = "newcomer-1s"
JOINS = 3_600
"""Seconds after which it joins."""

RECALLS = 0.1
"""How often a life recalls it."""

DAY = 86_400
HANGS = 120
"""Seconds of reading after which something is wrong."""


class Newcomer(Ids):
    name = "newcomer"


class Part(NamedTuple):
    """What one life hears of a stream, when that begins, and the URL of the archive.

    The last one lives until nothing is owed any more.
    """

    stream: Stream
    endpoint: str
    begin: float
    heard: Sequence[Sent]
    last: bool


def listen(part: Part, life: Life, report: Report) -> None:
    """Hear that part and count it, and what history has of the others."""
    fate = fated(life, report)
    random = Random(f"{life.seed} {life.count}")
    batch = part.stream.turns * random.randint(1, 4)
    engine = made(life, part, fate.comes_to, engine__batch=batch)
    fate.watch_store(engine.store)
    report.now = max(report.now + TICK, part.begin)
    engine.start(report.now)
    if NEWCOMER in engine.registry.enabled and random.random() < RECALLS:
        recall.recall(engine.store, engine.registry, NEWCOMER, engine.config, None, report.now)
    for one in part.heard:
        report.now = max(report.now + TICK, one.at)
        report.sent += 1
        more = "msg_id" in one.message and random.random() > 2 / part.stream.turns
        engine.accept(one.message, report.now, more)
        fate.comes_to(ACCEPTED)
        _work(engine, part.stream, random, report.now)
    read(engine, report.now)
    while part.last and owes(engine):
        report.now += part.stream.overlap / 4
        read(engine, report.now)
    engine.stop(report.now)


def made(
    life: Life, part: Part, comes_to: Callable[[str], None] = lambda _: None, **settings: Any
) -> Engine:
    """A daemon with a history, that is not started."""
    guests = [] if part.stream.built_in else statistics(comes_to)
    if guests and part.begin >= NOW + JOINS:
        guests.append(Newcomer)
    return build(
        life.uri,
        life.journal,
        *guests,
        history=Datagrepper(part.endpoint, sleep=lambda _: time.sleep(TICK)),
        plugins__enabled=["*", "volume-by-*"],
        journal__dedupe_horizon=DEDUPE,
        journal__commit_within=60_000,
        datagrepper__endpoint=part.endpoint,
        datagrepper__overlap=part.stream.overlap,
        datagrepper__backlog=DAY,
        **settings,
    )


def read(engine: Engine, now: float) -> None:
    """Let what is due be read from history, and counted."""
    drain(engine, now)
    if not engine._reading.wait(HANGS):
        raise TimeoutError("history is not read after two minutes")
    drain(engine, now)


def owes(engine: Engine) -> bool:
    """Whether anything is still owed to anybody."""
    with engine.store.reading() as connection:
        return bool(owed.still(connection))


def _work(engine: Engine, stream: Stream, random: Random, now: float) -> None:
    if random.random() < 1 / stream.turns:
        engine.turn(random.choice(PERIODS), now)
    elif random.random() < 0.5 / stream.turns:
        read(engine, now)
