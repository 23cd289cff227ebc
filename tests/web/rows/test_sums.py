"""The laws of rows that are summed, on statistics and queries of any shape."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, aliased

from statscache.errors import QueryError
from statscache.schedule import Schedule
from statscache.store import Store
from statscache.times import epoch
from statscache.web.query import query as queries
from statscache.web.query.cursors import Cursor, decode, encode
from statscache.web.query.shape import MOST_KEYS
from statscache.web.rows import rows

from ..conftest import config
from ..summing import MODEL, Summed, reckon

CONFIG = config("sqlite:////nowhere/statscache.sqlite")
PLUGIN = Summed(Schedule(timedelta(minutes=1)), {})
KEYS = ["a", "A", "other", "other_", "timestamp", "größe", "\U0001f40d"]
BASES = [datetime(2025, 10, 25, 20), datetime(2011, 12, 30, 6), datetime(1970, 1, 1)]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]

MOST = 50
"""Rows of an answer: pages are read one by one."""

few = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def connection(request):
    """A connection in a transaction that is never committed: others do not see its rows."""
    with tempfile.TemporaryDirectory() as folder:
        if request.param == "sqlite":
            uri = f"sqlite:///{Path(folder) / 'sums.sqlite'}"
        else:
            uri = request.getfixturevalue("web_postgresql")
        store = Store(uri)
        with store.connection() as opened, opened.begin() as transaction:
            MODEL.metadata.create_all(opened, [MODEL.__table__])
            yield opened
            transaction.rollback()
        store.close()


# Most within some hours, some days away, so that there are windows with many rows and with none.
minutes = st.integers(0, 300) | st.integers(-9_000, 9_000)


@st.composite
def stored(draw):
    """When about it is, and the rows."""
    base = draw(st.sampled_from(BASES))
    keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)
    arches, states = draw(keys), draw(keys)
    found = draw(
        st.dictionaries(
            st.tuples(minutes, st.sampled_from(arches), st.sampled_from(states)),
            st.tuples(st.integers(1, 3), st.integers(0, 2)),
            max_size=25,
        )
    )
    at = int(epoch(base))
    return base, [(at + 60 * time, *key, *counted) for (time, *key), counted in found.items()]


@st.composite
def arguments(draw, base, **fixed):
    """What a request might ask of rows from about then; in any case what is `fixed`."""
    bounds = minutes.map(lambda number: f"{base + timedelta(minutes=number)}Z".replace(" ", "T"))
    choices = {
        "every": ["1m", "7m", "1h", "2h", "1d", "week", "month"],
        "tz": ZONES,
        "top": ["1", "2", "3"],
        "order": ["asc", "desc"],
        "limit": ["1", "5", "12"],
        "fields": ["timestamp,volume", "late,state", "arch,state,volume,late", "late"],
        "state": ["a", "other"],
    }
    found = {}
    for name, values in choices.items():
        if draw(st.booleans()):
            found[name] = draw(st.sampled_from(values))
    for name in ("start", "stop", "before"):
        if draw(st.booleans()):
            found[name] = draw(bounds)
    if draw(st.booleans()):
        found["pivot"] = draw(st.sampled_from(["arch", "state"]))
    if ("pivot" in found or found.get("fields") in ("timestamp,volume", "late")) and draw(
        st.booleans()
    ):
        found["fill"] = draw(st.sampled_from(["0", "-7"]))
    found["rows_per_page"] = draw(st.sampled_from(["1", "2", "5", "20"]))
    return {**found, **fixed}


def parse(base, asked):
    """The query; None where that is asked for that cannot be had."""
    given_arguments = {name: [value] for name, value in asked.items() if value is not None}
    now = base + timedelta(days=7)
    try:
        wanted = queries.parse(PLUGIN, MODEL, given_arguments, CONFIG, now)
    except QueryError:
        return None
    return wanted if wanted.shape.is_summed else None


@st.composite
def cases(draw, **fixed):
    base, found = draw(stored())
    wanted = parse(base, draw(arguments(base, **fixed)))
    assume(wanted is not None and len(reckon(found, wanted)[1]) <= MOST)
    return found, wanted


def fill(connection, found):
    connection.execute(sa.delete(MODEL))
    add(connection, found)


def add(connection, found):
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        MODEL.add(session, {tuple(row[:3]): tuple(row[3:]) for row in found})
        session.commit()


def read(connection, query):
    return rows.columns(connection, MODEL, query), list(rows.stream(connection, MODEL, query))


def walk(connection, query, between=lambda: None):
    """The pages from the first to the last, each from where the one before it ended."""
    pages = [rows.read(connection, MODEL, query, None)]
    while pages[-1].more:
        between()
        query = query._replace(page=query.page + 1)
        cursor = Cursor(False, pages[-1].place(-1), query.rows_per_page)
        pages.append(rows.read(connection, MODEL, query, decode(encode(cursor, query), query)))
    return pages


@few
@given(case=cases())
def test_an_answer_is_what_plain_reckoning_finds(connection, case):
    found, query = case
    fill(connection, found)
    assert read(connection, query) == reckon(found, query)


@few
@given(case=cases())
def test_pages_hold_every_row_once_in_order(connection, case):
    found, query = case
    fill(connection, found)
    columns, everything = reckon(found, query)
    pages = walk(connection, query)
    assert [row for page in pages for row in page.rows] == everything
    assert all(page.columns == columns for page in pages)
    assert all(len(page.rows) == query.rows_per_page for page in pages[:-1])
    assert rows.count(connection, MODEL, query) == len(everything)


@few
@given(case=cases())
def test_a_page_is_the_same_from_either_side_and_by_number(connection, case):
    found, query = case
    fill(connection, found)
    pages = walk(connection, query)
    for number, page in enumerate(pages, 1):
        here = query._replace(page=number)
        assert rows.read(connection, MODEL, here, None) == page
        if number < len(pages):
            back = Cursor(True, pages[number].place(0), query.rows_per_page)
            assert rows.read(connection, MODEL, here, back) == page
    if query.limit is None and pages[-1].rows:
        end = Cursor(True, None, len(pages[-1].rows))
        last = rows.read(connection, MODEL, query._replace(page=len(pages)), end)
        assert last.rows == pages[-1].rows


@pytest.mark.slow
@few
@given(case=cases(top=None), data=st.data())
def test_sums_that_stay_are_visited_once_while_rows_are_added(connection, case, data):
    found, query = case
    fill(connection, found)
    before = read(connection, query._replace(limit=None))
    times = st.integers(-9_000, 9_000).map(
        lambda number: int(epoch(query.stop)) // 60 * 60 + 60 * number
    )
    new = st.tuples(times, st.sampled_from(KEYS), st.sampled_from(KEYS), st.just(1), st.just(1))

    def between():
        add(connection, [data.draw(new)])

    visited = [
        row for page in walk(connection, query._replace(limit=None), between) for row in page.rows
    ]
    after = read(connection, query._replace(limit=None))
    if query.shape.pivot is None or before[0] == after[0]:
        stayed = [row for row in before[1] if row in after[1]]
        assert [row for row in visited if row in stayed] == stayed


@few
@given(case=cases(fill=None))
def test_a_pivot_is_the_inverse_of_the_long_form(connection, case):
    found, query = case
    query = query._replace(limit=None)
    assume(query.shape.pivot)
    fill(connection, found)
    columns, wide = read(connection, query)
    shape = query.shape
    long = query._replace(shape=shape._replace(pivot=None, every=shape.windows))
    melted = [
        (row[0], key_of(name, columns), value)
        for row in wide
        for name, value in zip(columns[1:], row[1:], strict=True)
        if value is not None
    ]
    names, listed = read(connection, long)
    order = [names.index(name) for name in ("timestamp", *shape.by, *shape.sums)]
    assert sorted(melted) == sorted(tuple(row[index] for index in order) for row in listed)


def key_of(name, columns):
    """Which key the column is for: that of the timestamps has the name, the key an underscore."""
    renamed = name.startswith("timestamp") and columns.count(name.removesuffix("_")) == 1
    return "timestamp" if renamed else name


# -- by hand -------------------------------------------------------------------------------------

AT = int(epoch(datetime(2026, 1, 1)))
DAY_LATER = datetime(2026, 1, 2)


def ask(**asked):
    found = parse(DAY_LATER, {"stop": "2026-01-01T23:59:59Z", "order": "asc", **asked})
    assert found is not None
    return found


def test_the_keys_with_the_most_are_shown_and_the_rest_is_called_other(connection):
    counted = {"big": 9, "other": 8, "small": 2, "tiny": 1}
    fill(connection, [(AT, "x", state, volume, 0) for state, volume in counted.items()])
    _, listed = read(connection, ask(top="2", fields="state,volume"))
    assert [row[1:] for row in listed] == [["big", 9], ["other", 3], ["other_", 8]]
    columns, (row,) = read(connection, ask(top="2", pivot="state"))
    assert (columns[1:], row[1:]) == (["big", "other_", "other"], [9, 8, 3])
    columns, (row,) = read(connection, ask(top="4", pivot="state"))
    assert (columns[1:], row[1:]) == (["big", "other", "small", "tiny"], [9, 8, 2, 1])


def test_the_keys_of_several_columns_are_ranked_together(connection):
    fill(connection, [(AT, "x", "a", 5, 0), (AT, "x", "b", 1, 0), (AT, "y", "b", 2, 0)])
    columns, listed = read(connection, ask(top="1"))
    assert columns == ["timestamp", "arch", "late", "state", "volume"]
    assert [row[1:] for row in listed] == [["other", 0, "other", 3], ["x", 0, "a", 5]]


def test_no_column_is_called_as_that_of_the_timestamps(connection):
    fill(connection, [(AT, "x", "timestamp", 1, 0), (AT, "x", "timestamp_", 2, 0)])
    columns, (row,) = read(connection, ask(pivot="state"))
    assert columns == ["timestamp", "timestamp__", "timestamp_"]
    assert row[1:] == [1, 2]


def test_the_columns_are_those_of_the_whole_range_on_every_page(connection):
    fill(connection, [(AT, "x", "a", 1, 0), (AT + 60, "x", "b", 2, 0)])
    pages = walk(connection, ask(pivot="state", rows_per_page="1"))
    assert [page.columns for page in pages] == [["timestamp", "a", "b"]] * 2
    assert [page.rows[0][1:] for page in pages] == [[1, None], [None, 2]]


@pytest.mark.parametrize("asked", [{"every": "1h"}, {"pivot": "state"}, {"top": "1"}])
def test_rows_that_stand_aside_are_summed_as_well(connection, asked):
    fill(connection, [(AT, "x", "a", 2, 0), (AT, "x", "b", 1, 0), (AT + 60, "x", "a", 1, 0)])
    table, query = MODEL.__table__, ask(**asked)
    aside = aliased(MODEL, sa.select(*table.columns).subquery(), adapt_on_names=True)
    assert list(rows.stream(connection, aside, query)) == read(connection, query)[1]
    assert rows.count(connection, aside, query) == rows.count(connection, MODEL, query)


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"pivot": "state"}, 2),
        ({"top": "1"}, 3),
        ({"top": "1", "limit": "2"}, 2),
        ({"every": "1h", "fields": "volume"}, 1),
        ({"every": "1h"}, 2),
        ({"every": "1h", "pivot": "state", "fill": "0", "start": "2026-01-01"}, 24),
    ],
)
def test_rows_are_counted_as_they_are_shown(connection, asked, number):
    fill(connection, [(AT, "x", "a", 2, 0), (AT, "x", "b", 1, 0), (AT + 60, "x", "a", 1, 0)])
    assert rows.count(connection, MODEL, ask(**asked)) == number


def test_windows_are_filled_from_the_start_that_is_asked_for_to_the_end(connection):
    fill(connection, [(AT + 3 * 3600, "x", "a", 1, 0)])
    asked = {"every": "1h", "fields": "volume", "fill": "0", "stop": "2026-01-01T05:59:00Z"}
    _, found = read(connection, ask(start="2026-01-01T01:30:00Z", **asked))
    assert [row[1] for row in found] == [0, 0, 1, 0, 0]
    _, found = read(connection, ask(**asked))
    assert [row[1] for row in found] == [1, 0, 0]
    asked["every"] = "1m"
    _, found = read(connection, ask(start="2026-01-01T05:57:30Z", **asked))
    assert [row[0].minute for row in found] == [58, 59]
    asked["every"] = "1h"
    fill(connection, [])
    assert read(connection, ask(**asked))[1] == []
    assert len(read(connection, ask(start="2026-01-01T01:30:00Z", **asked))[1]) == 5


def test_more_keys_than_columns_may_be_are_refused(connection):
    fill(connection, [(AT, "x", str(number), 1, 0) for number in range(MOST_KEYS + 1)])
    with pytest.raises(QueryError, match=r"pivot was 'state'.*at most 1000 keys"):
        read(connection, ask(pivot="state"))
    assert len(read(connection, ask(pivot="state", top=str(MOST_KEYS)))[0]) == MOST_KEYS + 2


def test_more_windows_than_can_be_filled_are_refused(connection):
    fill(connection, [])
    asked = {"fields": "volume", "fill": "0"}
    with pytest.raises(QueryError, match=r"fill was '0'.*at most 1000000 windows"):
        read(connection, ask(every="1m", start="1990-01-01", **asked))
    assert len(read(connection, ask(every="1d", start="1990-01-01", **asked))[1]) == 13_150


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_page_far_down_costs_what_the_first_one_costs(tmp_path, order):
    query = ask(every="1h", order=order, rows_per_page="20")
    store = Store(f"sqlite:///{tmp_path / 'deep.sqlite'}")
    with store.writing() as opened:
        MODEL.metadata.create_all(opened, [MODEL.__table__])
        fill(opened, [(AT - 60 * number, "x", "a", 1, 0) for number in range(30_000)])
        deep = rows.read(opened, MODEL, query._replace(page=20), None)
        first = steps(opened, query, None)
        for backwards in (False, True):
            cursor = Cursor(backwards, deep.place(0), 20)
            assert steps(opened, query._replace(page=20), cursor) < 1.5 * first
    store.close()


def steps(connection, query, cursor):
    """How many steps SQLite's machine takes for the page."""
    found = []
    driver = connection.connection.driver_connection
    driver.set_progress_handler(lambda: found.append(1), 1)
    rows.read(connection, MODEL, query, cursor)
    driver.set_progress_handler(None, 1)
    return len(found)
