"""The laws of paging, on rows and queries of any shape."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from statscache.store import Store
from statscache.web.query.cursors import Cursor
from statscache.web.query.query import Query
from statscache.web.query.shape import PLAIN
from statscache.web.rows import rows

from ..guests import Event

AT = datetime(2026, 1, 1)
EVERYTHING = Query("event-logs", "desc", None, AT + timedelta(hours=1), None, (), None, 1, 3)

# Few moments, so that many rows share one.
moments = st.integers(0, 4).map(lambda number: AT + timedelta(seconds=number / 4))
events = st.lists(st.tuples(moments, st.sampled_from("ab")), max_size=20)
queries = st.builds(
    Query,
    ident=st.just("event-logs"),
    order=st.sampled_from(["asc", "desc"]),
    start=st.none() | moments,
    stop=moments,
    before=st.none() | moments,
    filters=st.sampled_from([(), (("category", ("a",)),), (("category", ("a", "b")),)]),
    limit=st.none() | st.integers(1, 12),
    page=st.just(1),
    rows_per_page=st.integers(1, 5),
    shape=st.just(PLAIN),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def connection(request):
    """A connection in a transaction that is never committed: others do not see its rows."""
    with tempfile.TemporaryDirectory() as folder:
        if request.param == "sqlite":
            uri = f"sqlite:///{Path(folder) / 'rows.sqlite'}"
        else:
            uri = request.getfixturevalue("web_postgresql")
        store = Store(uri)
        with store.connection() as opened, opened.begin() as transaction:
            Event.metadata.create_all(opened, [Event.__table__])
            yield opened
            transaction.rollback()
        store.close()


def fill(connection, found):
    connection.execute(sa.delete(Event))
    values = [{"timestamp": at, "category": category, "message": ""} for at, category in found]
    if values:
        connection.execute(sa.insert(Event), values)


def expected(connection, query):
    """All rows of `query`, found the slow way."""
    found = [
        row
        for row in connection.execute(sa.select(Event.timestamp, Event.category, Event.id))
        if (query.start is None or query.start <= row.timestamp)
        and row.timestamp <= query.stop
        and (query.before is None or row.timestamp < query.before)
        and all(row.category in values for _, values in query.filters)
    ]
    found.sort(key=lambda row: (row.timestamp, row.id), reverse=query.order == "desc")
    return [row.id for row in found[: query.limit]]


def ids(page):
    return [place.key[0] for place in page.places]


def walk(connection, query):
    """The pages from the first to the last, each from where the one before it ended."""
    page = rows.read(connection, Event, query, None)
    pages = [page]
    while page.more:
        query = query._replace(page=query.page + 1)
        cursor = Cursor(False, page.place(-1), query.rows_per_page)
        page = rows.read(connection, Event, query, cursor)
        pages.append(page)
    return pages


@settings(max_examples=60, deadline=None)
@given(found=events, query=queries)
def test_pages_hold_every_row_once_in_order(connection, found, query):
    fill(connection, found)
    everything = expected(connection, query)
    pages = walk(connection, query)
    assert [number for page in pages for number in ids(page)] == everything
    assert all(len(page.rows) == query.rows_per_page for page in pages[:-1])
    assert rows.count(connection, Event, query) == len(everything)


@settings(max_examples=60, deadline=None)
@given(found=events, query=queries)
def test_a_page_is_the_same_from_either_side_and_by_number(connection, found, query):
    fill(connection, found)
    pages = walk(connection, query)
    for number, page in enumerate(pages, 1):
        here = query._replace(page=number)
        assert rows.read(connection, Event, here, None) == page
        if number < len(pages):
            back = Cursor(True, pages[number].place(0), query.rows_per_page)
            assert rows.read(connection, Event, here, back) == page


@settings(max_examples=60, deadline=None)
@given(found=events, query=queries)
def test_the_last_page_is_the_same_read_from_the_end(connection, found, query):
    query = query._replace(limit=None)
    fill(connection, found)
    pages = walk(connection, query)
    last = query._replace(page=len(pages))
    cursor = Cursor(True, None, len(pages[-1].rows))
    assert rows.read(connection, Event, last, cursor) == pages[-1]


def test_a_page_behind_the_last_one_is_empty_and_one_of_a_single_moment_is_not(connection):
    fill(connection, [(AT, "a")] * 9)
    numbers = [ids(rows.read(connection, Event, EVERYTHING._replace(page=n), None)) for n in (2, 4)]
    assert numbers == [expected(connection, EVERYTHING)[3:6], []]


def test_rows_that_arrive_meanwhile_neither_repeat_nor_hide_others(connection):
    fill(connection, [(AT + timedelta(seconds=number), "a") for number in range(6)])
    first = rows.read(connection, Event, EVERYTHING, None)
    late = {"timestamp": AT + timedelta(seconds=9), "category": "a", "message": ""}
    connection.execute(sa.insert(Event), [late])
    cursor = Cursor(False, first.place(-1), 3)
    second = rows.read(connection, Event, EVERYTHING._replace(page=2), cursor)
    times = [row[0] for row in (*first.rows, *second.rows)]
    assert times == [AT + timedelta(seconds=number) for number in (5, 4, 3, 2, 1, 0)]


def test_a_page_can_be_had_as_instances_in_the_same_order(connection):
    fill(connection, [(AT, "a"), (AT, "b"), (AT + timedelta(seconds=1), "c")])
    page = rows.read(connection, Event, EVERYTHING, None)
    found = rows.instances(connection, Event, page)
    assert [one.id for one in found] == ids(page)
    assert [one.category for one in found] == [row[1] for row in page.rows]
    assert all(Session.object_session(one) is None for one in found)


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_page_far_down_costs_what_the_first_one_costs(tmp_path, order):
    query = EVERYTHING._replace(order=order, start=AT)
    store = Store(f"sqlite:///{tmp_path / 'deep.sqlite'}")
    with store.writing() as opened:
        Event.metadata.create_all(opened, [Event.__table__])
        fill(opened, [(AT + timedelta(seconds=number), "a") for number in range(2000)])
        deep = rows.read(opened, Event, query._replace(page=500), None)
        forth, back = (Cursor(backwards, deep.place(0), 3) for backwards in (False, True))
        first = _steps(opened, query, None)
        assert _steps(opened, query, forth) < 1.5 * first
        assert _steps(opened, query, back) < 1.5 * first
    store.close()


def _steps(connection, query, cursor):
    """How many steps SQLite's machine takes for the page."""
    steps = []
    driver = connection.connection.driver_connection
    driver.set_progress_handler(lambda: steps.append(1), 1)
    rows.read(connection, Event, query, cursor)
    driver.set_progress_handler(None, 1)
    return len(steps)
