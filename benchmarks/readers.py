"""What live readers cost, and how soon they hear of a commit.

A real `fedmsg-hub` with the default statistics on SQLite counts messages all the while, and
`statscache serve` holds readers in every other window of time: half of them listen to the rows of
one statistic, half to which statistics change. Compares the processor time of the hub with readers
and without, pair by pair. One more reader stops reading, and has to be dropped.

    python benchmarks/readers.py [--readers 500] [--rate 100] [--seconds 60] [--rounds 3]
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import resource
import selectors
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import psutil
from live import counted, cpu, hub, machine, made, publisher, send, warm_up

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
connect = importlib.import_module("web.live.listening").connect

IDENT = "volume-1s"
PATHS = (f"/api/{IDENT}/events", "/api/events")
TOLD = re.compile(rb'"(?:revision|%b)":(\d+)' % IDENT.encode())
SETTLE_SECONDS = 5
PATIENCE_SECONDS = 180


class Window(NamedTuple):
    """Shares of a core, and megabytes of the web process at the end."""

    hub: float
    web: float
    memory: float

    def __str__(self) -> str:
        return f"hub {self.hub:.2%}, web {self.web:.2%} and {self.memory:.0f} MB"


class Crowd:
    """Many readers, and when each revision of `IDENT` reached them."""

    def __init__(self, port: int, number: int) -> None:
        self.sockets = [connect(port, PATHS[one % len(PATHS)]) for one in range(number)]
        self.arrivals: dict[int, list[float]] = {}
        self._waiting = selectors.DefaultSelector()
        self._unfinished: dict[socket.socket, bytes] = dict.fromkeys(self.sockets, b"")
        for one in self.sockets:
            self._waiting.register(one, selectors.EVENT_READ)

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._waiting.select(left):
                if isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)

    def _hear(self, one: socket.socket) -> None:
        part = one.recv(1 << 16)
        if not part:
            raise SystemExit("a reader that reads was hung up on")
        *lines, self._unfinished[one] = (self._unfinished[one] + part).split(b"\n")
        for line in lines:
            if found := TOLD.search(line):
                self.arrivals.setdefault(int(found[1]), []).append(time.time())

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=500)
    parser.add_argument("--rate", type=int, default=100, help="messages a second")
    parser.add_argument("--seconds", type=int, default=60, help="of a window")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {arguments}")
    folder = Path(tempfile.mkdtemp(prefix="statscache-bench-"))
    try:
        run(folder, arguments)
    finally:
        shutil.rmtree(folder)


def run(folder: Path, arguments: argparse.Namespace) -> None:
    seconds = 2 * arguments.rounds * (arguments.seconds + SETTLE_SECONDS) + PATIENCE_SECONDS
    over = threading.Event()
    frames = takewhile(lambda _: not over.is_set(), made(seconds * arguments.rate))
    with publisher() as (bus, port), hub(folder, "statscache", port) as daemon:
        warm_up(bus, folder, counted)
        sender = threading.Thread(target=send, args=(bus, frames, arguments.rate))
        sender.start()
        try:
            with serving(folder) as (web, address):
                compare(folder, daemon, web, address, arguments)
                print(f"one that does not read is dropped after {dropped(address):.0f} s")
        finally:
            over.set()
            sender.join()


def compare(
    folder: Path,
    daemon: psutil.Process,
    web: psutil.Process,
    port: int,
    arguments: argparse.Namespace,
) -> None:
    pairs, delays = [], list[float]()
    for number in range(arguments.rounds):
        alone = window(daemon, web, arguments.seconds, None)
        with closing(Crowd(port, arguments.readers)) as crowd:
            held = window(daemon, web, arguments.seconds, crowd)
        pairs.append((alone, held))
        delays += late(folder, crowd)
        print(f"round {number + 1}: alone {alone}; with readers {held}", flush=True)
    report(pairs, delays)


def window(
    daemon: psutil.Process, web: psutil.Process, seconds: float, crowd: Crowd | None
) -> Window:
    """What the two processes take while the crowd listens."""
    wait = crowd.listen if crowd else time.sleep
    wait(SETTLE_SECONDS)
    before, begun = (cpu(daemon), cpu(web)), time.monotonic()
    wait(seconds)
    took = time.monotonic() - begun
    spent = (cpu(daemon) - before[0], cpu(web) - before[1])
    return Window(spent[0] / took, spent[1] / took, web.memory_info().rss / 1e6)


def late(folder: Path, crowd: Crowd) -> list[float]:
    """For each commit that all heard of, the seconds until the last of them did.

    They begin with the turn in which the hub counted it, and end with the event that tells of it or
    of a later one.
    """
    query = "SELECT revision, max(at) FROM statscache_change WHERE ident = ? GROUP BY 1 ORDER BY 1"
    with closing(sqlite3.connect(folder / "statscache.sqlite", timeout=10)) as database:
        commits = database.execute(query, (IDENT,)).fetchall()
    all_heard = {
        revision: max(times)
        for revision, times in crowd.arrivals.items()
        if len(times) == len(crowd.sockets)
    }
    told = sorted(all_heard)
    if not told:
        raise SystemExit("there was no event that everybody heard")
    return [
        all_heard[told[bisect_left(told, revision)]] - at
        for revision, at in commits
        if told[0] < revision <= told[-1]
    ]


def report(pairs: list[tuple[Window, Window]], delays: list[float]) -> None:
    median = statistics.median
    print(f"hub, with readers to alone: {median(two.hub / one.hub for one, two in pairs):.3f}")
    for name in ("hub", "web"):
        alone, held = (
            median(getattr(each, name) for each in one) for one in zip(*pairs, strict=True)
        )
        print(f"{name}: {alone:.1%} of a core alone, {held:.1%} with readers")
    print(f"web memory: {pairs[0][0].memory:.0f} MB, {max(two.memory for _, two in pairs):.0f} MB")
    most = statistics.quantiles(delays, n=100)[-1]
    print(f"{len(delays)} commits, to the last reader: {median(delays):.2f} s, 99 % {most:.2f} s")


def dropped(port: int) -> float:
    """Seconds until a reader that takes nothing has lost its place."""
    begun = time.monotonic()
    with closing(connect(port, PATHS[0], receive=4096)):
        _wait_for(port, 1)
        _wait_for(port, 0)
        return time.monotonic() - begun


def _wait_for(port: int, readers: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            if b"\nstatscache_live_readers %d.0" % readers in answer.read():
                return
        time.sleep(1)
    raise SystemExit(f"there never were {readers} readers")


@contextmanager
def serving(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """The web over the database of the hub, and its port."""
    command = [str(Path(sys.executable).parent / "statscache"), "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            yield psutil.Process(child.pid), int(re.findall(r"\d+", child.stdout.readline())[-1])
        finally:
            child.terminate()


if __name__ == "__main__":
    main()
