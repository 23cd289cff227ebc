"""Messages per second from ZeroMQ to committed rows, beside a bare hub.

Starts two kinds of real `fedmsg-hub` in turn: one with statscache and its default statistics on
SQLite, one whose only consumer does nothing. Each is sent the same messages as fast as ZeroMQ
takes them, several times over. Prints rates, CPU microseconds a message, their ratios pair by
pair, and the memory of the statscache hub at rest and at its highest.

    python benchmarks/live.py [--messages 50000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import zmq

from statscache.demo import traffic

BARE = """
from fedmsg.consumers import FedmsgConsumer

class Bare(FedmsgConsumer):
    topic = ""
    config_key = "bare.enabled"
    seen = 0

    def consume(self, message):
        Bare.seen += 1
        if Bare.seen % 500 == 0 or self.incoming.empty():
            with open("seen", "w") as file:
                file.write(str(Bare.seen))
"""


class Run(NamedTuple):
    """One hub, one load: messages per second, and CPU microseconds a message."""

    rate: float
    cpu: float
    rest: float
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pace", type=float, default=0, help="messages a second; 0 is all at once")
    arguments = parser.parse_args()
    frames = made(arguments.messages)
    print(f"{machine()}; {len(frames):,} messages of {mean_size(frames):.0f} bytes")
    pairs = []
    for number in range(arguments.rounds):
        ours, bare = (measure(kind, frames, arguments.pace) for kind in ("statscache", "bare"))
        pairs.append((ours, bare))
        print(f"round {number + 1}: statscache {told(ours)}; bare hub {told(bare)}")
    report(pairs)


def report(pairs: list[tuple[Run, Run]]) -> None:
    def median(of: Callable[[tuple[Run, Run]], float]) -> float:
        return statistics.median(of(pair) for pair in pairs)

    print(f"rate, statscache to bare hub: {median(lambda p: p[0].rate / p[1].rate):.2f}")
    ours, bare = median(lambda p: p[0].cpu), median(lambda p: p[1].cpu)
    rest, peak = median(lambda p: p[0].rest), median(lambda p: p[0].peak)
    print(f"CPU a message: {ours:.0f} us, bare {bare:.0f}")
    print(f"memory of the statscache hub: at rest {rest:.0f} MB, highest {peak:.0f} MB")


def told(run: Run) -> str:
    return f"{run.rate:,.0f}/s, {run.cpu:.0f} us CPU, {run.rest:.0f} to {run.peak:.0f} MB"


def made(count: int) -> list[tuple[bytes, bytes]]:
    """Topic and body of `count` messages of the demo's traffic, stamped in the last hours."""
    now = time.time()
    arrivals = traffic.messages(now - count / 10, now, rate=25, seed=7)
    found = [arrival.message for _, arrival in zip(range(count), arrivals, strict=False)]
    found = [message for message in found if "timestamp" in message]
    return [(m["topic"].encode(), json.dumps(m).encode()) for m in found]


def measure(kind: str, frames: list[tuple[bytes, bytes]], pace: float) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="statscache-bench-"))
    done = counted if kind == "statscache" else seen
    try:
        with publisher() as (bus, port), hub(folder, kind, port) as process:
            warm_up(bus, folder, done)
            goal = target(frames) if kind == "statscache" else done(folder) + len(frames)
            rest, before, begun = process.memory_info().rss, cpu(process), time.perf_counter()
            send(bus, frames, pace)
            peak = wait(folder, done, goal, process)
            seconds = time.perf_counter() - begun
            if kind == "statscache":
                wait(folder, counted_by_all, goal, process)
            spent = cpu(process) - before
            return Run(len(frames) / seconds, spent / len(frames) * 1e6, rest / 1e6, peak / 1e6)
    finally:
        shutil.rmtree(folder)


def target(frames: list[tuple[bytes, bytes]]) -> int:
    """How many messages will be counted, with the first: each id once."""
    return 1 + len({identity(json.loads(body)) for _, body in frames})


