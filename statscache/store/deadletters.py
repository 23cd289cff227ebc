"""Messages that a plugin could not digest, set aside with the traceback."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..message import Entry
from ..text import storable
from .tables import dead_letter


def add(
    connection: Connection, ident: str, entry: Entry, error: str, traceback: str, now: float
) -> None:
    """Set `entry` aside for the statistic `ident`."""
    body = entry.body.decode() if isinstance(entry.body, bytes) else entry.body
    connection.execute(
        sa.insert(dead_letter).values(
            ident=ident,
            message_id=entry.id,
            arrived=entry.arrived,
            time=entry.time,
            topic=entry.topic,
            body=body,
            error=storable(error),
            traceback=storable(traceback),
            set_aside=now,
            attempts=1,
        )
    )
