"""Messages per second of `statscache replay`, beside a bare loop and beside bytewax.

Makes a file of the demo's traffic. Then, in turn and each in a process of its own: the command
counts it into the statistics of volume that run by default and the audit, on SQLite, in a new
folder; a loop decodes the lines and counts the same in dictionaries; bytewax, where it is
installed, counts the same in windows, with one worker. All three have to come to the same rows.
Beside them, the command counts the file into all statistics that run by default.

    python benchmarks/replay.py [--messages 1000000] [--rounds 3] [--bytewax venv/bin/python]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from live import machine

from statscache.demo import traffic
from statscache.message import message_id, usable_time
from statscache.plugins import packages, topic_parts

try:
    import bytewax.operators as op
    from bytewax.connectors.files import FileSource
    from bytewax.dataflow import Dataflow
    from bytewax.operators import windowing
    from bytewax.testing import TestingSink, run_main
except ImportError:
    op = None

SECONDS = {"1s": 1, "5s": 5, "1m": 60, "1h": 3_600, "1d": 86_400}
LENGTHS = {
    "volume": ("1s", "5s", "1m", "1h", "1d"),
    "volume-by-category": ("1m", "1h", "1d"),
    "volume-by-topic": ("1h", "1d"),
    "volume-by-package": ("1h", "1d"),
}
"""The statistics of volume that run by default; `audit-1m` comes to them."""

AUDIT = "audit-1m"
COMPARED = [f"{name}-{length}" for name, lengths in LENGTHS.items() for length in lengths] + [AUDIT]
DEFAULT = ["*"]
LATE = 60
LATEST = timedelta(hours=6)
"""How late a message may be for bytewax, which leaves out what is later; the demo's never are."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Message = dict[str, Any]
Rows = dict[tuple[Any, ...], Any]
"""Ident, start of the window in epoch seconds and keys of each row, and what it has counted."""


class Run(NamedTuple):
    """How long it took, and what tells its rows from others."""

    seconds: float
    rows: int
    mark: str


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytewax", default=sys.executable, help="a Python that has bytewax")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.file)))
        return
    with tempfile.TemporaryDirectory(prefix="statscache-bench-") as folder:
        compare(Path(folder), arguments)


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    path = folder / "messages.jsonl"
    record(path, arguments.messages)
    size = path.stat().st_size / arguments.messages
    print(f"{machine()}, {versions()}; {arguments.messages:,} messages of {size:.0f} bytes")
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    everything: list[float] = []
    for number in range(arguments.rounds):
        print(f"round {number + 1}:", end="", flush=True)
        for part in ("statscache", *PARTS):
            python = arguments.bytewax if part == "bytewax" else sys.executable
            if found := replayed(path) if part == "statscache" else run(python, part, path):
                runs[part].append(found)
                rate = arguments.messages / found.seconds
                print(f" {part} {rate:,.0f}/s", end="", flush=True)
        everything.append(arguments.messages / replayed(path, DEFAULT).seconds)
        print(f" all defaults {everything[-1]:,.0f}/s")
    print(f"all defaults: {statistics.median(everything):,.0f} messages a second")
    report(runs, arguments.messages)


def report(runs: dict[str, list[Run]], messages: int) -> None:
    for part, each in runs.items():
        ratio = statistics.median(
            one.seconds / ours.seconds for one, ours in zip(each, runs["statscache"], strict=True)
        )
        rate = messages / statistics.median(one.seconds for one in each)
        print(f"{part}: {rate:,.0f} messages a second, statscache to it {ratio:.2f}")
    marks = {(one.rows, one.mark) for each in runs.values() for one in each}
    print(f"{max(marks)[0]:,} rows, {'the same for all' if len(marks) == 1 else 'THEY DIFFER'}")
    sys.exit(len(marks) != 1)


def record(path: Path, count: int) -> None:
    """Write `count` messages at Fedora's pace, of the last days."""
    stop = time.time() // 3_600 * 3_600 - 3_600
    arrivals = traffic.messages(stop - count / 2, stop, rate=3, seed=7)
    with path.open("wb") as file:
        for arrival in islice(arrivals, count):
            file.write(orjson.dumps(arrival.message) + b"\n")


