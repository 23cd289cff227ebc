"""Which rows of a statistic a request asks for."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from .. import times
from ..config import Config
from ..models import BaseModel
from ..times import epoch
from . import arguments as args
from . import filters
from .arguments import Arguments

BOUNDS = ("start", "stop", "before")
PAGING = ("limit", "page", "rows_per_page", "cursor")
ARGUMENTS = frozenset({*BOUNDS, *PAGING, "order", "format", "callback"})
DESCENDING = "desc"
ASCENDING = "asc"


class Query(NamedTuple):
    """Rows of the statistic `ident`, ordered by timestamp and id, cut at `limit`, one page of them.

    Times are naive, in UTC; `start` and `stop` belong to the range, `before` does not. Pages count
    from 1.
    """

    ident: str
    order: str
    start: datetime | None
    stop: datetime
    before: datetime | None
    filters: filters.Filters
    limit: int | None
    page: int
    rows_per_page: int

    @property
    def skipped(self) -> int:
        """How many rows the pages before this one hold."""
        return (self.page - 1) * self.rows_per_page

    @property
    def size(self) -> int:
        """How many rows the page holds at the most."""
        if self.limit is None:
            return self.rows_per_page
        return max(0, min(self.rows_per_page, self.limit - self.skipped))

    @property
    def reaches_limit(self) -> bool:
        """Whether no page can follow, however many rows there are."""
        return self.limit is not None and self.skipped + self.size >= self.limit


def parse(
    ident: str, model: type[BaseModel], arguments: Arguments, config: Config, now: datetime
) -> Query:
    """What `arguments` ask of the statistic `ident` at `now`, which is naive, in UTC.

    Raises:
        QueryError: an argument is not usable.
    """
    asked = args.whole(arguments, "rows_per_page")
    start, stop, before = (_time(arguments, name, now) for name in BOUNDS)
    return Query(
        ident=ident,
        order=args.choice(arguments, "order", (DESCENDING, ASCENDING), DESCENDING),
        start=start,
        stop=now if stop is None else stop,
        before=before,
        filters=filters.parse(model, arguments, now),
        limit=args.whole(arguments, "limit"),
        page=args.whole(arguments, "page") or 1,
        rows_per_page=min(
            asked or config["statscache.app.default_rows_per_page"],
            config["statscache.app.maximum_rows_per_page"],
        ),
    )


def pin(arguments: Arguments, query: Query) -> Arguments:
    """The same arguments, meaning the same at any later time: relative bounds become absolute."""
    pinned = dict(arguments)
    for name in BOUNDS:
        given = args.one(arguments, name)
        if (given is None and name == "stop") or (given and times.is_relative(given)):
            pinned[name] = [times.seconds(epoch(getattr(query, name)))]
    return pinned


def _time(arguments: Arguments, name: str, now: datetime) -> datetime | None:
    text = args.one(arguments, name)
    return None if text is None else times.parse(name, text, now)
