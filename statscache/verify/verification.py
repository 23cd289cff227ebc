"""The comparison of what is stored with what history comes to, over a stretch of time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from ..config import Config
from ..journal import Reader, Span
from ..message import Entry
from ..registry import Statistic
from ..store import Store, checkpoints, deadletters, owed
from ..store.checkpoints import Checkpoint
from ..store.owed import Missed
from .arrivals import Arrival, arrivals
from .comparison import Part, elsewhere, fingerprints, unequal, windows
from .completeness import LeftOut, account, outwards, stretches
from .evidence import Candidates, Difference, Pair, differences
from .scratch import count, scratch
from .source import Source

MOST_WINDOWS = 5_000
"""Windows of a statistic that are looked at row by row at once."""

ATTEMPTS = 3
"""How often what may be a message on its way is looked at."""

Take = Callable[[Connection, Part], Mapping[int, Any]]
"""Reads something of each window, by its start in epoch seconds."""

Watch = Callable[[Statistic, Arrival, bool], object]
"""Is told of each message that a statistic should have counted, and whether it was handed it."""


class Case(NamedTuple):
    """What is compared with what, at the time `now` (epoch seconds)."""

    config: Config
    store: Store
    journal: Reader
    source: Source
    now: float

    @property
    def overlap(self) -> float:
        """Seconds by which a message may come late, into the archive or here."""
        return float(self.config["statscache.datagrepper.overlap"])


class Comparison(NamedTuple):
    """What came of comparing.

    `windows` is how many windows of each statistic were compared, `more` how many differ beside
    those that `differences` tell of; `outside` counts messages that cannot be compared, by reason.
    """

    windows: Counter[str]
    differences: list[Difference]
    more: Counter[str]
    left_out: list[LeftOut]
    outside: Counter[str]


class Standing(NamedTuple):
    """A statistic at one moment: how far it had counted, and what was `stored` in its rows."""

    statistic: Statistic
    checkpoint: Checkpoint
    missed: Sequence[Missed]
    letters: frozenset[str]
    parts: Sequence[Part]
    left_out: Sequence[LeftOut]
    stored: Mapping[int, Any]
    forgotten: float
    """Ids of what was sent before that (epoch seconds) may not be known any longer."""

    def was_handed(self, arrival: Arrival) -> bool:
        """Whether the statistic was handed the message, or may have been."""
        if not arrival.seen:
            return arrival.entry.time < self.forgotten
        return arrival.was_handed(self.checkpoint, self.missed)

    def compares(self, arrival: Arrival) -> bool:
        """Whether the message can make a difference to what is compared.

        One that is outside of it, where the newest event is kept, would hide one that is not.
        """
        if not (self.parts and self.parts[0].unique):
            return True
        time = arrival.entry.time
        return any(one.start <= time < one.stop for one in self.parts)

    def is_excused(self, arrival: Arrival) -> bool:
        """Whether the message is not to be in the rows: its turn comes, or it is a dead letter."""
        return arrival.is_ahead(self.checkpoint) or arrival.entry.id in self.letters


def chunks(
    since: float, until: float, statistics: Collection[Statistic], most: float
) -> list[Span]:
    """The range in stretches of about `most` seconds, cut where windows of all statistics end."""
    seconds = max((one.window for one in statistics), default=1)
    step = max(seconds, most // seconds * seconds) if most < math.inf else math.inf
    found: list[Span] = []
    while since < until:
        stop = until if step == math.inf else min(since // step * step + step, until)
        found.append(Span(since, stop))
        since = stop
    return found


def compare(case: Case, statistics: Sequence[Statistic], span: Span) -> Comparison:
    """Compare the windows of `statistics` that are wholly inside `span` (epoch seconds).

    Raises:
        HistoryError: history cannot be read.
        PluginError: a statistic cannot be recomputed.
    """
    outside: Counter[str] = Counter()
    standings, recomputed = _both(case, statistics, span, fingerprints, outside)
    suspects = {
        one.statistic.ident: sorted(unequal(one.stored, recomputed[one.statistic.ident]))
        for one in standings
    }
    few = {ident: starts[:MOST_WINDOWS] for ident, starts in suspects.items() if starts}
    return Comparison(
        Counter({one.statistic.ident: _number_of_windows(one.parts) for one in standings}),
        look_again(case, statistics, span, few) if few else [],
        +Counter({ident: len(starts[MOST_WINDOWS:]) for ident, starts in suspects.items()}),
        [left for one in standings for left in one.left_out],
        outside,
    )


def look_again(
    case: Case,
    statistics: Sequence[Statistic],
    span: Span,
    suspects: Mapping[str, Collection[int]],
) -> list[Difference]:
    """What differs row by row in the windows that begin at those times, by ident.

    A message that the archive had before us may be the whole difference: then it is looked at anew.
    """
    found: list[Difference] = []
    for _ in range(ATTEMPTS):
        found = _differences(case, statistics, span, suspects)
        if not _any_came(case.journal, found):
            break
        suspects = {
            one.ident: {each.start for each in found if each.ident == one.ident}
            for one in statistics
        }
    return found


def _any_came(journal: Reader, found: Sequence[Difference]) -> bool:
    """Whether a message that was not known is known by now."""
    names = {name for one in found for name in one.unknown}
    return any(journal.knows(name) for name in names)


def _differences(
    case: Case,
    statistics: Sequence[Statistic],
    span: Span,
    suspects: Mapping[str, Collection[int]],
) -> list[Difference]:
    concerned = [one for one in statistics if suspects.get(one.ident)]
    candidates = Candidates(suspects)

    def take(connection: Connection, part: Part) -> Mapping[int, Any]:
        wanted = suspects[part.statistic.ident]
        return windows(connection, part, [at for at in wanted if part.start <= at < part.stop])

    standings, recomputed = _both(case, concerned, span, take, Counter(), candidates.consider)
    pairs = [Pair(one.parts, one.stored, recomputed[one.statistic.ident]) for one in standings]
    return differences(pairs, candidates, case.config, case.store)


def _both(
    case: Case,
    statistics: Sequence[Statistic],
    span: Span,
    take: Take,
    outside: Counter[str],
    watch: Watch | None = None,
) -> tuple[list[Standing], dict[str, dict[int, Any]]]:
    """What `take` finds in what is stored, and in what history comes to.

    What is stored is read first, so that whatever is counted later stands behind the bookmark.
    """
    standings = [_look(case, one, span, take) for one in statistics]
    with scratch(statistics, case.config, case.store) as engine:
        count(engine, _entries(case, standings, span, outside, watch))
        with engine.store.reading() as connection:
            recomputed = {
                one.statistic.ident: _merged(take, connection, one.parts) for one in standings
            }
    return standings, recomputed


def _look(case: Case, statistic: Statistic, span: Span, take: Take) -> Standing:
    ident = statistic.ident
    known_since = case.journal.known_since()
    forgotten = known_since + case.overlap if known_since else 0.0
    timeless = [time for time in case.journal.timeless() if span.start <= time < span.stop]
    with case.store.reading() as connection:
        checkpoint = checkpoints.read_one(connection, ident)
        past = account(connection, checkpoint)
        those, left_out = stretches(statistic, checkpoint, span, past, timeless)
        parts = _parts(statistic, those, forgotten)
        newer = elsewhere(connection, parts)
        parts = [one._replace(elsewhere=newer) for one in parts]
        return Standing(
            statistic,
            checkpoint,
            owed.missed(connection, ident),
            deadletters.ids_of(connection, ident),
            parts,
            left_out,
            _merged(take, connection, parts),
            forgotten,
        )


def _parts(statistic: Statistic, those: Sequence[Span], forgotten: float) -> list[Part]:
    """The stretches; what depends on arrivals is left out of windows before `forgotten`.

    Of what was sent before that, nobody knows any longer when it arrived.
    """
    border = outwards(Span(0, forgotten), statistic.window).stop
    halves = [
        (Part(statistic, start, min(stop, border), statistic.plugin.by_arrival),
         Part(statistic, max(start, border), stop))
        for start, stop in those
    ]  # fmt: skip
    return [part for both in halves for part in both if part.start < part.stop]


def _merged(take: Take, connection: Connection, parts: Sequence[Part]) -> dict[int, Any]:
    return {start: found for part in parts for start, found in take(connection, part).items()}


def _entries(
    case: Case,
    standings: Sequence[Standing],
    span: Span,
    outside: Counter[str],
    watch: Watch | None,
) -> Iterator[Entry]:
    """What the statistics should have counted by then, addressed to those that should have.

    It begins earlier than the rows that are compared: what came twice counts where it came first.
    """
    parts = [part for one in standings for part in one.parts]
    if not parts:
        return
    first = math.floor(min(part.start for part in parts) - case.overlap)
    last = math.ceil(max(part.stop for part in parts))
    found = case.source.read(max(0, first), last)
    for arrival in arrivals(found, case.journal, case.config, case.now, outside):
        due = [one for one in standings if one.compares(arrival) and not one.is_excused(arrival)]
        if watch:
            for one in due:
                watch(one.statistic, arrival, one.was_handed(arrival))
        if len(due) == len(standings):
            yield arrival.entry
        else:
            for one in due:
                yield arrival.entry._replace(addressee=one.statistic.ident)


def _number_of_windows(parts: Sequence[Part]) -> int:
    return sum(int(part.stop - part.start) // part.statistic.window for part in parts)
