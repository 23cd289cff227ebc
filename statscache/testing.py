"""For the tests of plugins: a clock, a bus, an engine on a scratch place, and the contract.

Nothing here needs pytest, a network, a daemon, or a database of yours:

    class TestContract(Contract):
        plugins = MyPlugin

    def test_failed_builds_are_counted():
        bus = Bus()
        with Scratch(MyPlugin) as scratch:
            scratch.count(bus.message("org.example.prod.build", {"state": "failed"}))
            assert scratch.rows() == [{"timestamp": 1767225600, "state": "failed", "volume": 1}]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from types import TracebackType
from typing import Any, ClassVar
from uuid import UUID

from .config import Config
from .demo import traffic
from .errors import ContractError, PluginError
from .formats.json import dumps
from .message import Entry, Message
from .plugins import BasePlugin
from .registry import Given, Statistic
from .workbench import candidates, contract
from .workbench.bench import Bench
from .workbench.contract import Case, Clause
from .workbench.failing import own_frames
from .workbench.trial import Trial

__all__ = ["Bus", "Clock", "Contract", "ContractError", "Scratch", "invented"]

NEW_YEAR = 1_767_225_600
"""2026-01-01 00:00:00 UTC."""

DAYS, RATE = 3, 0.05
MOST = 200
"""Invented messages for a plugin, at the most."""

NAME = "tests"

Plugins = type[BasePlugin] | Iterable[type[BasePlugin]]


class Clock:
    """A clock that stands until it is told to go on; `now` is in epoch seconds."""

    def __init__(self, now: float = NEW_YEAR) -> None:
        self.now = now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Bus:
    """Makes messages as fedmsg sends them: stamped by its clock, each with an id of its own."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._numbers = count(1)

    def message(self, topic: str, msg: Any, **more: Any) -> Message:
        """A message that is sent now; `more` is added, or takes the place of what is there."""
        number = next(self._numbers)
        made = {
            "topic": topic,
            "msg": msg,
            "timestamp": int(self.clock.now),
            "msg_id": f"2026-{UUID(int=number)}",
            "i": number,
            "username": "apache",
        }
        return {**made, **more}


class Scratch:
    """An engine, a journal and an SQLite database in a temporary folder, for the `with` block.

    Args:
        plugins: a plugin class, or several.
        settings: of the plugin, by their short names.

    Raises:
        PluginError: a plugin cannot be used; the message says why.
    """

    def __init__(self, plugins: Plugins, settings: Mapping[str, Any] | None = None) -> None:
        self._config = _config(settings or {})
        self._statistics = _statistics(plugins, self._config)
        self._bench = Bench(self._statistics, self._config)

    def __enter__(self) -> Scratch:
        self._bench.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bench.__exit__(kind, error, trace)

    def count(self, *messages: Message) -> None:
        """Have these messages counted, as a daemon does; one that was counted is not again.

        Raises:
            ContractError: a plugin could not digest one of them, the traceback is in it; or no
                daemon would take it.
        """
        before = {one.ident: len(self._bench.letters(one.ident)) for one in self._statistics}
        self._bench.count(entries(messages, self._statistics, self._config))
        for ident, number in before.items():
            for letter in self._bench.letters(ident)[number:]:
                raise ContractError(f"{ident}: {own_frames(letter.traceback)}")

    def rows(self, ident: str | None = None) -> list[dict[str, Any]]:
        """The rows of a statistic as `/api/` has them, the oldest first.

        The ident need not be given where there is one statistic only.
        """
        columns, rows = self._bench.shown(self._chosen(ident).ident)
        found: list[dict[str, Any]] = json.loads(dumps(columns, rows))
        return found

    def restart(self) -> None:
        """End the engine, and begin with another on the same place: the instances are new."""
        self._bench.restart(self._statistics)

    def _chosen(self, ident: str | None) -> Statistic:
        named = [one for one in self._statistics if ident in (None, one.ident)]
        if len(named) != 1:
            known = ", ".join(one.ident for one in self._statistics)
            raise LookupError(f"there is no one statistic {ident}: name one of {known}")
        return named[0]


