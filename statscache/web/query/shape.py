"""What becomes of the rows that a request asks for: which columns, which windows."""

from __future__ import annotations

import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ...errors import QueryError
from ...models import BaseModel, CountModel
from ...plugins import BasePlugin
from . import arguments as args
from . import every, zones
from .arguments import Arguments
from .every import Every

SECONDS, MILLISECONDS, ISO = "s", "ms", "iso"
SUMMING = ("every", "tz", "pivot", "fill", "open", "top")
"""Only statistics whose rows can be summed understand these."""

ARGUMENTS = (*SUMMING, "time", "links")
"""Each is given once; `fields` may be repeated."""

MOST_KEYS = 1_000
"""How many columns a pivot may have, and how many keys `top` may leave."""

_NUMBER = re.compile(r"-?\d{1,15}", re.ASCII)


class Shape(NamedTuple):
    """How the rows are shown; unasked, as they are stored.

    `fields`: the columns, in the order of the model; None: all. `time`: timestamps are epoch
    seconds, milliseconds or ISO 8601. `links`: each row brings links to its messages.

    The others are for rows that can be summed. `interval`: the seconds of the statistic's own
    windows. `folds`: its rows are never shown as they are stored. `every`: windows to sum over.
    `pivot`: the key column whose keys become columns. `by`, `sums`: of the key columns, and of the
    figures, those that are left. `fill`: the number where there is none. `open`: whether windows
    are shown that are not over yet. `top`: how many keys are shown, the rest as one.
    """

    fields: tuple[str, ...] | None = None
    time: str = SECONDS
    links: bool = False
    interval: int | None = None
    folds: bool = False
    every: Every | None = None
    pivot: str | None = None
    by: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    fill: int | None = None
    open: bool = True
    top: int | None = None

    @property
    def is_summed(self) -> bool:
        """Whether the rows are others than those that are stored."""
        return self.folds or self.asks_for_sums

    @property
    def asks_for_sums(self) -> bool:
        """Whether the request wants others than the statistic has by itself."""
        return (self.every, self.pivot, self.fill, self.top) != (None,) * 4

    @property
    def windows(self) -> Every:
        """The windows of the rows that are shown, where they can be summed."""
        assert self.interval is not None
        return self.every or every.own(self.interval)

    @property
    def is_row_a_window(self) -> bool:
        """Whether a window has no more than one row."""
        return self.pivot is not None or not self.by


PLAIN = Shape()


def parse(plugin: BasePlugin, model: type[BaseModel], arguments: Arguments) -> Shape:
    """The shape that `arguments` ask for, of the rows of `plugin`.

    Raises:
        QueryError: an argument is not usable, or not for this statistic.
    """
    shape = Shape(
        fields=_fields(model, arguments),
        time=args.choice(arguments, "time", (SECONDS, MILLISECONDS, ISO), SECONDS),
        links=_is_on(arguments, "links", "0"),
    )
    if issubclass(model, CountModel) and plugin.schedule:
        return _summing(shape, model, plugin.schedule.length, arguments)
    for name in SUMMING:
        if name in arguments:
            allowed = "for statistics that count in windows only, which this one does not"
            raise QueryError(name, arguments[name][0], allowed)
    return shape


def _summing(shape: Shape, model: type[CountModel], interval: int, arguments: Arguments) -> Shape:
    text, zone = args.one(arguments, "every"), _zone(arguments)
    pivot, fields = args.one(arguments, "pivot"), shape.fields or model.columns()
    if pivot is not None and pivot not in model.shown_by():
        raise QueryError("pivot", pivot, _keys(model))
    by, sums = ([name for name in of if name in fields] for of in (model.shown_by(), model.figures))
    shape = shape._replace(
        interval=interval,
        folds=model.hidden_key is not None,
        every=None if text is None else every.parse(text, zone, interval),
        pivot=pivot,
        by=tuple(by) if pivot is None else (pivot,),
        sums=tuple(sums) if pivot is None else tuple(sums[:1]),
        fill=_fill(arguments),
        open=_is_on(arguments, "open", "1"),
        top=_top(arguments),
    )
    _check(shape, model, arguments)
    return shape


def _check(shape: Shape, model: type[CountModel], arguments: Arguments) -> None:
    """Refuse what does not go together."""
    if shape.asks_for_sums and not shape.sums:
        allowed = f"one of {', '.join(model.figures)} among them, since rows are summed"
        raise QueryError("fields", ",".join(arguments["fields"]), allowed)
    if shape.top is not None and not shape.by:
        raise QueryError("top", str(shape.top), "where a key column is shown")
    if shape.fill is not None and not shape.is_row_a_window:
        allowed = f"with pivot, or with fields that leave out {', '.join(shape.by)}"
        raise QueryError("fill", str(shape.fill), allowed)


def _fields(model: type[BaseModel], arguments: Arguments) -> tuple[str, ...] | None:
    if "fields" not in arguments:
        return None
    columns = model.columns()
    named = [name for text in arguments["fields"] for name in text.split(",")]
    for name in named:
        if name not in columns:
            raise QueryError("fields", name, f"columns, which are {', '.join(columns)}")
    return tuple(name for name in columns if name in named)


def _zone(arguments: Arguments) -> ZoneInfo:
    text = args.one(arguments, "tz")
    return zones.GREENWICH if text is None else zones.parse("tz", text)


def _fill(arguments: Arguments) -> int | None:
    text = args.one(arguments, "fill")
    if text is not None and not _NUMBER.fullmatch(text):
        raise QueryError("fill", text, "a whole number, of at most 15 digits")
    return None if text is None else int(text)


def _top(arguments: Arguments) -> int | None:
    top = args.whole(arguments, "top")
    if top is not None and top > MOST_KEYS:
        raise QueryError("top", str(top), f"a whole number from 1 to {MOST_KEYS}")
    return top


def _is_on(arguments: Arguments, name: str, default: str) -> bool:
    return args.choice(arguments, name, ("0", "1"), default) == "1"


def _keys(model: type[CountModel]) -> str:
    by = model.shown_by()
    return f"a key column: {', '.join(by)}" if by else "nothing: there are no keys"