def identity(message: dict[str, object]) -> str:
    """What the journal knows a message by."""
    if not message.get("msg_id"):
        return json.dumps([message[name] for name in ("topic", "timestamp", "msg")], sort_keys=True)
    head, _, tail = str(message["msg_id"]).partition("-")
    return tail if head.isdigit() and len(head) == 4 else str(message["msg_id"])


def counted(folder: Path) -> int:
    """What the one-second statistic has counted."""
    return asked(folder, "SELECT counted FROM statscache_checkpoint WHERE ident = 'volume-1s'")


def counted_by_all(folder: Path) -> int:
    """What every statistic has gone through: those of a minute and more have a turn a minute."""
    return asked(folder, "SELECT min(position) FROM statscache_checkpoint")


def asked(folder: Path, query: str) -> int:
    try:
        with sqlite3.connect(folder / "statscache.sqlite", timeout=10) as database:
            return int((database.execute(query).fetchone() or [0])[0] or 0)
    except sqlite3.OperationalError:
        return 0


def seen(folder: Path) -> int:
    try:
        return int((folder / "seen").read_text() or 0)
    except FileNotFoundError:
        return 0


def send(bus: zmq.Socket[bytes], frames: list[tuple[bytes, bytes]], pace: float) -> None:
    begun, together = time.perf_counter(), max(1, int(pace / 20))
    for number, frame in enumerate(frames):
        bus.send_multipart(frame)
        if pace and number % together == 0:
            time.sleep(max(0, begun + number / pace - time.perf_counter()))


def warm_up(bus: zmq.Socket[bytes], folder: Path, done: Callable[[Path], int]) -> None:
    """Send one message again and again until the hub has counted it."""
    for _ in range(600):
        bus.send_multipart((b"a.b.c.warm", b'{"topic": "a.b.c.warm", "msg": {}, "msg_id": "warm"}'))
        time.sleep(0.1)
        if done(folder):
            time.sleep(1)
            return
    raise SystemExit(f"the hub heard nothing within a minute:\n{(folder / 'log').read_text()}")


def wait(folder: Path, done: Callable[[Path], int], goal: int, process: psutil.Process) -> float:
    """Wait until `goal` messages are done; the highest memory seen meanwhile, in bytes."""
    peak = 0.0
    for _ in range(12_000):
        peak = max(peak, process.memory_info().rss)
        if done(folder) >= goal:
            return peak
        time.sleep(0.05)
    raise SystemExit(f"only {done(folder)} of {goal} were done within ten minutes")


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def publisher() -> Iterator[tuple[zmq.Socket[bytes], int]]:
    context = zmq.Context()
    bus = context.socket(zmq.PUB)
    bus.set_hwm(0)
    bus.linger = 0
    port = bus.bind_to_random_port("tcp://127.0.0.1")
    yield bus, port
    bus.close()
    context.term()


@contextmanager
def hub(
    folder: Path, kind: str, port: int, more: dict[str, object] | None = None
) -> Iterator[psutil.Process]:
    """A running hub; `more` settings come on top of those of the bench."""
    (folder / "fedmsg.d").mkdir()
    (folder / "bare.py").write_text(BARE)
    settings = {
        "zmq_enabled": True,
        "zmq_publish_endpoints": "tcp://127.0.0.1:*",
        "endpoints": {"bench": [f"tcp://127.0.0.1:{port}"]},
        "validate_signatures": False,
        "bare.enabled": True,
        "statscache.consumer.enabled": True,
        "statscache.journal.path": str(folder / "journal.sqlite"),
        "statscache.sqlalchemy.uri": f"sqlite:///{folder / 'statscache.sqlite'}",
        **(more or {}),
    }
    (folder / "fedmsg.d" / "bench.py").write_text(f"config = {settings!r}\n")
    command = [sys.executable, "-c", "from fedmsg.commands.hub import hub; hub()"]
    if kind == "bare":
        command.append("--with-consumers=bare:Bare")
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(folder)}
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()


def mean_size(frames: list[tuple[bytes, bytes]]) -> float:
    return statistics.fmean(len(body) for _, body in frames)


def machine() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} cores, {socket.gethostname()}, Python {version}"


if __name__ == "__main__":
    main()
