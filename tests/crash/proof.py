"""The long form of the proof: `python tests/crash/proof.py`; see `--help`.

Thousands of daemons are killed, on each kind of database, at every step; some of those who come
after them have to get from history what was missed; and some real hubs. Ends with 1 where a row is
missing, or is too much.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(1, str(Path(__file__).parent.parent))
sys.path.insert(1, str(Path(__file__).parent.parent / "hub"))

import postgres
from databases import new_sqlite, on_postgresql
from fate import PLACES, PLACES_OF_HISTORY, Place
from harness import Bus, Hub
from healing import play_a_long_gap, play_with_gaps
from history import FROM_OUTSIDE, Outcome, Play, play, prove
from killing import kill_again_and_again, rows

GAPS, LONG_GAP = "gaps", "long gap"
SQLITE, POSTGRESQL, HUBS = "SQLite", "PostgreSQL", "real hubs"


class Part(NamedTuple):
    """What was tried on one kind of database, and how long that took."""

    name: str
    outcome: Outcome
    minutes: float


def main() -> int:
    arguments = _arguments()
    with postgres.server() as server, tempfile.TemporaryDirectory() as folder:
        parts = _prove(server, Path(folder), arguments)
        if arguments.hub_kills:
            parts.append(_kill_hubs(server, Path(folder), arguments.hub_kills, arguments.seed))
    print(*_table(parts), sep="\n")
    wrong = [one for part in parts for one in part.outcome.wrong]
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill daemons, and compare what they counted.")
    parser.add_argument("--kills", type=int, default=2_000, help="on each kind of database")
    parser.add_argument("--gap-kills", type=int, default=500, help="and where some is missed")
    parser.add_argument("--long-gap-kills", type=int, default=20, help="and reading a long gap")
    parser.add_argument("--hub-kills", type=int, default=50, help="of real hubs; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    return parser.parse_args()


def _prove(server: str, folder: Path, arguments: argparse.Namespace) -> list[Part]:
    """Both kinds of database, side by side."""
    ways: list[tuple[str, Play, int]] = [
        ("", play, arguments.kills),
        (GAPS, play_with_gaps, arguments.gap_kills),
        (LONG_GAP, partial(play_a_long_gap, arguments.long_gap_kills), arguments.long_gap_kills),
    ]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        running = [
            pool.submit(
                _prove_on, f"{name} {way}".strip(), server, folder, kills, arguments.seed, playing
            )
            for way, playing, kills in ways
            for name in (SQLITE, POSTGRESQL)
        ]
        return [each.result() for each in running]


def _prove_on(name: str, server: str, folder: Path, kills: int, seed: int, playing: Play) -> Part:
    began = time.monotonic()
    (folder / name).mkdir()
    new_database = new_sqlite if name.startswith(SQLITE) else on_postgresql(server)
    outcome = prove(new_database, folder / name, kills, seed, playing)
    return Part(name, outcome, (time.monotonic() - began) / 60)


def _kill_hubs(server: str, folder: Path, kills: int, seed: int) -> Part:
    """One hub with each kind of database, on the same bus."""
    began = time.monotonic()
    wrong, sent, times = (), [], kills // 2
    with _hubs(server, folder) as (bus, hubs):
        try:
            sent, _ = kill_again_and_again(bus, hubs, times, seed)
        except AssertionError as error:
            wrong = (f"{HUBS}, seed {seed}: {error!r}",)
        compared = len(hubs) * rows(sent)
    outcome = Outcome(Counter({FROM_OUTSIDE: 2 * times}), 1, len(sent), compared, wrong)
    return Part(HUBS, outcome, (time.monotonic() - began) / 60)


@contextmanager
def _hubs(server: str, folder: Path) -> Iterator[tuple[Bus, list[Hub]]]:
    bus, hubs = Bus(), []
    sqlite = f"sqlite:///{folder / 'hub.sqlite'}"
    with postgres.new_database(server) as postgresql:
        try:
            for name, uri in (("sqlite-hub", sqlite), ("postgresql-hub", postgresql)):
                hubs.append(Hub(folder / name, bus.endpoint, uri))
            hubs[1].statscache("db", "upgrade")
            yield bus, hubs
        finally:
            for hub in hubs:
                hub.kill()
            bus.close()


def _table(parts: list[Part]) -> list[str]:
    """Lines: the kills at each place, before the step or after it; and what came of them."""
    places = [*PLACES, *PLACES_OF_HISTORY, FROM_OUTSIDE]
    kills = [Counter(map(_step, part.outcome.kills.elements())) for part in parts]
    cells = [["kills", *(part.name for part in parts)]]
    cells += [[": ".join(place), *(each[place] for each in kills)] for place in places]
    outcomes = [part.outcome for part in parts]
    cells += [
        ["kills in all", *(each.kills.total() for each in outcomes)],
        ["histories", *(each.histories for each in outcomes)],
        ["messages", *(each.messages for each in outcomes)],
        ["rows compared", *(each.rows for each in outcomes)],
        ["differences", *(len(each.wrong) for each in outcomes)],
        ["minutes", *(round(part.minutes) for part in parts)],
    ]
    return [f"{name:45}" + "".join(f"{value:>20}" for value in values) for name, *values in cells]


def _step(place: Place) -> Place:
    """The place, before it or after it."""
    return place._replace(step=place.step.removeprefix("before ").removeprefix("after "))


if __name__ == "__main__":
    sys.exit(main())
