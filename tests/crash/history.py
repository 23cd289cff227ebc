"""Nothing is lost and nothing is counted twice, however often the daemon is killed.

A history is a feed that one daemon after the other takes in, on one database and one journal. All
but the last are killed: from outside at a random time, or by themselves at a random step. The next
one is sent what the one before it had not acknowledged, and a little more. In the end everything
has to stand there as if nothing had happened.
"""

from __future__ import annotations

import re
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from fate import NOWHERE, PLACES, Place, Report
from life import Life, Lived, all_again, begin, feed, made, new_report, statistics
from reading import differences, reckoned

HANGS = 120
"""Seconds after which a life that should have ended is a failure."""

LONGEST = 40
"""Messages that a life takes in before it ends by itself, at the most."""

KILLS = 1_000
"""In one history, at the most."""

EXPECTED = re.compile(
    r"a message was refused: |bad-1s cannot digest message |\d+ dead letters stand|"
    r"\d+ things in the history from .* the first: no topic"
)
"""What a daemon complains of that is well."""

FIRST = [
    place for place in PLACES if place.phase in ("opening the journal", "starting", "migrating")
]
"""Where the first lives end: some of it is done only once."""

FROM_OUTSIDE = Place("at a random moment", "from outside")

NewDatabase = Callable[[Path], AbstractContextManager[str]]
"""Opens an empty database, which may keep its files in a folder, for one history: its URI."""


class Outcome(NamedTuple):
    """What was tried; and what came out wrong, in words that name the seed of the history."""

    kills: Counter[Place]
    histories: int
    messages: int
    rows: int
    wrong: tuple[str, ...]


Play = Callable[[str, Path, int], Outcome]
"""Plays one history, with the URI of its database, its folder, and its seed."""


def prove(new_database: NewDatabase, folder: Path, kills: int, seed: int, play: Play) -> Outcome:
    """Play histories, the first of them `seed`, until so many kills or until one goes wrong."""
    whole = Outcome(Counter(), 0, 0, 0, ())
    while whole.kills.total() < kills and not whole.wrong:
        number = seed + whole.histories
        (folder / str(number)).mkdir()
        with new_database(folder / str(number)) as uri:
            one = play(uri, folder / str(number), number)
        whole = Outcome(*(sum_ + part for sum_, part in zip(whole, one, strict=True)))
    return whole


def play(uri: str, folder: Path, seed: int) -> Outcome:
    """One history."""
    report, sent = new_report(), feed(seed)
    last = Life(uri, folder / "journal.sqlite", seed, 0, len(sent))
    kills, wrong = _kill(last, report)
    code = end(last, report, HANGS)
    rows = reckoned(sent, report.now)
    if code or wrong:
        wrong.append(f"the last life ended with {code}")
    else:
        engine = made(uri, last.journal, statistics())
        wrong += differences(engine, sent, rows)
        engine.journal.close()
        engine.store.close()
    wrong += [line for line in last.log.read_text().splitlines() if not EXPECTED.match(line)]
    compared = sum(each.total() for each in rows.values())
    return Outcome(kills, 1, len(sent), compared, tuple(f"history {seed}: {one}" for one in wrong))


def end(life: Life, report: Report, seconds: float, lived: Lived = all_again) -> int | None:
    """Let that life be lived for so many seconds at the most; the exit code of its process."""
    process = begin(life, report, lived)
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


def _kill(last: Life, report: Report) -> tuple[Counter[Place], list[str]]:
    """Live one life after the other before the `last` one; their ends, and what went wrong."""
    random = Random(f"history {last.seed}")
    kills: Counter[Place] = Counter()
    positions: dict[int, str] = {}
    wrong: list[str] = []
    while report.acknowledged < last.length and kills.total() < KILLS and not wrong:
        place, number, seconds = chosen(random, PLACES if report.acknowledged else FIRST)
        length, count = random.randint(1, LONGEST), random.getrandbits(32)
        life = last._replace(length=length, count=count, place=place, number=number)
        code = end(life, report, seconds)
        if code:
            kills[report.place() if place.phase else FROM_OUTSIDE] += 1
        if code and (code != -signal.SIGKILL or kills[NOWHERE]):
            wrong.append(f"{life} ended with {code} at {report.place()}")
        wrong += moved(last.journal, positions)
    return kills, wrong


def chosen(random: Random, places: Sequence[Place]) -> tuple[Place, int, float]:
    """Where to die, and the how many-th time it comes there; for how many seconds it may live."""
    if random.random() < 0.2:
        return NOWHERE, 0, random.uniform(0, 0.3)
    place = random.choice(places)
    # The first times often, later ones more and more seldom.
    return place, int(2 ** random.uniform(0, 5 if "statement" in place.step else 3)), HANGS


def moved(journal: Path, positions: dict[int, str]) -> list[str]:
    """Note the position of every id in the journal; those that another id had before, in words."""
    if not journal.exists():
        return []
    # Read only: what the kill left has to be left for the next life.
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return []
        known = connection.execute("SELECT position, id FROM seen").fetchall()
    return [
        f"position {position} was used for {positions[position]}, and then for {name}"
        for position, name in known
        if positions.setdefault(position, name) != name
    ]
