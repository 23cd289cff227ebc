"""The cheap comparison: how many messages an hour has here, and how many in the archive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from ..history import Datagrepper
from ..journal import Span
from ..models import CountModel
from ..registry import HOUR, Registry, Statistic
from ..store import Store
from ..times import moment
from .completeness import inwards

COUNTERS = ("volume-1h", "volume-1m", "audit-1m", "volume-5s", "volume-1s")
"""The statistics of which the volume is the number of all messages; the fewest rows come first."""


class Total(NamedTuple):
    """How many messages one hour has, here and in the archive; `start` in epoch seconds."""

    start: int
    stored: int
    archived: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.start + HOUR)


def counter(installed: Registry) -> Statistic | None:
    """The statistic to ask for all messages of an hour; None if none of them is on."""
    return next((installed.enabled[one] for one in COUNTERS if one in installed.enabled), None)


def totals(store: Store, statistic: Statistic, client: Datagrepper, span: Span) -> Iterator[Total]:
    """The whole hours inside `span` (epoch seconds), each from two short questions.

    Raises:
        HistoryError: the archive cannot be asked.
    """
    start, stop = inwards(span, HOUR)
    for hour in range(int(start), int(stop), HOUR):
        yield Total(hour, _stored(store, statistic, hour), client.total(hour, hour + HOUR))


def _stored(store: Store, statistic: Statistic, hour: int) -> int:
    model = statistic.model
    assert model
    assert issubclass(model, CountModel)
    inside = (model.timestamp >= moment(hour), model.timestamp < moment(hour + HOUR))
    with store.reading() as connection:
        found = connection.execute(sa.select(sa.func.sum(model.volume)).where(*inside)).scalar()
    return int(found or 0)
