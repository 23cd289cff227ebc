"""Rows that differ, and the messages that make the difference, where they can be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..config import Config
from ..engine import Engine
from ..engine.buckets import copies
from ..engine.instance import Instance
from ..message import Entry
from ..registry import Statistic
from ..store import Store
from ..store.transaction import Transaction
from .arrivals import Arrival
from .comparison import Amounts, Key, Part, Rows, rows
from .scratch import scratch

MOST_IN_A_WINDOW = 1_000
"""Messages of a window that are tried one by one, at the most."""

MOST_TRIED = 20_000
"""And in all windows together; each takes some milliseconds."""


class Difference(NamedTuple):
    """A row that is not what it should be, in the window that `part` is.

    `stored` and `recomputed` are its sums, None where there is no such row. `missing` are the ids
    of messages that are not counted in it, `surplus` of those that are counted once more than they
    should be. The journal does not know `unknown` ones of its window, though it should.
    """

    part: Part
    key: Key
    stored: Amounts | None
    recomputed: Amounts | None
    missing: Sequence[str] = ()
    surplus: Sequence[str] = ()
    unknown: Collection[str] = frozenset()

    @property
    def ident(self) -> str:
        return self.part.statistic.ident

    @property
    def start(self) -> int:
        """Of the window, epoch seconds."""
        return int(self.part.start)

    @property
    def delta(self) -> Amounts:
        """What has to be added to the stored sums."""
        none = (0,) * len(self.stored or self.recomputed or ())
        pairs = zip(self.stored or none, self.recomputed or none, strict=True)
        return tuple(there - here for here, there in pairs)


class Candidate(NamedTuple):
    """A message in a window that differs, and whether the statistic was handed it."""

    entry: Entry
    handed: bool


class Candidates:
    """The messages of the windows that differ, in which the reasons are looked for.

    Args:
        suspects: the starts of windows (epoch seconds), by the ident of their statistic.
    """

    def __init__(self, suspects: Mapping[str, Collection[int]]) -> None:
        self._suspects = {ident: frozenset(starts) for ident, starts in suspects.items()}
        self._found: defaultdict[tuple[str, int], dict[str, Candidate]] = defaultdict(dict)
        self._unknown: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        self._crowded: set[tuple[str, int]] = set()
        self._told: dict[str, Candidate] = {}

    def consider(self, statistic: Statistic, arrival: Arrival, handed: bool) -> None:
        """Remember the message, if it is in one of the windows, and they do not become too many."""
        place = statistic.ident, statistic.window_start(arrival.entry.time)
        if place[1] not in self._suspects[statistic.ident]:
            return
        if not statistic.wants(arrival.entry.topic):
            return
        if not (handed or arrival.seen) and len(self._unknown[place]) < MOST_IN_A_WINDOW:
            self._unknown[place].add(arrival.entry.id)
        there = self._found[place]
        if handed and place in self._crowded:
            return
        if len(there) >= MOST_IN_A_WINDOW and place not in self._crowded:
            self._crowded.add(place)
            self._found[place] = {name: one for name, one in there.items() if not one.handed}
        if len(self._found[place]) < MOST_IN_A_WINDOW:
            self._found[place][arrival.entry.id] = Candidate(arrival.entry, handed)

    def unknown(self, ident: str, start: int) -> frozenset[str]:
        """Ids that are not known of messages in that window."""
        return frozenset(self._unknown[ident, start])

    def of(self, one: Difference) -> list[Candidate]:
        """Those of its window; only those that were not handed over where it has very many.

        And those that have explained a difference already.
        """
        told = {
            name: each
            for name, each in self._told.items()
            if one.part.start <= each.entry.time < one.part.stop
        }
        return [*(told | self._found[one.ident, one.start]).values()]

    def tell(self, name: str, ident: str, start: int) -> None:
        """Remember that this message has made a difference there."""
        if name in self._found[ident, start]:
            self._told[name] = self._found[ident, start][name]

    def is_told(self, name: str) -> bool:
        """Whether that message has made a difference elsewhere."""
        return name in self._told


class Pair(NamedTuple):
    """The rows of one statistic as they are and as they should be, by the start of their window."""

    parts: Sequence[Part]
    stored: Mapping[int, Rows]
    recomputed: Mapping[int, Rows]

    def unequal(self) -> Iterator[Difference]:
        """Each row that is not the same in both."""
        for part in self.parts:
            seconds = part.statistic.window
            starts = self.stored.keys() | self.recomputed.keys()
            for start in sorted(at for at in starts if part.start <= at < part.stop):
                window = part._replace(start=start, stop=start + seconds)
                here, there = self.stored.get(start, {}), self.recomputed.get(start, {})
                for key in sorted(here.keys() | there.keys(), key=repr):
                    if here.get(key) != there.get(key):
                        yield Difference(window, key, here.get(key), there.get(key))


def differences(
    pairs: Sequence[Pair], candidates: Candidates, config: Config, store: Store
) -> list[Difference]:
    """What differs, and the messages that make the difference.

    Short windows come first: what is told by them explains the longer ones.
    """
    found = [list(pair.unequal()) for pair in pairs]
    found = sorted(filter(None, found), key=lambda those: those[0].part.statistic.window)
    statistics = [those[0].part.statistic for those in found]
    explained: list[Difference] = []
    if not found:
        return explained
    with scratch(statistics, config, store) as engine:
        for statistic, those in zip(statistics, found, strict=True):
            trial = Trial(engine, statistic, candidates)
            explained += [trial.explained(one) for one in those]
            trial.end()
    return explained


class Trial:
    """Finds out which messages make a difference by having them counted alone.

    Args:
        engine: has counted nothing, and will not have.
    """

    def __init__(self, engine: Engine, statistic: Statistic, candidates: Candidates) -> None:
        self._engine = engine
        self._statistic = statistic
        self._candidates = candidates
        self._instance = Instance(statistic, engine.config, engine.store)
        self._alone: dict[str, Rows] = {}

    def explained(self, difference: Difference) -> Difference:
        """The same with the messages that make it, where they can be told."""
        unknown = self._candidates.unknown(difference.ident, difference.start)
        difference = difference._replace(unknown=unknown)
        there = self._candidates.of(difference)
        missing = self._touching([one for one in there if not one.handed], difference.key)
        if missing:
            return difference._replace(missing=sorted(one.entry.id for one in missing))
        touching = self._touching(there, difference.key)
        less = tuple(-each for each in difference.delta)
        found = difference._replace(
            missing=self._makers(touching, difference.key, difference.delta),
            surplus=self._makers(touching, difference.key, less),
        )
        for name in (*found.missing, *found.surplus):
            self._candidates.tell(name, found.ident, found.start)
        return found

    def end(self) -> None:
        """Stop the plugin."""
        self._instance.stop()

    def _touching(self, those: Sequence[Candidate], key: Key) -> list[Candidate]:
        return [one for one in those if key in self._rows_of(one.entry)]

    def _makers(self, those: Sequence[Candidate], key: Key, amounts: Amounts) -> Sequence[str]:
        """The messages that come to those amounts; none where that cannot be told.

        All that have explained a shorter window, or the only one that does it alone.
        """
        alone = {one.entry.id: self._rows_of(one.entry)[key] for one in those}
        told = [name for name in alone if self._candidates.is_told(name)]
        if told and tuple(map(sum, zip(*(alone[name] for name in told), strict=True))) == amounts:
            return told
        fits = [name for name, its in alone.items() if its == amounts]
        return fits if len(fits) == 1 else ()

    def _rows_of(self, entry: Entry) -> Rows:
        if entry.id not in self._alone and len(self._alone) < MOST_TRIED:
            self._alone[entry.id] = self._counted(entry)
        return self._alone.get(entry.id, {})

    def _counted(self, entry: Entry) -> Rows:
        """The rows that the message makes in an empty table; they are not kept."""
        ident, start = self._statistic.ident, self._statistic.window_start(entry.time)
        part = Part(self._statistic, start, start + self._statistic.window)
        try:
            plugin = self._instance.begin()
            with Transaction(self._engine.store, ident) as transaction:
                plugin.handle(transaction.session, copies(self._statistic, [entry]))
                transaction.session.flush()
                return dict(rows(transaction.connection(), part))
        except Exception:
            self._instance.stop()
            return {}
