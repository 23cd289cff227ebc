"""An hour of 500 messages a second through a real hub: is everything counted, is anything growing?

Sends messages of the demo's kinds, stamped as they are sent, with some late and some again, to a
`fedmsg-hub` with statscache that remembers ids for five minutes. Looks every ten seconds at the
memory of the hub, the size of the journal and the lag of the statistics. In the end, every row of
the volume tables is compared with what was sent.

    python benchmarks/load.py [--minutes 60] [--rate 500] [--uri postgresql://...]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import psutil
import sqlalchemy as sa
from live import hub, machine, publisher, warm_up

from statscache.demo import traffic
from statscache.store import Store

HORIZON = 300
AGAIN, LATE = 0.05, 0.05
AGAIN_WITHIN, LATE_BY = 240, 6 * 3_600
LOOK_EVERY = 10
KINDS = 5_000
SECONDS = {"1s": 1, "5s": 5, "1m": 60, "1h": 3_600, "1d": 86_400}
TABLES = (
    *(("volume", length) for length in SECONDS),
    *(("volume-by-category", length) for length in ("1m", "1h", "1d")),
    *(("volume-by-topic", length) for length in ("1h", "1d")),
)

Message = dict[str, Any]


class Look(NamedTuple):
    """Megabytes of memory and journal, and seconds since which all arrivals were counted."""

    at: float
    memory: float
    journal: float
    lag_second: float
    lag_minute: float


class Expected:
    """What each table has to hold."""

    def __init__(self) -> None:
        self.sent = 0
        self.messages = 0
        self.rows: dict[str, Counter[tuple[Any, ...]]] = {f"{n}-{t}": Counter() for n, t in TABLES}

    def add(self, message: Message) -> None:
        self.messages += 1
        keys = {
            "volume": (),
            "volume-by-category": (message["topic"].split(".")[3],),
            "volume-by-topic": (message["topic"],),
        }
        for name, length in TABLES:
            start = message["timestamp"] // SECONDS[length] * SECONDS[length]
            self.rows[f"{name}-{length}"][start, *keys[name]] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=500, help="messages a second")
    parser.add_argument("--uri", help="an empty database; SQLite in a new folder by default")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="statscache-load-"))
    uri = arguments.uri or f"sqlite:///{folder / 'statscache.sqlite'}"
    print(
        f"{machine()}; {arguments.rate:.0f} messages a second for {arguments.minutes:.0f} minutes"
    )
    settings = {
        "statscache.sqlalchemy.uri": uri,
        "statscache.journal.dedupe_horizon": HORIZON,
    }
    differences = 1
    try:
        with publisher() as (bus, port), hub(folder, "statscache", port, settings) as process:
            differences = load(bus, folder, uri, process, arguments)
    finally:
        if differences:
            print(f"look at what is left in {folder}")
        else:
            shutil.rmtree(folder)
    sys.exit(bool(differences))


def load(
    bus: Any, folder: Path, uri: str, process: psutil.Process, arguments: argparse.Namespace
) -> int:
    """Send everything, look meanwhile, and compare; the number of rows that differ."""
    store = Store(uri)
    warm_up(bus, folder, lambda _: counted(store))
    expected, looks, ended = Expected(), list[Look](), threading.Event()
    watcher = threading.Thread(target=watch, args=(folder, store, process, looks, ended))
    watcher.start()
    begun = time.time()
    try:
        send(bus, expected, begun, arguments)
        took = time.time() - begun
        wait(store, expected.messages + 1)
    finally:
        ended.set()
        watcher.join()
    print(
        f"sent {expected.sent:,} in {took:,.0f} s, of them {expected.messages:,} for the first time"
    )
    report(looks, begun)
    return compare(store, expected)


def send(bus: Any, expected: Expected, begun: float, arguments: argparse.Namespace) -> None:
    made = messages(begun, expected)
    total = int(arguments.rate * 60 * arguments.minutes)
    for number in range(total):
        if number % 50 == 0:
            time.sleep(max(0, begun + number / arguments.rate - time.time()))
        message = next(made)
        bus.send_multipart((message["topic"].encode(), json.dumps(message).encode()))
    expected.sent = total


def messages(begun: float, expected: Expected) -> Iterator[Message]:
    """Messages stamped now, without an end: some late, some that were sent a short while ago."""
    random = Random(8)
    arrivals = islice(traffic.messages(begun - KINDS, begun, rate=2, seed=8), KINDS)
    topics = (arrival.message for arrival in arrivals if "topic" in arrival.message)
    kinds = [message for message in topics if is_usual(message["topic"])]
    recent: deque[Message] = deque()
    while True:
        now = time.time()
        while recent and recent[0]["sent"] < now - AGAIN_WITHIN:
            recent.popleft()
        if recent and random.random() < AGAIN:
            yield {**random.choice(recent), "i": 2}
            continue
        late = random.uniform(0, LATE_BY) if random.random() < LATE else 0
        name = f"2026-{UUID(int=random.getrandbits(128), version=4)}"
        new = {"msg_id": name, "timestamp": int(now - late), "sent": now}
        message = {**random.choice(kinds), **new}
        recent.append(message)
        expected.add(message)
        yield message


def is_usual(topic: str) -> bool:
    """Whether it has a category; the demo invents some that are broken."""
    parts = topic.split(".")
    return len(parts) > 4 and all(parts)


def watch(
    folder: Path, store: Store, process: psutil.Process, looks: list[Look], ended: threading.Event
) -> None:
    """Look every ten seconds, and print a line a minute."""
    while not ended.wait(LOOK_EVERY):
        now = time.time()
        files = sum(path.stat().st_size for path in folder.glob("journal.sqlite*"))
        until = dict(asked(store, "SELECT ident, complete_until FROM statscache_checkpoint"))
        second, minute = now - until["volume-1s"], now - min(until.values())
        looks.append(Look(now, process.memory_info().rss / 1e6, files / 1e6, second, minute))
        if len(looks) % 6 == 0:
            print(told(looks[-6:]), flush=True)


def told(looks: list[Look]) -> str:
    def middle(name: str) -> str:
        values = [getattr(look, name) for look in looks]
        return f"{statistics.median(values):,.1f} (at most {max(values):,.1f})"

    return (
        f"memory {middle('memory')} MB, journal {middle('journal')} MB, "
        f"lag {middle('lag_second')} s, of all {middle('lag_minute')} s"
    )


def report(looks: list[Look], begun: float) -> None:
    for part in range(0, 600):
        within = [look for look in looks if part * 600 <= look.at - begun < (part + 1) * 600]
        if not within:
            return
        print(f"minutes {part * 10} to {part * 10 + 10}: {told(within)}")


def wait(store: Store, goal: int) -> None:
    """Until every statistic has counted `goal` messages; those of a minute have a turn a minute."""
    end = time.monotonic() + 180
    while (least := counted(store)) < goal and time.monotonic() < end:
        time.sleep(1)
    print(f"every statistic has counted {least:,} of {goal:,}")


def counted(store: Store) -> int:
    """How many messages the statistic that is last has counted."""
    try:
        return int(asked(store, "SELECT min(counted) FROM statscache_checkpoint")[0][0] or 0)
    except sa.exc.DBAPIError:
        return 0


def compare(store: Store, expected: Expected) -> int:
    """How many rows differ; the message that warmed up has a topic of its own, and no time."""
    differences = rows = 0
    for ident, wanted in expected.rows.items():
        found: Counter[tuple[Any, ...]] = Counter()
        for row in asked(store, f"SELECT * FROM stat_{ident.replace('-', '_')}"):
            values = row._mapping
            key = [values[name] for name in ("category", "topic") if name in values]
            found[epoch(values["timestamp"]), *key] += values["volume"]
        rows += len(wanted)
        different = {key for key in found.keys() | wanted.keys() if found[key] != wanted[key]}
        warm = sum(found[key] - wanted[key] for key in different)
        differences += len(different) - (warm == 1)
    print(f"{rows:,} rows compared, {differences} differ")
    return differences


def epoch(time: float | datetime) -> float:
    return time.replace(tzinfo=UTC).timestamp() if isinstance(time, datetime) else time


def asked(store: Store, query: str) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(sa.text(query)))


if __name__ == "__main__":
    main()
