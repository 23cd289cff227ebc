"""Keys that have fallen silent: heard of lately, and then no more."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...times import epoch, moment
from .rows import Model

DAY = 86_400
LATELY, SILENT = 7 * DAY, DAY


class Silent(NamedTuple):
    """A key, and when it was last heard of, in epoch seconds."""

    key: str
    last: float


def read(
    connection: Connection, model: Model, column: str, until: float, limit: int
) -> tuple[list[Silent], int]:
    """Keys in `column` that were heard of in the week before `until`, but not in its last day.

    `model` has one row a key, with the time of the last message. What came in until then is
    counted: where nobody counts, not everything falls silent. At most `limit`, those
    first that were heard of last; and how many there are in all.
    """
    last = sa.and_(
        model.timestamp >= moment(until - LATELY), model.timestamp < moment(until - SILENT)
    )
    number = connection.scalar(sa.select(sa.func.count()).select_from(model).where(last)) or 0
    found = (
        sa.select(getattr(model, column), model.timestamp)
        .where(last)
        .order_by(model.timestamp.desc(), getattr(model, column))
        .limit(limit)
    )
    return [Silent(key, epoch(time)) for key, time in connection.execute(found)], number
