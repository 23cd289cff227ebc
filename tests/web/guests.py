"""Plugins to serve: a statistic of ours, and such as outside packages bring."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session, mapped_column

from statscache.plugins import BasePlugin, CategorizedLogModel, Count, ScalarModel

NOW = 1_767_830_400.25
"""2026-01-08 00:00:00.25 UTC: when all requests are made."""

HOUR = 3600
FIRST = 1_767_830_400 - 10 * HOUR
STATES = ("canceled", "failed", 'größe, "quoted"')


class BuildsByState(Count):
    """Builds entering each state.

    Counted when the build system says so.
    """

    name, by, interval = "builds by state", ("state",), timedelta(hours=1)
    unit = "builds"


class Event(CategorizedLogModel):
    """An event, in the way of an older package: it declares its timestamp by itself."""

    __tablename__ = "data_events"
    timestamp = mapped_column(sa.DateTime, nullable=False, index=True)


class Events(BasePlugin):
    name = "event logs"
    summary = "What happened lately"
    description = "Every event, as text."
    model = Event
    layout = {"groups": [{"id": "rawhide", "title": "Rawhide"}]}  # noqa: RUF012


class Odd(ScalarModel):
    """Columns of all kinds, and ways of its own to write them."""

    __tablename__ = "data_odd"
    ratio = mapped_column(sa.Float)
    price = mapped_column(sa.Numeric(10, 2))
    done = mapped_column(sa.Boolean)
    day = mapped_column(sa.Date)
    seen = mapped_column(sa.DateTime)
    level = mapped_column(sa.Enum("low", "high", native_enum=False, create_constraint=False))
    extra = mapped_column(sa.JSON)

    @classmethod
    def to_json(cls, instances):
        return str([one.scalar for one in instances])

    @classmethod
    def to_csv(cls, instances):
        return "".join(f"{one.scalar}\r\n" for one in instances)


class OddColumns(BasePlugin):
    """Columns of all kinds, `scalar` among them."""

    name = "python 3.11 builds"
    model = Odd


class Silent(BasePlugin):
    """Keeps nothing."""

    name = "silent"


class Never(Count):
    name, interval = "never counted", timedelta(days=1)


everything = [BuildsByState, Events, OddColumns, Silent, Never]


def fill(session: Session, builds: type[Count]) -> None:
    """Ten hours of builds in three states, three events (two at once), two odd rows."""
    builds.add(
        session,
        {
            (FIRST + hour * HOUR, state): 10 * hour + number + 1
            for hour in range(10)
            for number, state in enumerate(STATES)
        },
    )
    at = datetime(2026, 1, 7, 12)
    text = '{"name": "nightly", "status": "info", "link": "https://example.org/\u2028"}'
    session.add_all(
        [
            Event(timestamp=at, category="rawhide", message=text),
            Event(timestamp=at, category="f43", message=text),
            Event(timestamp=at + timedelta(microseconds=500_001), category="f43", message="plain"),
        ]
    )
    for number in (1, 2):
        odd = Odd(timestamp=at + number * timedelta(hours=1), scalar=number, ratio=number / 2)
        odd.price, odd.done, odd.level = Decimal(number), number == 1, "low"
        odd.day, odd.seen, odd.extra = date(2026, 1, number), at, {"number": number}
        session.add(odd)
