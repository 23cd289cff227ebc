"""Faults that are put into the rows of a sound store, and what has to be said of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import reckoning
import sqlalchemy as sa
from samples import NOW
from sqlalchemy.orm import Session

from statscache.models.columns import epoch, moment
from statscache.registry import Statistic
from statscache.store import Store
from statscache.verify.evidence import Difference

Message = dict[str, Any]
Key = tuple[Any, ...]
Sums = tuple[int, ...]
Table = dict[Key, Sums]
Tables = dict[str, Table]
"""The rows of each statistic: timestamp (epoch seconds) and other keys, and their sums."""

LATE = MINUTE = 60
DAY = 86_400
SINCE = NOW - 2 * DAY


class Heard(NamedTuple):
    """A message, and when it arrived (epoch seconds)."""

    message: Message
    arrived: float

    @property
    def id(self) -> str:
        """The id by which it is named, if it has one."""
        return str(reckoning.identity(self.message))

    @property
    def minute(self) -> float:
        return float(self.message["timestamp"] // MINUTE * MINUTE)


class Fault(NamedTuple):
    """Something that is wrong, a row in which it shows, and the message where there is one."""

    kind: str
    ident: str
    key: Key
    id: str = ""

    def is_named(self, found: list[Difference]) -> bool:
        """Whether the row is told of, and the message, too."""
        return any(
            (one.ident, one.key) == (self.ident, self.key)
            and (not self.id or [*one.missing, *one.surplus] == [self.id])
            for one in found
        )


def stored(store: Store, statistics: list[Statistic]) -> Tables:
    """What stands in the database, read without the code that compares."""
    return {one.ident: _table(store, one.model) for one in statistics}


def _table(store: Store, model: Any) -> Table:
    columns = [getattr(model, name) for name in ("timestamp", *model.by, *model.sums)]
    keys = 1 + len(model.by)
    with store.reading() as connection:
        found = connection.execute(sa.select(*columns))
        return {(epoch(row[0]), *row[1:keys]): tuple(row[keys:]) for row in found}


def rows_of(heard: Heard, statistic: Statistic) -> Table:
    """What the message comes to, reckoned without the code that counts."""
    assert statistic.schedule
    message, length = heard.message, statistic.schedule.length
    start = float(message["timestamp"] // length * length)
    if statistic.ident == "audit-1m":
        digest = hashlib.sha256(heard.id.encode()).digest()
        late = int(heard.arrived - message["timestamp"] > LATE)
        lanes = (int.from_bytes(digest[at : at + 4], "big") for at in (0, 4))
        return {(start,): (1, late, *lanes)}
    by = statistic.ident.split("-")[2:-1]
    keys = reckoning.KEYS[by[0]](message) if by else [None]
    return {(start, *([key] if by else [])): (1,) for key in keys}


def add(table: Table, amounts: Table, times: int = 1) -> None:
    """Add to a table in memory; a row without anything is none."""
    for key, sums in amounts.items():
        before = table.get(key, (0,) * len(sums))
        table[key] = tuple(a + times * b for a, b in zip(before, sums, strict=True))
        if not any(table[key]):
            del table[key]


def write(store: Store, statistic: Statistic, key: Key, sums: Sums | None) -> None:
    """Make the row what is given, or take it away, behind the back of everybody."""
    model: Any = statistic.model
    names = ("timestamp", *model.by)
    values = dict(zip(names, (moment(key[0]), *key[1:]), strict=True))
    with store.writing() as connection, Session(connection) as session:
        session.execute(
            sa.delete(model).where(*(getattr(model, name) == values[name] for name in names))
        )
        if sums:
            values |= dict(zip(model.sums, sums, strict=True))
            session.execute(sa.insert(model).values(values))
        session.flush()


# -- kinds of faults -------------------------------------------------------------------------------


def changed(random: Random, table: Table, statistic: Statistic) -> None:
    """A row has another number."""
    key = random.choice([*table])
    sums = list(table[key])
    place = random.randrange(len(sums))
    sums[place] += random.choice((-sums[place] - 3, -1, 1, 2, 1_000_000))
    table[key] = tuple(sums) if any(sums) else (*sums[:-1], 7)


def missing(random: Random, table: Table, statistic: Statistic) -> None:
    """A row is gone."""
    del table[random.choice([*table])]


def extra(random: Random, table: Table, statistic: Statistic) -> None:
    """There is a row of which nobody has heard."""
    assert statistic.schedule
    start = random.choice([*table])[0]
    model: Any = statistic.model
    key = (start, *(f"never heard of {random.random()}" for _ in model.by))
    if not model.by:
        # Off the beat: no window begins there.
        key = (start + random.randrange(1, statistic.schedule.length),)
    table[key] = tuple(random.randrange(1, 9) for _ in model.sums)


ROW_FAULTS: dict[str, Callable[[Random, Table, Statistic], None]] = {
    one.__name__: one for one in (changed, missing, extra)
}

MESSAGE_FAULTS = {"uncounted": -1, "doubled": 1}
"""How often more the message is counted than it should be."""


def in_a_row(random: Random, kind: str, statistic: Statistic, truth: Table, spoilt: Table) -> Fault:
    """Spoil one row of the first day with which nothing else is wrong."""
    right = {
        key: sums
        for key, sums in truth.items()
        if SINCE <= key[0] < SINCE + DAY and spoilt.get(key) == sums
    }
    table = dict(right)
    ROW_FAULTS[kind](random, table, statistic)
    (key,) = (key for key in table.keys() | right.keys() if table.get(key) != right.get(key))
    spoilt.pop(key, None)
    spoilt |= {key: table[key]} if key in table else {}
    return Fault(kind, statistic.ident, key)
