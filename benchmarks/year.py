"""What a year of traffic takes in the database: rows and bytes a table, with default settings.

Counts some days of the demo's traffic through a real engine on SQLite, then reckons for each table
what it holds when its retention is reached (or after a year, where rows are kept for ever): the
rows of a day, times the days they are kept.

    python benchmarks/year.py [--days 3] [--rate 3]
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import tempfile
import time
from pathlib import Path

from statscache import service
from statscache.config import DAY, Config
from statscache.demo import traffic
from statscache.engine import Engine
from statscache.models.count import table_name

YEAR = 365
CHUNK = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--rate", type=float, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "statscache.sqlite"
        config = Config(
            {
                "statscache.journal.path": Path(folder) / "journal.sqlite",
                "statscache.sqlalchemy.uri": f"sqlite:///{path}",
            }
        )
        engine = service.build(config)
        begun = time.perf_counter()
        count = fill(engine, arguments.days, arguments.rate)
        seconds = time.perf_counter() - begun
        print(f"{count:,} messages of {arguments.days} days, {count / seconds:,.0f} a second")
        report(engine, path, arguments.days)
        engine.stop(time.time())


def fill(engine: Engine, days: int, rate: float) -> int:
    """Count the traffic of `days` days, up to now; how many messages that were."""
    now = time.time()
    engine.start(now)
    count = 0
    arrivals = traffic.messages(now - days * DAY, now, rate=rate, seed=1)
    while chunk := list(itertools.islice(arrivals, CHUNK)):
        for arrival in chunk:
            engine.accept(arrival.message, now, more=True)
        if not engine.drain(now):
            raise SystemExit("counting took longer than a minute")
        count += len(chunk)
    return count


def report(engine: Engine, path: Path, days: int) -> None:
    heads = ("kept", "rows a day", "bytes a row", "rows", "MB")
    print(f"{'statistic':24} {'{:>8} {:>12} {:>12} {:>12} {:>8}'.format(*heads)}")
    total = 0.0
    with sqlite3.connect(path) as database:
        for ident in sorted(engine.registry.enabled):
            rows, size = measure(database, table_name(ident))
            kept = engine.config.retention(ident)
            kept_days = YEAR if kept is None else kept / DAY
            whole = rows / days * kept_days
            megabytes = whole * size / max(rows, 1) / 1e6
            total += megabytes
            shown = "for ever" if kept is None else f"{kept_days:.0f} d"
            print(
                f"{ident:24} {shown:>8} {rows / days:12,.0f} {size / max(rows, 1):12.0f} "
                f"{whole:12,.0f} {megabytes:8,.1f}"
            )
    print(f"in all {total:,.0f} MB; statistics kept for ever are reckoned for a year")


def measure(database: sqlite3.Connection, table: str) -> tuple[int, int]:
    """Rows of `table`, and the bytes of the pages that it and its indexes take."""
    rows = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    size = database.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name IN "
        "(SELECT name FROM sqlite_master WHERE tbl_name = ?)",
        (table,),
    ).fetchone()[0]
    return rows, size


if __name__ == "__main__":
    main()
