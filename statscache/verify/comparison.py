"""Rows as they are stored beside rows as they are recomputed, window by window."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..models import BaseModel, CountModel, Newest
from ..registry import Statistic
from ..times import epoch, moment

MODULUS = 1 << 64

Key = tuple[Any, ...]
"""The timestamp of a row (epoch seconds), and then the values of its other key columns."""

Amounts = tuple[int, ...]
"""The sums of a row; of a model that has none, how many such rows there are."""

Rows = dict[Key, Amounts]


Elsewhere = Mapping[tuple[Any, ...], float]
"""When the newest event of a key was (epoch seconds), where that is not in what is compared."""


class Part(NamedTuple):
    """The rows of `statistic` from `start` to `stop` (epoch seconds), without some columns.

    Where the newest event takes the place of older ones, those that are newer `elsewhere` have
    taken the places of such as history has here.
    """

    statistic: Statistic
    start: float
    stop: float
    without: Collection[str] = ()
    elsewhere: Elsewhere = {}  # noqa: RUF012 - nobody changes it

    @property
    def model(self) -> type[BaseModel]:
        assert self.statistic.model
        return self.statistic.model

    @property
    def sums(self) -> tuple[str, ...]:
        """The columns that are added to; none where the model has no such."""
        return self.model.sums if issubclass(self.model, CountModel) else ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that tell rows apart, behind the timestamp; in the order of `add`."""
        if issubclass(self.model, CountModel):
            return self.model.by
        return tuple(self.model.columns()[1:])

    @property
    def unique(self) -> tuple[str, ...]:
        """The columns of which the newest event of each is kept; none where all are."""
        return self.model.unique if issubclass(self.model, Newest) else ()


def elsewhere(connection: Connection, parts: Sequence[Part]) -> Elsewhere:
    """The rows of a statistic that are newer than some of `parts`, and in none of them."""
    if not parts or not parts[0].unique:
        return {}
    model = parts[0].model
    columns = [getattr(model, name) for name in parts[0].unique]
    inside = [
        sa.and_(model.timestamp >= moment(one.start), model.timestamp < moment(one.stop))
        for one in parts
    ]
    first = moment(min(one.start for one in parts))
    query = sa.select(model.timestamp, *columns).where(model.timestamp >= first)
    found = connection.execute(query.where(sa.not_(sa.or_(*inside))))
    return {tuple(key): epoch(time) for time, *key in found}


def rows(connection: Connection, part: Part) -> Iterator[tuple[Key, Amounts]]:
    """The rows, one by one; columns that are left out are 0 or None."""
    names = ("timestamp", *part.names, *part.sums)
    columns = [
        sa.literal(0 if name in part.sums else None) if name in part.without
        else getattr(part.model, name)
        for name in names
    ]  # fmt: skip
    time = part.model.timestamp
    query = sa.select(*columns).where(time >= moment(part.start), time < moment(part.stop))
    keys = 1 + len(part.names)
    unique = [names.index(name) for name in part.unique] if part.elsewhere else []
    for row in connection.execute(query.execution_options(yield_per=5_000)):
        stamp, *values = row
        assert isinstance(stamp, datetime)
        if unique and epoch(stamp) <= part.elsewhere.get(
            tuple(row[at] for at in unique), -math.inf
        ):
            continue
        yield (epoch(stamp), *values[: keys - 1]), tuple(values[keys - 1 :]) or (1,)


def fingerprints(connection: Connection, part: Part) -> dict[int, int]:
    """A number for each window that has rows: where all rows are equal, so are the numbers."""
    found: defaultdict[int, int] = defaultdict(int)
    seconds = part.statistic.window
    for row in rows(connection, part):
        start = int(row[0][0] // seconds) * seconds
        # Of the text: Python gives -1 and -2 the same hash.
        found[start] = (found[start] + hash(repr(row))) % MODULUS
    return found


def windows(connection: Connection, part: Part, wanted: Collection[int]) -> dict[int, Rows]:
    """The rows of the windows that begin at the times `wanted`."""
    found: dict[int, Rows] = {start: {} for start in wanted}
    seconds = part.statistic.window
    for start in wanted:
        one = part._replace(start=start, stop=start + seconds)
        for key, amounts in rows(connection, one):
            before = found[start].get(key, (0,) * len(amounts))
            found[start][key] = tuple(map(sum, zip(before, amounts, strict=True)))
    return found


def unequal(stored: Mapping[int, Any], recomputed: Mapping[int, Any]) -> set[int]:
    """The windows that are not the same in both."""
    return {
        start
        for start in stored.keys() | recomputed.keys()
        if stored.get(start) != recomputed.get(start)
    }
