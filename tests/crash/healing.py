"""Nobody sends anything again: what the daemons have missed comes from history.

A history here is a stream of the bus that one daemon after the other listens to, on one database
and one journal. All but the last are killed, and before the next one comes some of the stream has
passed. A stand-in for datagrepper has everything, some of it late. In the end everything has to
stand there as if one daemon had listened all the time.
"""

from __future__ import annotations

import signal
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

from fate import ACCEPTED, IDLE, NOWHERE, PLACES, PLACES_OF_HISTORY, Place
from hearing import NEWCOMER, Part, listen, made, owes
from history import EXPECTED, FIRST, FROM_OUTSIDE, HANGS, Outcome, chosen, end, moved
from life import Life, new_report
from reading import Rows, differences, reckoned, reckoned_of_built_in
from stream import FAILURES, FAST, SLOW, Stream, archived, carried

MISSED = 40
"""Messages that pass between two lives, at the most."""

LONGEST = 60
"""Messages that a life hears before it ends by itself, at the most."""

KILLS = 300
"""In one history, at the most."""


class Lives:
    """The lives of one history: one after the other, `live`; the last one, `end`.

    Args:
        endpoint: of the archive.
    """

    def __init__(self, uri: str, folder: Path, stream: Stream, seed: int) -> None:
        self.random = Random(f"healing {seed}")
        self.report = new_report()
        self.sent = carried(stream, seed)
        self.kills: Counter[Place] = Counter()
        self.wrong: list[str] = []
        self._last = Life(uri, folder / "journal.sqlite", seed, 0, 0)
        self._stream = stream
        self._positions: dict[int, str] = {}

    def go_on(self, kills: int) -> bool:
        """Whether there is something left to hear, and nothing wrong, nor so many killed."""
        left = self.report.sent < len(self.sent)
        return left and not self.wrong and self.kills.total() < kills

    def live(self, endpoint: str, length: int, place: Place, number: int, seconds: float) -> None:
        """Hear `length` messages, or be killed before that: there, or after so many seconds."""
        life = self._last._replace(count=self.random.getrandbits(32), place=place, number=number)
        code = end(life, self.report, seconds, partial(listen, self._part(endpoint, length)))
        if code:
            self.kills[self.report.place() if place.phase else FROM_OUTSIDE] += 1
        if code and (code != -signal.SIGKILL or self.kills[NOWHERE]):
            self.wrong.append(f"{life} ended with {code} at {self.report.place()}")
        if not self._stream.built_in:
            self.wrong += moved(life.journal, self._positions)

    def end(self, endpoint: str) -> Outcome:
        """Hear the rest until nothing is owed, and compare."""
        part = self._part(endpoint, len(self.sent))._replace(last=True)
        code = end(self._last, self.report, 5 * HANGS, partial(listen, part))
        rows = self._reckoned()
        self.wrong += [f"the last life ended with {code}"] if code else self._compared(part, rows)
        said = self._last.log.read_text().splitlines()
        self.wrong += [line for line in said if not EXPECTED.match(line)]
        wrong = (f"history {self._last.seed} with gaps: {one}" for one in self.wrong)
        compared = sum(each.total() for each in rows.values())
        return Outcome(self.kills, 1, len(self.sent), compared, tuple(wrong))

    def _part(self, endpoint: str, length: int) -> Part:
        heard = self.sent[self.report.sent : self.report.sent + length]
        begin = heard[0].at if heard else self.sent[-1].at
        return Part(self._stream, endpoint, begin, heard, last=False)

    def _reckoned(self) -> dict[str, Rows]:
        sent = [one.message for one in self.sent]
        if self._stream.built_in:
            return reckoned_of_built_in(sent)
        rows = reckoned(sent, self.report.now)
        return {**rows, NEWCOMER: rows["ids-1s"]}

    def _compared(self, part: Part, rows: dict[str, Rows]) -> list[str]:
        engine = made(self._last, part)
        said = differences(engine, [one.message for one in self.sent], rows)
        said += ["something is still owed"] * owes(engine)
        engine.journal.close()
        engine.store.close()
        return said


def play_with_gaps(uri: str, folder: Path, seed: int) -> Outcome:
    """A history of guests, one of whom joins in the middle: gaps, kills and recalls anywhere."""
    lives = Lives(uri, folder, SLOW, seed)
    random, report = lives.random, lives.report
    places = [*PLACES, *PLACES_OF_HISTORY, *PLACES_OF_HISTORY]
    with archived(lives.sent, report, random.choice(FAILURES)) as endpoint:
        while lives.go_on(KILLS):
            report.sent += random.choice((0, random.randint(0, MISSED)))
            length = random.randint(1, LONGEST)
            lives.live(endpoint, length, *chosen(random, places if report.sent else FIRST))
        return lives.end(endpoint)


def play_a_long_gap(kills: int, uri: str, folder: Path, seed: int) -> Outcome:
    """A history of all that is built in: 2 of 3 minutes are missed; who reads them is killed."""
    lives = Lives(uri, folder, FAST, seed)
    random, report = lives.random, lives.report
    heard = len(lives.sent) // 6
    with archived(lives.sent, report, random.choice(FAILURES)) as endpoint:
        lives.live(endpoint, heard, Place(IDLE, ACCEPTED), heard, HANGS)
        report.sent += 4 * heard
        while lives.go_on(kills + 1):
            place = random.choice((NOWHERE, *PLACES_OF_HISTORY))
            number, seconds = int(2 ** random.uniform(0, 8)), random.uniform(0, 8)
            lives.live(endpoint, 200, place, number, HANGS if place.phase else seconds)
        return lives.end(endpoint)
