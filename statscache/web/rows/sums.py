"""The SQL that sums rows into windows, a chunk of whole windows at a time.

So the first page costs what its windows cost, one far down begins where the one before it ended,
and all rows can be read in little memory. Rows are ordered by window and keys, which no two share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ...errors import QueryError
from ...times import epoch, moment
from ..query.cursors import Place
from ..query.every import Every
from ..query.query import Query
from . import folding, keys, runs, span
from .folding import Conditions, Group
from .keys import TIMESTAMP, Key, Keys
from .runs import Run
from .span import Model, Span

Row = tuple[Place, Sequence[Any]]
"""Where a row stands, and its values."""

MOST_WINDOWS = 1_000_000
"""So many get rows from `fill`."""

LONGEST = 10_000
MANY = 5_000
GROWTH = 4
"""A chunk has at most so many windows, should have so many sums, and is so many times as long as
the one before it at the most."""


class Sum(NamedTuple):
    """What the rows of a window and key come to; `start` is that of the window."""

    start: int
    key: Key
    amounts: tuple[int | float, ...]


class Plan(NamedTuple):
    """What is summed, and `columns`: the names of what a row shows."""

    model: Model
    query: Query
    keys: Keys
    columns: list[str]

    @property
    def windows(self) -> Every:
        return self.query.shape.windows

    @property
    def fills(self) -> bool:
        return self.query.shape.fill is not None


def plan(connection: Connection, model: Model, query: Query) -> Plan:
    """How to sum what `query` asks for.

    Raises:
        QueryError: a pivot would have too many columns, or `fill` too many windows to fill.
    """
    shown, shape = keys.shown(connection, model, query), query.shape
    if shown.columns is None:
        wanted = (TIMESTAMP, *shape.by, *shape.sums)
        columns = [name for name in folding.mapped(model).columns() if name in wanted]
    else:
        columns = [TIMESTAMP, *shown.columns.values()]
    made = Plan(model, query, shown, columns)
    if made.fills:
        _refuse_endless(_bounds(connection, made), shape.windows, shape.fill)
    return made


def walk(
    connection: Connection,
    made: Plan,
    *,
    descending: bool,
    place: Place | None = None,
    skip: int = 0,
    limit: int | None = None,
) -> Iterator[Row]:
    """The rows in that direction, only those behind `place` if there is one.

    The first of them are skipped; no more than `limit` of the others are wanted.
    """
    stop = None if limit is None else skip + limit
    found = _sums(connection, made, descending, place, stop)
    rows = _pivoted(made, found) if made.keys.columns is not None else _listed(made, found)
    if place is not None:
        rows = (row for row in rows if (row[0] < place if descending else row[0] > place))
    return islice(rows, skip, stop)


def read(connection: Connection, made: Plan) -> Iterator[Sum]:
    """All that is summed, in the order of time, all at once: for windows that are not many."""
    bounds = span.asked(made.query)
    for run in [] if bounds.is_empty else runs.of(made.windows, bounds):
        yield from _read(connection, made, run, bounds, False)


def count(connection: Connection, model: Model, query: Query) -> int:
    """How many rows there are."""
    # Windows are counted without asking which keys there are.
    of_windows = query.shape.is_row_a_window
    shown = Keys((), None) if of_windows else keys.shown(connection, model, query)
    made = Plan(model, query, shown, [])
    bounds = _bounds(connection, made)
    if bounds.is_empty:
        return 0
    if made.fills:
        return sum(run.windows for run in runs.of(made.windows, bounds))
    total = 0
    for run in runs.of(made.windows, bounds):
        group, where = _windows(connection, made, run, bounds)
        rows = folding.rows(made.model, group, where)
        different = sa.select(*[*rows.c][: len(group)]).distinct().subquery()
        total += connection.execute(sa.select(sa.func.count()).select_from(different)).scalar_one()
    return total


def _bounds(
    connection: Connection, made: Plan, place: Place | None = None, descending: bool = False
) -> Span:
    """The seconds to walk through from `place` on: those with rows, or all that are filled."""
    query = made.query
    bounds = span.filled(query) if made.fills else span.asked(query)
    if place is not None:
        at = min(max(int(epoch(place.timestamp)), span.FIRST), span.LAST)
        if descending:
            bounds = Span(bounds.start, min(bounds.stop, made.windows.end(at)))
        else:
            bounds = Span(max(bounds.start, at), bounds.stop)
    if bounds.is_empty or (made.fills and (query.start or (place and not descending))):
        return bounds
    held = span.held(connection, made.model, query, bounds)
    return Span(held.start, bounds.stop) if made.fills and not held.is_empty else held


def _sums(
    connection: Connection, made: Plan, descending: bool, place: Place | None, wanted: int | None
) -> Iterator[Sum]:
    """The sums of window after window; one without key and amounts for a window to fill."""
    bounds = _bounds(connection, made, place, descending)
    number = min(wanted, LONGEST) if wanted and made.query.shape.is_row_a_window else 1
    seen = passed = 0
    while not bounds.is_empty:
        borders = runs.borders(made.windows, bounds, number, descending)
        found = _chunk(connection, made, borders, bounds, descending)
        yield from found
        bounds = runs.rest(bounds, borders, descending)
        if not found:
            bounds = span.held(connection, made.model, made.query, bounds)
        seen, passed = seen + len(found), passed + len(borders) - 1
        missing = max(wanted - seen, 1) if wanted else MANY
        fitting = -(-missing * passed // seen) if seen else LONGEST
        number = min(fitting, GROWTH * number, LONGEST)


def _chunk(
    connection: Connection, made: Plan, borders: list[int], bounds: Span, descending: bool
) -> list[Sum]:
    step = -1 if descending else 1
    found = [
        one
        for run in [*runs.between(borders)][::step]
        for one in _read(connection, made, run, bounds, descending)
    ]
    if made.fills:
        there = {one.start for one in found}
        found += [Sum(start, (), ()) for start in borders[:-1] if start not in there]
        found.sort(key=attrgetter("start"), reverse=descending)
    return found


def _read(
    connection: Connection, made: Plan, run: Run, bounds: Span, descending: bool
) -> Iterator[Sum]:
    group, where = _windows(connection, made, run, bounds)
    folded, behind = (
        folding.fold_windows(made.model, group, where, made.query.shape.sums),
        len(group),
    )
    found = [*folded.selected_columns][:behind]
    order = [column.desc() if descending else column.asc() for column in found]
    for row in connection.execute(folded.order_by(*order)):
        start = run.start + row[0] * run.length
        yield Sum(start, tuple(row[1:behind]), tuple(row[behind:]))


def _windows(
    connection: Connection, made: Plan, run: Run, bounds: Span
) -> tuple[Group, Conditions]:
    """The number of the window of each row and its keys, and which rows there are."""
    inside = Span(max(run.start, bounds.start), min(run.stop, bounds.stop))
    seconds = span.seconds(connection, made.model)
    number: sa.ColumnElement[int] = (seconds - run.start) // run.length
    group = [number if run.windows > 1 else sa.literal(0), *made.keys.by]
    return group, span.conditions(made.model, made.query, inside)


def _listed(made: Plan, found: Iterable[Sum]) -> Iterator[Row]:
    shape = made.query.shape
    names = (TIMESTAMP, *shape.by, *shape.sums)
    order = [names.index(name) for name in made.columns]
    nothing = _nothing(made)
    for start, key, amounts in found:
        time = moment(start)
        values = (time, *key, *(amounts or nothing))
        yield Place(time, key), [values[index] for index in order]


def _pivoted(made: Plan, found: Iterable[Sum]) -> Iterator[Row]:
    nothing = _nothing(made)
    for start, window in groupby(found, attrgetter("start")):
        time, amounts = moment(start), {one.key: one.amounts for one in window}
        values = (amounts.get((key,)) for key in made.keys.columns or ())
        yield Place(time, ()), [time, *((one or nothing)[0] for one in values)]


def _nothing(made: Plan) -> tuple[int | None, ...]:
    """The figures of a window and key without rows."""
    model, shape = folding.mapped(made.model), made.query.shape
    return tuple(shape.fill if model.starts_at_zero(name) else None for name in shape.sums)


def _refuse_endless(bounds: Span, windows: Every, fill: int | None) -> None:
    if bounds.stop - bounds.start > MOST_WINDOWS * windows.length:
        allowed = f"for at most {MOST_WINDOWS} windows; give a later start, or a coarser every"
        raise QueryError("fill", str(fill), allowed)
