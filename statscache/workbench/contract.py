"""What every plugin has to hold to: a function for each clause, which names the fault.

Each counts the same messages as a daemon would, with a real engine, journal and database: at once,
in another order, in small buckets, after a bucket was handed over in vain, after a kill. The rows
have to be the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from ..config import Config
from ..errors import ContractError, PluginError
from ..message import Entry
from ..registry import Statistic
from ..store.deadletters import Letter
from ..text import one_line
from ..times import epoch, utc
from .bench import Bench, Rows, compared, stored
from .failing import own_frames
from .witness import Crash, Witness

SEED = 1
BUCKETS = (1, 7)
"""Messages of a bucket, where buckets are small."""

KILLS = 3

MOST = 1_000_000
"""More messages than any bucket here has."""

SLOWEST = 0.01
"""Seconds that a message may take: on a busy bus some hundreds come in a second."""

FEW = 20
"""Messages by which a pace cannot be told."""

PLAIN = str | int | Decimal | date | datetime | None
SHOWN = 3
"""Rows that are shown of those that differ."""


class Outcome(NamedTuple):
    """What became of the messages: the rows of each statistic, what it could not digest."""

    rows: dict[str, Rows]
    letters: dict[str, list[Letter]]
    witnesses: dict[str, Witness]
    instances: dict[str, list[Any]]


class Case:
    """Statistics that are held to the contract, and the messages with which that is done.

    What is counted is counted once for all clauses that look at it, and for all statistics.
    """

    def __init__(
        self, statistics: Sequence[Statistic], config: Config, entries: Sequence[Entry]
    ) -> None:
        self.statistics = {one.ident: one for one in statistics}
        self.entries = list({one.id: one for one in entries}.values())
        self._config = config

    def wanted(self, ident: str) -> list[Entry]:
        """The messages that the statistic is handed."""
        return [one for one in self.entries if self.statistics[ident].wants(one.topic)]

    @cached_property
    def at_once(self) -> Outcome:
        """All messages in one bucket, in their order."""
        witnesses = {ident: Witness(one) for ident, one in self.statistics.items()}
        statistics = [one.statistic for one in witnesses.values()]
        # One at a time: how long it takes is measured.
        with self._bench(statistics, engine__workers=1) as bench:
            bench.count(self.entries)
            return self._outcome(bench, witnesses)

    @cached_property
    def shuffled(self) -> Outcome:
        """In another order."""
        with self._bench(self.statistics.values()) as bench:
            bench.count(self._mixed)
            return self._outcome(bench)

    @cached_property
    def split(self) -> list[Outcome]:
        """In small buckets."""
        outcomes = []
        for size in BUCKETS:
            with self._bench(self.statistics.values(), engine__batch=size) as bench:
                bench.count(self.entries)
                outcomes.append(self._outcome(bench))
        return outcomes

    @cached_property
    def again(self) -> Outcome:
        """Handed over twice: the first time the transaction came to nothing."""
        crash = Crash(self.statistics.values(), after=0)
        with self._bench(crash.statistics) as bench:
            with crash.awaited():
                bench.count(self.entries)
            bench.count(())
            return self._outcome(bench)

    @cached_property
    def killed(self) -> Outcome:
        """In that other order, which has messages of each window everywhere, with some kills.

        Each time some are counted, more are in the making, and the process ends.
        """
        size = max(1, -(-len(self._mixed) // (2 * KILLS)))
        parts = [self._mixed[at : at + size] for at in range(0, len(self._mixed), size)]
        with self._bench(self.statistics.values()) as bench:
            for counted, handed in zip(parts[::2], [*parts[1::2], []], strict=False):
                bench.count(counted)
                crash = Crash(self.statistics.values(), after=0)
                bench.restart(crash.statistics)
                with crash.awaited():
                    bench.count(handed)
                bench.restart(self.statistics.values())
            bench.count(())
            return self._outcome(bench)

    @cached_property
    def _mixed(self) -> list[Entry]:
        return Random(SEED).sample(self.entries, len(self.entries))

    def _bench(self, statistics: Iterable[Statistic], **settings: Any) -> Bench:
        return Bench([*statistics], self._config, **{"engine__batch": MOST, **settings})

    def _outcome(self, bench: Bench, witnesses: dict[str, Witness] | None = None) -> Outcome:
        return Outcome(
            {ident: bench.rows(ident) for ident in self.statistics},
            {ident: bench.letters(ident) for ident in self.statistics},
            witnesses or {},
            {ident: bench.instances(ident) for ident in self.statistics} if witnesses else {},
        )


Clause = Callable[[Case, str], None]
"""Holds one statistic of the case to one thing.

