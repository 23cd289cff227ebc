"""How fast a gap is filled: messages per second from the archive to the journal, and to the rows.

A stand-in for datagrepper, a process of its own, holds the demo's traffic. A daemon with the
default statistics on SQLite was down all that time: it reads, and counts beside that. The bare
client, which only reads, is the floor.

    python benchmarks/gap.py [--messages 200000] [--pace 500] [--rounds 3]
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from live import machine

from statscache import registry
from statscache.config import Config
from statscache.demo import traffic
from statscache.engine import Engine
from statscache.history import Datagrepper
from statscache.journal import Journal
from statscache.store import Store, owed

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
stand_in = importlib.import_module("datagrepper")

BEGIN = 1_767_225_600
"""2026-01-01 00:00:00 UTC."""

KINDS = 2_000
OVERLAP = 60
TICK = 0.2


class Run(NamedTuple):
    """Messages per second: by the client alone, until in the journal, until counted."""

    bare: float
    journal: float
    counted: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--pace", type=int, default=500, help="messages a second of message time")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    seconds = arguments.messages // arguments.pace
    print(f"{machine()}; {arguments.messages:,} messages, {arguments.pace} a second")
    with archive(arguments.messages, arguments.pace) as url:
        runs = [measure(url, seconds) for _ in range(arguments.rounds)]
    for number, run in enumerate(runs, 1):
        print(f"round {number}: {told(run)}")
    print(f"medians: {told(Run(*map(statistics.median, zip(*runs, strict=True))))}")


def told(run: Run) -> str:
    return (
        f"read {run.bare:,.0f}/s, into the journal {run.journal:,.0f}/s, "
        f"counted {run.counted:,.0f}/s"
    )


def made(count: int, pace: int) -> Iterator[dict[str, Any]]:
    """So many messages of the demo's kinds, so many in each second."""
    arrivals = traffic.messages(BEGIN - KINDS, BEGIN, rate=2, seed=8)
    kinds = [arrival.message for arrival in islice(arrivals, KINDS)]
    for number in range(count):
        yield {
            **kinds[number % KINDS],
            "msg_id": f"2026-{UUID(int=number)}",
            "timestamp": BEGIN + number / pace,
        }


@contextmanager
def archive(count: int, pace: int) -> Iterator[str]:
    """A datagrepper in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=serve, args=(count, pace, its), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()


def serve(count: int, pace: int, pipe: Connection) -> None:
    held = stand_in.Archive(made(count, pace))
    with stand_in.Datagrepper(held, restless=False) as serving:
        pipe.send(serving.url)
        time.sleep(100_000)


def measure(url: str, seconds: int) -> Run:
    bare, messages = timed(lambda: read(Datagrepper(url), seconds))
    with tempfile.TemporaryDirectory(prefix="statscache-") as folder:
        engine = ready(Path(folder), url, seconds)
        try:
            journal, counted = fill(engine, messages, BEGIN + seconds + 2 * OVERLAP)
        finally:
            engine.stop(time.time())
    return Run(messages / bare, messages / journal, messages / counted)


def timed(work: Callable[[], int]) -> tuple[float, int]:
    """Seconds, and what it gave."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def read(history: Datagrepper, seconds: int) -> int:
    windows = history.windows(BEGIN - OVERLAP, BEGIN + seconds + OVERLAP)
    return sum(len(window.messages) for window in windows)


def ready(folder: Path, url: str, seconds: int) -> Engine:
    """A daemon that listened until the first message, and again after the last one."""
    config = Config(
        {
            "statscache.sqlalchemy.uri": f"sqlite:///{folder}/statscache.sqlite",
            "statscache.journal.path": folder / "journal.sqlite",
            "statscache.datagrepper.overlap": OVERLAP,
            "statscache.datagrepper.backlog": 0,
        }
    )
    installed = registry.load(config)
    for history in (None, Datagrepper(url)):
        store = Store(config["statscache.sqlalchemy.uri"], len(installed.enabled) + 4)
        journal = Journal(config["statscache.journal.path"])
        engine = Engine(config, installed, store, journal, history)
        if history is None:
            engine.start(BEGIN - OVERLAP)
            engine.stop(BEGIN)
    engine.start(BEGIN + seconds)
    return engine


def fill(engine: Engine, messages: int, now: float) -> tuple[float, float]:
    """Seconds until all is in the journal, and until all is counted."""
    began, journal = time.perf_counter(), 0.0
    while True:
        for period in (60, 5, 1):
            engine.turn(period, now)
        passed = time.perf_counter() - began
        with engine.store.reading() as connection:
            standing = owed.still(connection)
        journal = journal or (passed if engine.journal.end() >= messages else 0.0)
        if journal and not standing:
            return journal, passed
        time.sleep(TICK)
        now += TICK


if __name__ == "__main__":
    main()
