"""What the daemon measures of itself, carried to other processes: counters and gauges.

A counter's name ends in `_total`; it begins at 0 with each daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .tables import meter as table


class Meter(NamedTuple):
    """One thing that is measured; where there are several of it, `label` says what tells them."""

    name: str
    help: str
    label: str = ""


STARTED = Meter("statscache_daemon_start_time_seconds", "When the daemon started, epoch seconds.")
VERSION = Meter("statscache_daemon_info", "The version of the daemon.", "version")
ACCEPTED = Meter("statscache_messages_accepted_total", "Messages of the bus that were taken in.")
DUPLICATES = Meter(
    "statscache_messages_duplicate_total", "Messages taken in whose id was known already."
)
QUEUE = Meter("statscache_queue_messages", "Messages between the bus and the journal.")
JOURNAL_BYTES = Meter("statscache_journal_bytes", "Bytes of the journal that are in use.")
JOURNAL_ENTRIES = Meter("statscache_journal_entries", "Entries of the journal, about.")
OLDEST = Meter(
    "statscache_journal_waiting_seconds",
    "How long the oldest entry has waited for a statistic that is not suspended; 0: none waits.",
)
TURNS = Meter("statscache_turns_total", "Turns of counting.", "period")
COUNTING = Meter(
    "statscache_counting_seconds_total", "Seconds that counting has taken.", "statistic"
)
HISTORY = Meter("statscache_history_requests_total", "Requests to datagrepper.")

METERS = (
    *(STARTED, VERSION, ACCEPTED, DUPLICATES, QUEUE, JOURNAL_BYTES, JOURNAL_ENTRIES, OLDEST),
    *(TURNS, COUNTING, HISTORY),
)

Values = Mapping[Meter, Mapping[str, float]]
"""Of each meter, and of each value of its label (empty where it has none)."""


def write(connection: Connection, values: Values, now: float) -> None:
    """Let these be all that is known, measured at `now` (epoch seconds)."""
    connection.execute(sa.delete(table))
    rows = [
        {"name": meter.name, "label": label, "value": value, "at": now}
        for meter, measured in values.items()
        for label, value in measured.items()
    ]
    if rows:
        connection.execute(sa.insert(table), rows)


def read(connection: Connection) -> dict[Meter, dict[str, float]]:
    """What was measured last; what this version does not know is left out."""
    known = {meter.name: meter for meter in METERS}
    found: dict[Meter, dict[str, float]] = {}
    query = sa.select(table.c.name, table.c.label, table.c.value).where(table.c.name.in_(known))
    for name, label, value in connection.execute(query.order_by(table.c.name, table.c.label)):
        found.setdefault(known[name], {})[label] = value
    return found
