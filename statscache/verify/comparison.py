"""Rows as they are stored beside rows as they are recomputed, window by window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..models import BaseModel, CountModel
from ..registry import Statistic
from ..times import epoch, moment

MODULUS = 1 << 64

Key = tuple[Any, ...]
"""The timestamp of a row (epoch seconds), and then the values of its other key columns."""

Amounts = tuple[int, ...]
"""The sums of a row; of a model that has none, how many such rows there are."""

Rows = dict[Key, Amounts]


class Part(NamedTuple):
    """The rows of `statistic` from `start` to `stop` (epoch seconds), without some columns."""

    statistic: Statistic
    start: float
    stop: float
    without: Collection[str] = ()

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
    for row in connection.execute(query.execution_options(yield_per=5_000)):
        stamp, *values = row
        assert isinstance(stamp, datetime)
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
