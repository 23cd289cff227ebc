"""How everything stands, for those who watch over it: all that the daemon notes of itself."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import SchemaError
from . import checkpoints, deadletters, meters, owed, schema
from .checkpoints import Checkpoint
from .meters import Meter
from .owed import Debt
from .ownership import STALE
from .tables import NO_GAPS, RECALLED, owner, refused

_VERSION = sa.select(sa.column("version_num", sa.Text)).select_from(sa.table(schema.VERSION_TABLE))
_REFUSED = sa.select(refused.c.reason, sa.func.sum(refused.c.number)).group_by(refused.c.reason)


class Standing(NamedTuple):
    """One state of the database; times in epoch seconds.

    `dead_letters` by ident, `refused` messages by reason, `debts` that stand, `beat`: when the
    daemon last said that it lives (0: it has ended; None: there never was one).
    """

    checkpoints: dict[str, Checkpoint]
    dead_letters: dict[str, int]
    debts: list[Debt]
    refused: dict[str, int]
    beat: float | None
    meters: dict[Meter, dict[str, float]]

    @property
    def gaps(self) -> list[Debt]:
        """What was sent while nobody listened, or was lost, and is still missing."""
        return [debt for debt in self.debts if debt.reason not in (*NO_GAPS, RECALLED)]

    def is_beating(self, now: float) -> bool:
        """Whether a daemon is alive."""
        return is_fresh(self.beat, now)


def beat(connection: Connection) -> float | None:
    """When the daemon last said that it lives, in epoch seconds; 0: it has ended."""
    found: float | None = connection.execute(sa.select(owner.c.beat)).scalar()
    return found


def is_fresh(beat: float | None, now: float) -> bool:
    """Whether whoever said so then is alive at `now`."""
    return beat is not None and now - beat < STALE


def read(connection: Connection) -> Standing:
    """How everything stands.

    Raises:
        SchemaError: the tables are behind or ahead of this version.
    """
    found = connection.execute(_VERSION).scalar()
    if found != schema.head():
        raise SchemaError(
            f"the database is at revision {found or 'none'}, this version needs {schema.head()}: "
            "run `statscache db upgrade`, or install the version that the database is of"
        )
    return Standing(
        checkpoints=checkpoints.read(connection),
        dead_letters=deadletters.totals(connection),
        debts=owed.still(connection),
        refused={reason: int(number) for reason, number in connection.execute(_REFUSED)},
        beat=beat(connection),
        meters=meters.read(connection),
    )