class Contract:
    """The contract that every plugin has to hold to, as tests: make a subclass.

    Attributes:
        plugins: a plugin class, or several.
        settings: of the plugin, by their short names.
        messages: those to count; None is what the demo invents, as far as its topics are wanted.
    """

    plugins: ClassVar[Any] = ()
    settings: ClassVar[Mapping[str, Any]] = {}
    messages: ClassVar[Iterable[Message] | None] = None

    def test_it_makes_rows_of_messages(self) -> None:
        case = self._case()
        for ident in case.statistics:
            if not case.wanted(ident):
                raise ContractError(
                    f"no message has a topic that {ident} wants: give it `messages`"
                )
            if not case.at_once.rows[ident]:
                raise ContractError(f"{ident} made no rows: give it `messages` that matter to it")

    def test_it_digests_messages(self) -> None:
        self._hold(contract.digests)

    def test_it_has_a_model(self) -> None:
        self._hold(contract.model)

    def test_rows_are_of_the_windows_in_which_messages_were_sent(self) -> None:
        self._hold(contract.windows)

    def test_rows_are_what_json_can_say(self) -> None:
        self._hold(contract.plain)

    def test_messages_are_not_changed_where_that_is_promised(self) -> None:
        self._hold(contract.promise)

    def test_another_order_of_arrival_gives_the_same_rows(self) -> None:
        self._hold(contract.order)

    def test_other_buckets_give_the_same_rows(self) -> None:
        self._hold(contract.buckets)

    def test_what_is_handed_over_again_is_counted_once(self) -> None:
        self._hold(contract.redelivery)

    def test_a_kill_loses_and_doubles_nothing(self) -> None:
        self._hold(contract.kill)

    def test_it_keeps_up_with_a_busy_bus(self) -> None:
        self._hold(contract.pace)

    def _hold(self, clause: Clause) -> None:
        case = self._case()
        for ident, statistic in case.statistics.items():
            if clause in contract.clauses(statistic):
                clause(case, ident)

    @classmethod
    @cache
    def _case(cls) -> Case:
        config = _config(cls.settings)
        statistics = _statistics(cls.plugins, config)
        messages = invented(statistics) if cls.messages is None else cls.messages
        return Case(statistics, config, entries(messages, statistics, config))


def invented(statistics: Sequence[Statistic], most: int = MOST) -> list[Message]:
    """Messages that the demo invents and that any of the statistics wants, the same every time.

    Of those that each wants there are `most`, taken evenly from three days.
    """
    start = NEW_YEAR + 6 * traffic.DAY
    messages = [*invented_between(start, start + DAYS * traffic.DAY)]
    chosen: set[int] = set()
    for statistic in statistics:
        wanted = [at for at, one in enumerate(messages) if statistic.wants(one["topic"])]
        chosen.update(wanted[:: -(-len(wanted) // most) or 1])
    return [messages[at] for at in sorted(chosen)]


def invented_between(start: float, stop: float) -> Iterator[Message]:
    """All messages that the demo invents for that time, in epoch seconds."""
    for arrival in traffic.messages(start, stop, rate=RATE, seed=1, memory=0):
        yield arrival.message


def _config(settings: Mapping[str, Any]) -> Config:
    own = {f"statscache.{NAME}.{name}": value for name, value in settings.items()}
    # Where nobody has a home, there has to be a place to name; nothing is kept there.
    places = {
        "statscache.journal.path": "scratch/journal.sqlite",
        "statscache.sqlalchemy.uri": "sqlite:///scratch/statscache.sqlite",
    }
    return Config({**places, **own}, foreign=[NAME])


def _statistics(plugins: Plugins, config: Config) -> list[Statistic]:
    several = [plugins] if isinstance(plugins, type) else list(plugins)
    if not several:
        raise PluginError("there is no plugin here: name a class, or several")
    found = candidates.load(config, [Given(NAME, NAME, several)])
    for skipped in found.skipped:
        raise PluginError(f"{skipped.name}: {skipped.reason}")
    return list(found.enabled.values())


def entries(
    messages: Iterable[Message], statistics: Sequence[Statistic], config: Config
) -> list[Entry]:
    """Messages ready to be counted, those that any of the statistics wants.

    Raises:
        ContractError: no daemon would take one of them.
    """
    trial = Trial(statistics, config, NEW_YEAR)
    made = list(trial.entries(messages))
    for reason in trial.refused:
        raise ContractError(f"no daemon takes such a message: {reason}")
    return made