def run(python: str, part: str, path: Path) -> Run | None:
    """Have another process do `part`; None where bytewax is not installed."""
    command = [python, __file__, "--part", part, "--file", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    return Run(*found) if found else None


def replayed(path: Path, enabled: list[str] = COMPARED) -> Run:
    """Let the command count the file into the statistics named, in a new folder."""
    folder = Path(tempfile.mkdtemp(prefix="statscache-bench-"))
    try:
        (folder / "fedmsg.d").mkdir()
        settings = {
            "endpoints": {},
            "statscache.journal.path": str(folder / "journal.sqlite"),
            "statscache.sqlalchemy.uri": f"sqlite:///{folder / 'statscache.sqlite'}",
            "statscache.plugins.enabled": enabled,
        }
        (folder / "fedmsg.d" / "bench.py").write_text(f"config = {settings!r}\n")
        command = [str(Path(sys.executable).parent / "statscache"), "replay", str(path)]
        environment = {**os.environ, "HOME": str(folder)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        took = re.search(r"in ([\d,.]+) s", done.stdout)
        if not took or "all are counted" not in done.stdout:
            raise SystemExit(f"the command failed:\n{done.stdout}{done.stderr}")
        return told(float(took[1].replace(",", "")), stored(folder / "statscache.sqlite"))
    finally:
        shutil.rmtree(folder)


def stored(path: Path) -> Rows:
    """The rows of the database in the form of the others."""
    rows: Rows = {}
    with sqlite3.connect(path) as database:
        for name, lengths in LENGTHS.items():
            by = name.partition("-by-")[2]
            for length in lengths:
                table = f"stat_{name}_{length}".replace("-", "_")
                columns = ", ".join(filter(None, ["timestamp", by, "volume"]))
                for start, *key, count in database.execute(f"SELECT {columns} FROM {table}"):
                    rows[f"{name}-{length}", int(start), *key] = count
        columns = "timestamp, volume, late, fingerprint_1, fingerprint_2"
        for start, *sums in database.execute(f"SELECT {columns} FROM stat_audit_1m"):
            rows[AUDIT, int(start)] = sums
    return rows


def told(seconds: float, rows: Rows) -> Run:
    lines = sorted(json.dumps([*key, value]) for key, value in rows.items())
    return Run(seconds, len(lines), sha256("\n".join(lines).encode()).hexdigest())


def bare(path: Path) -> Run:
    """Decode the lines, and count in dictionaries."""
    begun, now = time.perf_counter(), time.time()
    known: set[str] = set()
    volume, category, topic, package = (
        [(SECONDS[length], Counter[Any]()) for length in lengths] for lengths in LENGTHS.values()
    )
    audit: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    with path.open("rb") as file:
        for message in map(orjson.loads, file):
            stamp = usable_time(message.get("timestamp"))
            name = message_id(message, stamp)
            if stamp is None or name in known:
                continue
            known.add(name)
            time_of = int(stamp)
            for length, counts in volume:
                counts[time_of // length * length] += 1
            for length, counts in category:
                counts[time_of // length * length, topic_parts(message).category] += 1
            for length, counts in topic:
                counts[time_of // length * length, message["topic"]] += 1
            names = packages(message)
            for length, counts in package:
                for one in names:
                    counts[time_of // length * length, one] += 1
            add(audit[time_of // 60 * 60], name, now - stamp)
    seconds = time.perf_counter() - begun
    rows: Rows = {(AUDIT, start): sums for start, sums in audit.items()}
    counted = zip(LENGTHS.items(), (volume, category, topic, package), strict=True)
    for (ident, lengths), tables in counted:
        for length, (_, counts) in zip(lengths, tables, strict=True):
            for key, number in counts.items():
                rows[f"{ident}-{length}", *(key if isinstance(key, tuple) else (key,))] = number
    return told(seconds, rows)


def add(sums: list[int], name: str, age: float) -> list[int]:
    """Add a message to a row of the audit."""
    digest = sha256(name.encode()).digest()
    sums[0] += 1
    sums[1] += age > LATE
    sums[2] += int.from_bytes(digest[:4], "big")
    sums[3] += int.from_bytes(digest[4:8], "big")
    return sums


def windows(path: Path) -> Run | None:
    """The same as a dataflow of bytewax: a count for each statistic and key, and a fold."""
    if op is None:
        return None
    now, known = time.time(), set[str]()

    def new(line: str) -> Message | None:
        message: Message = orjson.loads(line)
        stamp = usable_time(message.get("timestamp"))
        name = message_id(message, stamp)
        if stamp is None or name in known:
            return None
        known.add(name)
        message["time"], message["name"] = EPOCH + timedelta(seconds=stamp), name
        return message

    flow = Dataflow("statistics")
    messages = op.filter_map("new", op.input("file", flow, FileSource(path, 1_000)), new)
    clock = windowing.EventClock(lambda one: one["time"], LATEST)
    found: dict[str, list[Any]] = {}
    keyed = {
        "volume": op.key_on("all", messages, lambda _: ""),
        "volume-by-category": op.key_on("category", messages, lambda m: topic_parts(m).category),
        "volume-by-topic": op.key_on("topic", messages, lambda m: m["topic"]),
        "volume-by-package": op.flat_map(
            "package", messages, lambda m: [(name, m) for name in packages(m)]
        ),
    }

    def keep(ident: str, counted: Any) -> None:
        op.output(f"keep-{ident}", counted, TestingSink(found.setdefault(ident, [])))

    for name, lengths in LENGTHS.items():
        for length in lengths:
            tumbling = windowing.TumblingWindower(timedelta(seconds=SECONDS[length]), EPOCH)
            counted = windowing.fold_window(
                f"{name}-{length}", keyed[name], clock, tumbling, int, one_more, int.__add__
            )
            keep(f"{name}-{length}", counted.down)
    audited = windowing.fold_window(
        AUDIT,
        keyed["volume"],
        clock,
        windowing.TumblingWindower(timedelta(minutes=1), EPOCH),
        lambda: [0, 0, 0, 0],
        lambda sums, m: add(sums, m["name"], now - m["timestamp"]),
        lambda one, other: [a + b for a, b in zip(one, other, strict=True)],
    )
    keep(AUDIT, audited.down)
    begun = time.perf_counter()
    run_main(flow)
    return told(time.perf_counter() - begun, dict(gathered(found)))


def one_more(number: int, _: Message) -> int:
    return number + 1


def gathered(found: dict[str, list[Any]]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The rows of what bytewax gives: key, number of the window since 1970, and sums."""
    for ident, each in found.items():
        length = SECONDS[ident.rpartition("-")[2]]
        for key, (window, sums) in each:
            yield (ident, window * length, *filter(None, [key])), sums


def versions() -> str:
    names = ("statscache", "orjson", "SQLAlchemy")
    found = [f"{name} {version(name)}" for name in names]
    return ", ".join([*found, f"SQLite {sqlite3.sqlite_version}"])


PARTS: dict[str, Callable[[Path], Run | None]] = {"bare": bare, "bytewax": windows}


if __name__ == "__main__":
    main()