Raises ContractError, which names the fault.
"""


def digests(case: Case, ident: str) -> None:
    """It digests the messages."""
    try:
        letters = case.at_once.letters[ident]
    except PluginError as error:
        raise ContractError(str(error)) from error
    if letters:
        one = letters[0]
        raise ContractError(
            f"it failed over {len(letters):,} of the messages, the first {one.message_id} of "
            f"{utc(one.time)}, topic {one_line(one.topic)}:\n{own_frames(one.traceback)}"
        )


def model(case: Case, ident: str) -> None:
    """It has a model."""
    if case.statistics[ident].model is None:
        raise ContractError(
            "it has no model, so that nothing of what it counts can be asked for: name the class "
            "of its rows in `model`"
        )


def windows(case: Case, ident: str) -> None:
    """Its rows are those of the windows in which the messages were sent."""
    statistic = case.statistics[ident]
    if statistic.schedule is None:
        return
    starts = {statistic.window_start(one.time) for one in case.wanted(ident)}
    for row in case.at_once.instances[ident]:
        if epoch(row.timestamp) not in starts:
            raise ContractError(
                f"a row has the timestamp {utc(epoch(row.timestamp))}, at which no window of "
                f"{statistic.schedule} begins in which a message was sent; take "
                "schedule.window(message['timestamp']).start, and never the clock"
            )


def order(case: Case, ident: str) -> None:
    """Another order of arrival gives the same rows."""
    _same(case, ident, case.shuffled, "the rows depend on the order in which messages arrive")


def buckets(case: Case, ident: str) -> None:
    """Other buckets give the same rows."""
    for size, outcome in zip(BUCKETS, case.split, strict=True):
        fault = f"the rows depend on where buckets are cut (here each had {size} messages at most)"
        _same(case, ident, outcome, fault)


def redelivery(case: Case, ident: str) -> None:
    """What is handed over again, because the transaction came to nothing, is counted once."""
    fault = "a bucket that was handed over again, to a new instance, is not counted exactly once"
    _same(case, ident, case.again, f"{fault}: keep nothing outside the session")


def kill(case: Case, ident: str) -> None:
    """A kill loses nothing and doubles nothing."""
    fault = "after a kill the rows are not the same"
    fault = f"{fault}: write everything down before handle returns, and keep nothing in memory"
    _same(case, ident, case.killed, fault, case.shuffled)


def promise(case: Case, ident: str) -> None:
    """It does not change messages, where it promises that."""
    statistic = case.statistics[ident]
    changed = case.at_once.witnesses[ident].changed
    if statistic.plugin.reads_only and changed:
        raise ContractError(
            f"it has changed a message (topic {one_line(changed)}), though it says reads_only: "
            "other statistics are handed the same; change a copy, or take reads_only away"
        )


def plain(case: Case, ident: str) -> None:
    """Its rows, and its layout, are what JSON can say."""
    layout = case.statistics[ident].plugin.layout
    try:
        json.dumps(layout, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ContractError(f"its layout is not what JSON can say: {error}") from error
    for row in case.at_once.instances[ident]:
        for name in stored(type(row)):
            if not _is_plain(getattr(row, name)):
                value = one_line(repr(getattr(row, name)))
                raise ContractError(
                    f"the column {name} holds {value}, for which JSON has no word: store numbers, "
                    "texts, times, or lists and dictionaries of them"
                )


def pace(case: Case, ident: str) -> None:
    """It keeps up with a busy bus."""
    seen = case.at_once.witnesses[ident]
    took = seen.seconds / seen.messages if seen.messages >= FEW else 0.0
    if took > SLOWEST:
        raise ContractError(
            f"a message takes it {1e3 * took:,.1f} ms, where {1e3 * SLOWEST:.0f} are allowed: do "
            "not ask the network, nor the database, for each message"
        )


ALWAYS: tuple[Clause, ...] = (digests, model, windows, plain, promise)
CLAUSES: tuple[Clause, ...] = (*ALWAYS, order, buckets, redelivery, kill, pace)


def clauses(statistic: Statistic) -> tuple[Clause, ...]:
    """Those that it is held to: work that is done beside takes its time, and so do its rows."""
    return ALWAYS if statistic.is_asynchronous else CLAUSES


class Held(NamedTuple):
    """What came of holding a statistic to one clause: what that says, and the fault, if any."""

    clause: str
    fault: str | None


def cases(
    statistics: Sequence[Statistic], config: Config, entries: Sequence[Entry]
) -> Iterator[Case]:
    """One case for all, or one for each where a statistic cannot even begin."""
    together = Case(statistics, config, entries)
    try:
        assert together.at_once
    except PluginError:
        yield from (Case([one], config, entries) for one in statistics)
    else:
        yield together


def hold(case: Case, ident: str) -> Iterator[Held]:
    """Hold a statistic to its clauses; one that does not even digest messages, to no others."""
    for clause in clauses(case.statistics[ident]):
        said = (clause.__doc__ or "").split("\n")[0].rstrip(".")
        try:
            clause(case, ident)
        except PluginError as error:
            yield Held(said, str(error))
            if clause is digests:
                return
        else:
            yield Held(said, None)


def _same(
    case: Case, ident: str, outcome: Outcome, fault: str, wanted: Outcome | None = None
) -> None:
    expected, found = (wanted or case.at_once).rows[ident], outcome.rows[ident]
    if expected != found:
        raise ContractError(f"{fault}\n{_difference(case.statistics[ident], expected, found)}")


def _difference(statistic: Statistic, expected: Rows, found: Rows) -> str:
    """The first of the rows that should be there and are not, and of those that should not be."""
    names = compared(statistic)
    lines = []
    for label, rows in (("missing", expected - found), ("instead", found - expected)):
        shown = sorted(rows.elements(), key=repr)
        for row in shown[:SHOWN]:
            values = ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))
            lines.append(f"{label}: {one_line(values)}")
        if len(shown) > SHOWN:
            lines.append(f"and {len(shown) - SHOWN:,} more")
    return "\n".join(lines)


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN)
