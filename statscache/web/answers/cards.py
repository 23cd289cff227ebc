"""What the dashboard shows of each statistic: those of one family on one card."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from flask import url_for
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ...plugins import BasePlugin
from ...schedule import family
from ...store.faults import is_outage
from ...store.progress import Progress
from ...text import trace
from ..query.picture import Picture
from . import chart, headline, pages, view
from .headline import Headline

MINUTE, HOUR, DAY = 60, 3_600, 86_400
SHOWN = ((DAY, 30), (HOUR, 72), (1, 60))
"""From how many seconds on windows are so many in a small chart."""

SMALL = Picture("spark", 160, 32)

log = logging.getLogger(__name__)


class Member(NamedTuple):
    """A statistic of a family.

    `spark` is the URL of a small chart, or None, and `period` the time that it shows, in words.
    """

    plugin: BasePlugin
    unit: str
    spark: str | None
    period: str
    known: Progress | None
    headline: Headline | None
    is_faulty: bool
    csv: str
    curl: str


class Card(NamedTuple):
    """A family: what is counted the same way in windows of several lengths.

    `ident` is the statistic whose page says most: that of the shortest windows from a minute on. It
    has no page where none of them keeps rows.
    """

    ident: str
    has_page: bool
    name: str
    summary: str
    members: Sequence[Member]


def read(
    connection: Connection | None, plugins: Sequence[BasePlugin], known: dict[str, Progress]
) -> list[Card]:
    """The cards of `plugins`; without a connection nothing was counted yet."""
    ordered = sorted(plugins, key=lambda one: (_family(one), _length(one)))
    found = []
    for _, alike in groupby(ordered, key=_family):
        each = [*alike]
        first = min(each, key=_rank)
        members = [_member(connection, one, known.get(one.ident)) for one in each]
        has_page = first.model is not None
        found.append(Card(first.ident, has_page, view.title(first), view.summary(first), members))
    return found


def _family(plugin: BasePlugin) -> str:
    return family(plugin.ident, plugin.schedule)


def _rank(plugin: BasePlugin) -> tuple[bool, bool, int]:
    """The least says most."""
    return plugin.model is None, _length(plugin) < MINUTE, _length(plugin)


def _length(plugin: BasePlugin) -> int:
    return plugin.schedule.length if plugin.schedule else 0


def _member(connection: Connection | None, plugin: BasePlugin, known: Progress | None) -> Member:
    newest, spark, period, is_faulty = None, None, "", False
    if plugin.model is not None and connection is not None and known is not None:
        try:
            with connection.begin_nested():
                newest = headline.read(connection, plugin, known)
                spark, period = _spark(connection, plugin, known)
        except Exception as error:
            # The others have theirs.
            if isinstance(error, SQLAlchemyError) and is_outage(error):
                raise
            log.error("the dashboard cannot show %s\n%s", plugin.ident, trace(error))
            is_faulty = True
    export = url_for("export.index", name=plugin.ident, suffix="csv")
    unit = headline.unit(plugin) if plugin.model is not None else ""
    curl = view.curl(export)
    return Member(plugin, unit, spark, period, known, newest, is_faulty, export, curl)


def _spark(connection: Connection, plugin: BasePlugin, known: Progress) -> tuple[str | None, str]:
    """A small chart, and the time that it shows."""
    if plugin.schedule is None or not chart.can_draw(plugin):
        return None, ""
    length = plugin.schedule.length
    seconds = length * next(number for least, number in SHOWN if length >= least)
    name = headline.figure(plugin.model)
    fields = {} if name is None else {"fields": [f"timestamp,{name}"]}
    arguments = {"start": [f"-{seconds}s"], **fields}
    (image,) = chart.images(connection, plugin, arguments, [SMALL], known)
    return image.url, pages.duration(seconds)
