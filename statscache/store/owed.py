"""What is owed: stretches of time whose messages are missing until history has brought them."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..message import EVERYBODY
from . import checkpoints
from .tables import RECALLED
from .tables import owed as table


class Debt(NamedTuple):
    """A row of the table of what is owed; times in epoch seconds.

    What was sent from `start` to `stop` is missing for `addressee`. History has been read up to
    `reached`. Behind the journal's position `filled` nothing of it is left to come; it is `healed`
    when that is counted. What is `accepted` stays missing, and nobody asks for it any more. What
    came in at positions above `after`, up to `until`, was not counted.
    """

    id: int
    addressee: str
    start: float
    stop: float
    reason: str
    opened: float
    healed: float | None
    accepted: float | None
    reached: float | None
    filled: int | None
    brought: int
    after: int | None
    until: int | None

    @property
    def read_until(self) -> float:
        """Up to where it has been read for the first time; its end is read again later."""
        reached = self.start if self.reached is None else self.reached
        return min(max(reached, self.start), self.stop)

    @property
    def awaits_late_ones(self) -> bool:
        """Whether all that is left is to read its end again, for what comes late."""
        return self.filled is None and self.read_until >= self.stop


class Missed(NamedTuple):
    """Positions of the journal above `after`, up to `until`, that a plugin was not handed.

    At position 0 stands whatever was lost with a part of the journal: of that it was not handed
    what arrived after `since`, up to `before`. Where rows were deleted, only what was `sent` from
    then on is missed. All in epoch seconds.
    """

    after: int
    until: int
    since: float = 0.0
    before: float = math.inf
    sent: float = -math.inf

    def holds(self, position: int, arrived: float, time: float) -> bool:
        """Whether it was not handed what came in there and then, and was sent at `time`."""
        if not self.after < position <= self.until or time < self.sent:
            return False
        return position > 0 or self.since < arrived <= self.before


STILL = (table.c.healed.is_(None), table.c.accepted.is_(None))
"""What still is owed."""

BEFORE_ALL = -1
"""Below every position, also that of what was lost."""

LOST = Missed(BEFORE_ALL, 0)
"""Nothing but what was lost with a part of the journal."""


def owe(
    connection: Connection,
    addressee: str,
    start: float,
    stop: float,
    reason: str,
    now: float,
    missed: Missed | None = None,
) -> None:
    """Record that the messages from `start` to `stop` (epoch seconds) are missing.

    A span that begins at the same time for the same reason is one and the same.
    """
    same = (table.c.addressee == addressee, table.c.start == start, table.c.reason == reason)
    known = connection.execute(sa.select(table.c.id, table.c.stop).where(*same)).first()
    until = {"until": missed.until} if missed else {}
    if known and known.stop < stop:
        again = sa.update(table).where(table.c.id == known.id)
        connection.execute(again.values(stop=stop, healed=None, filled=None, **until))
    elif stop > start and not known:
        values = {"addressee": addressee, "start": start, "stop": stop, "reason": reason}
        after = {"after": missed.after} if missed else {}
        made = sa.insert(table).values(**values, **after, **until, opened=now, brought=0)
        connection.execute(made)


def cover(
    connection: Connection, addressee: str, start: float, stop: float, reason: str, now: float
) -> None:
    """Record that messages from `start` to `stop` have been brought, though none were owed.

    A span that begins at the same time for the same reason, recorded at the same time, is one and
    the same.
    """
    values = {"addressee": addressee, "start": start, "reason": reason, "opened": now}
    same = (table.c[name] == value for name, value in values.items())
    done = connection.execute(sa.update(table).where(*same).values(stop=stop))
    if not done.rowcount:
        connection.execute(sa.insert(table).values(**values, stop=stop, healed=now, brought=0))


def recall(
    connection: Connection,
    ident: str,
    since: float,
    start: float,
    stop: float,
    position: int,
    now: float,
) -> None:
    """Owe what was sent from `start` to `stop` (epoch seconds) to the plugin `ident` once more.

    It had counted up to `position`. What was owed to it from `since` on goes into this.
    """
    values = {"start": start, "stop": stop, "reason": RECALLED, "opened": now, "brought": 0}
    inserted = sa.insert(table).values(addressee=ident, after=BEFORE_ALL, until=position, **values)
    # First the new one: no other has ever had its id.
    (number,) = connection.execute(inserted).inserted_primary_key or (0,)
    older = (table.c.addressee == ident, table.c.start >= since, table.c.id < number)
    connection.execute(sa.delete(table).where(*older))


def read(connection: Connection) -> list[Debt]:
    """All that is or was owed, the latest first."""
    return _read(connection)


def still(connection: Connection) -> list[Debt]:
    """What is still owed, the latest first."""
    return _read(connection, *STILL)


def ids_needed_since(connection: Connection) -> float | None:
    """When the first id arrived that may have to be compared with what is still owed.

    Also what came before a plugin joined, or began anew: it may have had that still to count. None:
    nothing is owed.
    """
    earliest: float | None = connection.execute(
        sa.select(sa.func.min(table.c.start)).where(*STILL)
    ).scalar()
    return earliest


def missed(connection: Connection, ident: str) -> list[Missed]:
    """What the plugin was not handed of what the journal had, and is still owed.

    What it was handed before its rows were deleted is missed for good.
    """
    mine = (table.c.addressee == ident, table.c.until.is_not(None))
    owing = sa.or_(sa.and_(*STILL), table.c.reason == RECALLED)
    return [_missed(debt) for debt in _read(connection, *mine, owing)]


def reach(connection: Connection, number: int, reached: float, brought: int) -> None:
    """Note how far history has been read, and how many messages that brought."""
    values = {"reached": reached, "brought": table.c.brought + brought}
    connection.execute(sa.update(table).where(table.c.id == number).values(values))


def fill(connection: Connection, number: int, position: int) -> None:
    """Note that all of it stands in the journal, up to `position`."""
    connection.execute(sa.update(table).where(table.c.id == number).values(filled=position))


def accept(connection: Connection, numbers: Collection[int], now: float) -> int:
    """Let what is owed under those numbers stay missing; how many still were owed."""
    given = sa.update(table).where(table.c.id.in_(numbers), *STILL).values(accepted=now)
    return connection.execute(given).rowcount


def heal(connection: Connection, running: Collection[str], now: float) -> list[Debt]:
    """Take what has been filled and counted for healed; returns these.

    Of what is owed to everybody, the plugins `running` decide, but for those that are suspended.
    """
    counting = checkpoints.counting(connection, running)
    positions = {ident: one.position for ident, one in counting.items()}
    done = [debt for debt in still(connection) if _is_counted(debt, positions)]
    numbers = [debt.id for debt in done]
    if numbers:
        connection.execute(sa.update(table).where(table.c.id.in_(numbers)).values(healed=now))
    return done


def _read(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Debt]:
    query = sa.select(*(table.c[name] for name in Debt._fields)).where(*conditions)
    found = connection.execute(query.order_by(table.c.stop.desc(), table.c.id.desc()))
    return [Debt(*row) for row in found]


def _missed(debt: Debt) -> Missed:
    assert debt.after is not None
    assert debt.until is not None
    if debt.reason == RECALLED:
        return Missed(debt.after, debt.until, -math.inf, debt.opened, debt.start)
    return Missed(debt.after, debt.until, debt.start)


def _is_counted(debt: Debt, positions: dict[str, int]) -> bool:
    if debt.filled is None:
        return False
    if debt.addressee == EVERYBODY:
        return all(position >= debt.filled for position in positions.values())
    return positions.get(debt.addressee, -1) >= debt.filled
