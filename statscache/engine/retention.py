"""Rows that are older than their retention go, and are never begun again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..config import Config
from ..models import BaseModel
from ..registry import Statistic
from ..store import Store, changes, checkpoints
from ..times import epoch, moment

STEP = 5_000
"""Rows that go in one transaction, about."""

LEAST_STEP = 60
"""Seconds that the horizon moves at a time, at the least."""


def horizon(statistic: Statistic, config: Config, now: float) -> float:
    """The start of the oldest window that is kept, epoch seconds; 0 keeps all."""
    default = statistic.plugin.retention
    seconds = config.retention(statistic.ident, default.total_seconds() if default else None)
    if seconds is None:
        return 0
    step = max(statistic.window, LEAST_STEP)
    return max(0, (now - seconds) // step * step)


def expire(store: Store, statistic: Statistic, config: Config, now: float) -> None:
    """Delete the rows of `statistic` that are too old, in steps.

    Each step raises the horizon in the same transaction: what is older is never counted again.
    """
    target = horizon(statistic, config, now)
    while target and _expire_step(store, statistic.ident, statistic.model, target, now) < target:
        pass


def _expire_step(
    store: Store, ident: str, model: type[BaseModel] | None, target: float, now: float
) -> float:
    """Delete some of the oldest rows; the horizon as it then is."""
    with store.reading() as connection:
        if checkpoints.read_one(connection, ident).horizon >= target:
            return target
    with store.writing() as connection:
        locked = checkpoints.lock(connection, ident)
        until = _until(connection, model, target) if model else target
        checkpoints.set_horizon(connection, ident, max(until, locked.horizon))
        if model and _delete_before(connection, model, until):
            checkpoints.stamp(connection, ident)
            changes.note_expired(connection, ident, locked.revision, until, now)
    return until


def _delete_before(connection: Connection, model: type[BaseModel], until: float) -> int:
    return connection.execute(sa.delete(model).where(model.timestamp < moment(until))).rowcount


def _until(connection: Connection, model: type[BaseModel], target: float) -> float:
    """Up to where one step can go: `target`, or less where many rows stand before it."""
    next_row = sa.select(model.timestamp).order_by(model.timestamp).offset(STEP).limit(1)
    found: Any = connection.execute(next_row).scalar()
    if found is None or epoch(found) >= target:
        return target
    oldest = connection.execute(sa.select(sa.func.min(model.timestamp))).scalar()
    # One window may hold more rows than a step: go past it, or there would be no progress.
    return min(target, epoch(found) if found > oldest else epoch(found) + 1)
