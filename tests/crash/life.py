"""One life of a daemon: a process that takes in some of the feed, counts it, and may be killed."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

from fate import ACCEPTED, NOWHERE, PROCESSING, UPDATING, Fate, Place, Report
from guests import Ids, Message, bad, build, outside_package
from samples import NOW
from traffic import traffic

from statscache.builtin import volume
from statscache.engine import Engine
from statscache.engine.engine import PERIODS
from statscache.errors import StatscacheError

MESSAGES = 300
STEP = 10
"""Seconds between two messages."""
TICK = 0.001
"""Seconds between two messages, where one of them comes again."""
OVERLAP = 12
"""Messages that are sent again although they were acknowledged, fewer than."""
AGAIN_WITHIN = 40
"""Messages between one and the same sent again, at the most."""
DEDUPE = 900
"""Seconds that ids are remembered: longer than the bus takes to send a message again."""
KEPT = 15 * 60
"""Seconds that one statistic keeps its rows."""
POISON = 7
FUTURE = 30 * 86_400

VOLUMES = (
    *volume.Volume.at(timedelta(seconds=1)),
    *volume.VolumeByCategory.at(timedelta(minutes=1)),
    *volume.VolumeByTopic.at(timedelta(hours=1)),
    *volume.VolumeByUser.at(timedelta(days=1)),
    *volume.VolumeByPackage.at(timedelta(hours=1)),
)


class Life(NamedTuple):
    """What is decided of a life before it begins.

    It takes in `length` messages of the feed `seed`, and ends by itself after them, unless it comes
    to `place` for the `number`-th time before that: then it is sent `sent`. `count` tells it from
    the others.
    """

    uri: str
    journal: Path
    seed: int
    count: int
    length: int
    place: Place = NOWHERE
    number: int = 0
    sent: signal.Signals = signal.SIGKILL
    wait: float = 0

    @property
    def log(self) -> Path:
        """Where what the daemon complains of is kept."""
        return self.journal.with_name("log")


Lived = Callable[[Life, Report], None]
"""A way to live."""


class Kept(Ids):
    """Counts what `Ids` counts, but keeps its rows for a short time only."""

    name = "kept"
    retention = timedelta(seconds=KEPT)


def feed(seed: int) -> list[Message]:
    """What the bus carries, in order; some of it is refused."""
    random = Random(seed)
    messages = traffic(MESSAGES, seed, NOW + MESSAGES * STEP, STEP, AGAIN_WITHIN)
    for _ in range(MESSAGES // 20):
        place = random.randrange(len(messages))
        spoilt = random.choice(({"topic": ""}, {"timestamp": NOW + FUTURE}))
        messages.insert(place, {**messages[place], "msg_id": f"refused-{place}", **spoilt})
    return messages


def is_refused(message: Message) -> bool:
    return not message["topic"] or message["timestamp"] == NOW + FUTURE


def is_poison(message: Message) -> bool:
    """Whether the statistic `bad` cannot digest it."""
    # By what is the same wherever the message comes from.
    return crc32(json.dumps(message["msg"], sort_keys=True).encode()) % 16 == POISON


def statistics(comes_to: Callable[[str], None] = lambda _: None) -> list[Any]:
    """The plugins; one tells of the steps that it takes, and cannot digest some messages."""

    def process(message: Message) -> None:
        comes_to(PROCESSING)
        if is_poison(message):
            raise ValueError("not that one")

    return [Ids, Kept, bad(lambda _: comes_to(UPDATING), process), *outside_package(), *VOLUMES]


def made(uri: str, journal: Path, plugins: list[Any], **settings: Any) -> Engine:
    """A daemon that counts for all of `plugins`, and is not started."""
    return build(
        uri,
        journal,
        *plugins,
        plugins__enabled=["*", "volume-by-user-1d"],
        journal__dedupe_horizon=DEDUPE,
        journal__commit_within=60_000,
        **settings,
    )


def live(life: Life, report: Report, lived: Lived) -> None:
    """Take in and count; where that is refused, say so in the log and end with 1."""
    logging.basicConfig(filename=life.log, level=logging.WARNING, format="%(message)s")
    try:
        lived(life, report)
    except StatscacheError as error:
        logging.critical("%s: %s", type(error).__name__, error)
        sys.exit(1)


def fated(life: Life, report: Report) -> Fate:
    """What kills this process, where that is decided; its store is not watched yet."""
    fate = Fate(life.place, life.number, report, life.sent)
    fate.watch_phases()
    fate.watch_journals()
    return fate


def all_again(life: Life, report: Report) -> None:
    """Go on where the life before has acknowledged what it took in, or a little before that."""
    fate = fated(life, report)
    random = Random(f"{life.seed} {life.count}")
    engine = made(
        life.uri,
        life.journal,
        statistics(fate.comes_to),
        engine__batch=random.randint(1, 40),
        journal__wait=life.wait,
    )
    fate.watch_store(engine.store)
    begin = max(0, report.acknowledged - random.randrange(OVERLAP))
    messages = feed(life.seed)[: begin + life.length]
    report.now += TICK
    engine.start(report.now)
    for place in range(begin, len(messages)):
        report.now = max(report.now + TICK, NOW + place * STEP)
        _take_in(engine, messages[place], place, random, report)
        fate.comes_to(ACCEPTED)
        _work(engine, random, report.now)
    engine.flush(report.now)
    report.acknowledged = max(report.acknowledged, len(messages))
    drain(engine, report.now)
    engine.stop(report.now)


def _take_in(engine: Engine, message: Message, place: int, random: Random, report: Report) -> None:
    more = random.random() < 0.8
    taken = engine.accept(message, report.now, more)
    if taken and not more:
        report.acknowledged = max(report.acknowledged, place + 1)


def _work(engine: Engine, random: Random, now: float) -> None:
    if random.random() < 0.1:
        engine.turn(random.choice(PERIODS), now)
    elif random.random() < 0.05:
        drain(engine, now)


def drain(engine: Engine, now: float) -> None:
    """Let all be counted."""
    if not engine.drain(now):
        raise TimeoutError("the statistics are not counted after a minute")


# -- processes ---------------------------------------------------------------------------------


def new_report() -> Report:
    """A report in memory that processes share."""
    shared: Report = RawValue(Report)
    shared.now = NOW
    return shared


def begin(life: Life, report: Report, lived: Lived = all_again) -> ForkServerProcess:
    """Start that life in a process of its own."""
    report.phase, report.step = NOWHERE.phase.encode(), NOWHERE.step.encode()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with _path_known():
        forkserver.ensure_running()
    process = context.Process(target=live, args=(life, report, lived), daemon=True)
    process.start()
    return process


@contextmanager
def _path_known() -> Iterator[None]:
    """Python 3.11 does not tell the fork server where modules are found."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
