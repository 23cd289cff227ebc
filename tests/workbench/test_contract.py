"""A deliberately bad plugin of each kind breaks the clause that is meant for it, and is told so."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from guests import outside_package
from sqlalchemy.orm import Session, mapped_column

from statscache.config import Config
from statscache.errors import ContractError
from statscache.message import entry
from statscache.plugins import (
    AsyncPlugin,
    BaseModel,
    BasePlugin,
    CategorizedLogModel,
    CategorizedModel,
    Count,
    Schedule,
    count_model,
)
from statscache.registry import Given
from statscache.testing import Bus
from statscache.times import moment
from statscache.workbench import candidates, contract
from statscache.workbench.contract import CLAUSES

Message = dict[str, Any]
HOUR = timedelta(hours=1)
NUMBER = 30


def messages() -> list[Message]:
    """Thirty messages about three packages, over some hours."""
    bus, made = Bus(), []
    for number in range(NUMBER):
        bus.clock.advance(700)
        made.append(bus.message("org.example.prod.build", {"package": "abc"[number % 3]}))
    return made


@pytest.fixture
def config(tmp_path: Any) -> Config:
    return Config(
        {
            "statscache.journal.path": tmp_path / "never" / "journal.sqlite",
            "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'never.sqlite'}",
        }
    )


@pytest.fixture
def faults(config: Config) -> Any:
    """The faults of a plugin, by the name of the clause."""

    def find(plugin: type[BasePlugin]) -> dict[str, str]:
        found = candidates.load(config, [Given("tests", "tests", [plugin])])
        assert found.skipped == []
        entries = [
            entry(one, one["timestamp"], maximum_future=0, maximum_bytes=1 << 20)
            for one in messages()
        ]
        (case,) = contract.cases([*found.enabled.values()], config, entries)
        (ident,) = found.enabled
        names = [clause.__name__ for clause in CLAUSES]
        held = dict(zip(names, contract.hold(case, ident), strict=False))
        return {name: one.fault for name, one in held.items() if one.fault}

    return find


class Good(Count):
    name, by, interval = "good", ("package",), HOUR

    def count(self, message: Message) -> Any:
        yield message["msg"]["package"]


class Newest(CategorizedLogModel):
    __tablename__ = "data_contract_newest"


class Last(BasePlugin):
    """Keeps what came last, whenever it was sent."""

    name, model = "last", Newest

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        for one in messages:
            time = datetime.fromtimestamp(one["timestamp"], UTC).replace(tzinfo=None)
            package = one["msg"]["package"]
            row = session.scalar(sa.select(Newest).where(Newest.category == package))
            if row is None:
                row = Newest(category=package, message="")
                session.add(row)
            row.timestamp, row.message = time, one["msg_id"]


class Counting(BasePlugin):
    """Counts by package in a way that is right; the bad ones differ in one thing."""

    interval = HOUR

    def __init__(self, schedule: Schedule | None, config: Mapping[str, Any]) -> None:
        super().__init__(schedule, config)
        self.model = count_model(self.ident, ("package",))
        self.buckets = 0

    def start(self, message: Message) -> int:
        assert self.schedule
        return self.schedule.start(message["timestamp"])

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        for one in messages:
            self.model.add(session, {(self.start(one), one["msg"]["package"]): 1})


class OncePerBucket(Counting):
    name = "once per bucket"

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        super().handle(session, messages[:1])


class Totals(CategorizedModel):
    __tablename__ = "data_contract_totals"


class Memory(BasePlugin):
    """Has the sums in memory, and writes them over those that it wrote before."""

    name, interval, model = "memory", HOUR, Totals

    def __init__(self, schedule: Schedule | None, config: Mapping[str, Any]) -> None:
        super().__init__(schedule, config)
        self.totals: Counter[tuple[int, str]] = Counter()

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        assert self.schedule
        for one in messages:
            start = self.schedule.start(one["timestamp"])
            self.totals[start, one["msg"]["package"]] += 1
        for (start, package), number in self.totals.items():
            key = (Totals.timestamp == moment(start), Totals.category == package)
            session.execute(sa.delete(Totals).where(*key))
            session.add(Totals(timestamp=start, category=package, scalar=number))


SEEN: set[str] = set()


class Global(Counting):
    """Remembers beside the database what it has counted."""

    name = "global"

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        run = str(session.connection().engine.url)
        fresh = [one for one in messages if run + one["msg_id"] not in SEEN]
        SEEN.update(run + one["msg_id"] for one in fresh)
        super().handle(session, fresh)


class Clocked(Counting):
    name = "clocked"
    ticks = count(1_000_000_001, 60)

    def start(self, message: Message) -> int:
        return next(self.ticks)


class Careless(Good):
    name, reads_only = "careless", True

    def count(self, message: Message) -> Any:
        message["msg"]["seen"] = True
        yield message["msg"]["package"]


class Pickled(BaseModel):
    __tablename__ = "data_contract_pickled"
    found = mapped_column(sa.PickleType)


class Odd(BasePlugin):
    name, model = "odd", Pickled
    value: Any = frozenset("a")

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        for one in messages:
            session.add(Pickled(timestamp=one["timestamp"], found=self.value))


class Endless(Odd):
    name, value = "endless", float("nan")


class Laid(Good):
    name, layout = "laid", {1, 2}


class Fussy(Good):
    name = "fussy"

    def count(self, message: Message) -> Any:
        yield {"a": "a", "b": "b"}[message["msg"]["package"]]


class Ending(Counting):
    name = "ending"

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        super().handle(session, messages)
        session.execute(sa.text("COMMIT"))


class Unready(Good):
    name = "unready"

    def initialize(self, session: Session) -> None:
        raise LookupError("no such host")


class Rowless(BasePlugin):
    name = "rowless"


class Slow(Good):
    name = "slow"

    def count(self, message: Message) -> Any:
        time.sleep(0.011)
        yield message["msg"]["package"]


class Beside(AsyncPlugin):
    """Its rows say at first that the work on them is to be done."""

    name, model = "beside", Newest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made: list[Message] = []

    def process(self, message: Message) -> None:
        self.made.append(message)

    def update(self, session: Session) -> None:
        rows = [Newest(timestamp=one["timestamp"], category="", message="") for one in self.made]
        session.add_all(rows)
        session.flush()
        for row in rows:
            self.queue.enqueue(row)
        self.made = []

    def work(self, row: Any) -> None:
        time.sleep(0.011)
        row.message = "done"


class Table(CategorizedModel):
    __tablename__ = "data_contract_table"
    extra = mapped_column(sa.ARRAY(sa.Integer))


class Tableless(BasePlugin):
    name, model, interval = "tableless", Table, HOUR


@pytest.mark.parametrize("plugin", [Good, Beside, *outside_package()])
def test_a_good_plugin_has_no_fault_in_the_older_style_too(faults: Any, plugin: Any) -> None:
    assert faults(plugin) == {}


@pytest.mark.parametrize(
    ("plugin", "clause", "said"),
    [
        (Last, "order", "the rows depend on the order in which messages arrive\nmissing: "),
        (OncePerBucket, "buckets", "where buckets are cut (here each had 1 messages at most)"),
        (OncePerBucket, "kill", "after a kill the rows are not the same"),
        (Memory, "kill", "and keep nothing in memory\nmissing: timestamp 2026-"),
        (Global, "redelivery", "not counted exactly once: keep nothing outside the session"),
        (Clocked, "windows", "take schedule.window(message['timestamp']).start, and never the"),
        (Careless, "promise", "it has changed a message (topic org.example.prod.build), though"),
        (Odd, "plain", "the column found holds frozenset({'a'}), for which JSON has no word"),
        (Endless, "plain", "the column found holds nan, for which JSON has no word"),
        (Laid, "plain", "its layout is not what JSON can say: "),
        (Fussy, "digests", "it failed over 10 of the messages, the first 00000000-"),
        (Fussy, "digests", "KeyError: 'c'"),
        (Ending, "digests", "a plugin may not run COMMIT: use session.commit()"),
        (Rowless, "model", "it has no model, so that nothing of what it counts can be asked for"),
        (Unready, "digests", "unready-1h does not get on: "),
        (Unready, "digests", "LookupError: no such host"),
        (Tableless, "digests", "its table cannot be made"),
    ],
)
def test_a_bad_plugin_breaks_the_clause_that_names_its_fault(
    faults: Any, plugin: type[BasePlugin], clause: str, said: str
) -> None:
    assert said in faults(plugin)[clause]


@pytest.mark.parametrize(
    ("plugin", "number", "is_fault"),
    [(Good, NUMBER, False), (Slow, 20, True), (Slow, 19, False)],
)
def test_a_plugin_may_take_ten_milliseconds_a_message_where_there_are_enough_to_tell(
    config: Config, plugin: type[BasePlugin], number: int, is_fault: bool
) -> None:
    found = candidates.load(config, [Given("tests", "tests", [plugin])])
    entries = [entry(one, 2e9, maximum_future=0, maximum_bytes=1 << 20) for one in messages()]
    (case,) = contract.cases([*found.enabled.values()], config, entries[:number])
    (ident,) = found.enabled
    if is_fault:
        with pytest.raises(
            ContractError, match=r"a message takes it \d+\.\d ms, where 10 are allowed"
        ):
            contract.pace(case, ident)
    else:
        contract.pace(case, ident)


def test_a_plugin_that_cannot_begin_does_not_spoil_the_others(config: Config) -> None:
    found = candidates.load(config, [Given("tests", "tests", [Good, Unready])])
    entries = [entry(one, 2e9, maximum_future=0, maximum_bytes=1 << 20) for one in messages()]
    faults = {
        ident: [one.fault for one in contract.hold(case, ident) if one.fault]
        for case in contract.cases([*found.enabled.values()], config, entries)
        for ident in case.statistics
    }
    assert faults["good-1h"] == []
    assert len(faults["unready-1h"]) == 1


def test_a_traceback_begins_where_the_plugin_does(faults: Any) -> None:
    lines = faults(Fussy)["digests"].splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2].startswith(f'  File "{__file__}", line ')
