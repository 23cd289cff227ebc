"""Which rows of a statistic a request asks for."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ... import times
from ...config import Config
from ...models import BaseModel
from ...plugins import BasePlugin
from ...times import epoch, moment
from . import arguments as args
from . import filters, shape
from .arguments import Arguments
from .shape import PLAIN, Shape

BOUNDS = ("start", "stop", "before")
PAGING = ("limit", "page", "rows_per_page", "cursor")
REPEATABLE = frozenset({"fields"})
ARGUMENTS = REPEATABLE.union(BOUNDS, PAGING, shape.ARGUMENTS, ("order", "format", "callback"))
CHOOSING = frozenset((*BOUNDS, *PAGING, "order", *shape.SUMMING))
"""Whoever gives one of these knows which rows, and how many."""

DESCENDING = "desc"
ASCENDING = "asc"


class Query(NamedTuple):
    """Rows of the statistic `ident`, ordered by timestamp and id, cut at `limit`, one page of them.

    `shape` is what becomes of them before they are cut into pages. Times are naive, in UTC; `start`
    and `stop` belong to the range, `before` does not. Pages count from 1. With `each` it is the
    newest so many of each key instead, all on one page.
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
    shape: Shape = PLAIN
    each: int | None = None

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
    plugin: BasePlugin,
    model: type[BaseModel],
    arguments: Arguments,
    config: Config,
    now: datetime,
) -> Query:
    """What `arguments` ask of the rows of `plugin` at `now`, which is naive, in UTC.

    Raises:
        QueryError: an argument is not usable.
    """
    asked, shown = args.whole(arguments, "rows_per_page"), shape.parse(plugin, model, arguments)
    start, stop, before = (_time(arguments, name, now) for name in BOUNDS)
    return Query(
        ident=plugin.ident,
        order=args.choice(arguments, "order", (DESCENDING, ASCENDING), DESCENDING),
        start=start,
        # Rows from before their time are as good as others, but made-up ones are not.
        stop=now if stop is None or (shown.fill is not None and stop > now) else stop,
        before=before,
        filters=filters.parse(model, arguments, now),
        limit=args.whole(arguments, "limit"),
        page=args.whole(arguments, "page") or 1,
        rows_per_page=min(
            asked or config["statscache.app.default_rows_per_page"],
            config["statscache.app.maximum_rows_per_page"],
        ),
        shape=shown,
    )


def each(plugin: BasePlugin, arguments: Arguments) -> int | None:
    """How many of the newest rows of each key `arguments` mean, if they choose no others."""
    return None if CHOOSING.intersection(arguments) else plugin.newest_of_each


def close(query: Query, now: float) -> Query:
    """The same without the windows that are not over at `now` (epoch seconds), where it says so."""
    if query.shape.open:
        return query
    border = moment(query.shape.windows.start(int(now)))
    return query._replace(before=border if query.before is None else min(query.before, border))


def pin(arguments: Arguments, query: Query) -> Arguments:
    """The same arguments, meaning the same at any later time: their bounds are absolute."""
    pinned = dict(arguments)
    for name in BOUNDS:
        given, bound = args.one(arguments, name), getattr(query, name)
        if bound is not None and (given is None or _depends(name, given, bound)):
            pinned[name] = [times.seconds(epoch(bound))]
    return pinned


def _depends(name: str, given: str, bound: datetime) -> bool:
    """Whether `bound` is not simply what was given."""
    return times.is_relative(given) or times.parse(name, given, bound) != bound


def _time(arguments: Arguments, name: str, now: datetime) -> datetime | None:
    text = args.one(arguments, name)
    return None if text is None else times.parse(name, text, now)
