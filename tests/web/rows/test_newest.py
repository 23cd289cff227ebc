"""The newest row of each key, found by walking an index, on tables of any shape."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import mapped_column

from statscache.models import (
    BaseModel,
    CategorizedLogModel,
    CategorizedModel,
    ScalarModel,
    count_model,
    latest_log_model,
    latest_model,
)
from statscache.store import Store
from statscache.web.query.query import Query
from statscache.web.query.shape import Shape
from statscache.web.rows import newest

AT = datetime(2026, 1, 1)
EVERYTHING = Query("any", "desc", None, AT + timedelta(days=1), None, (), None, 1, 100)

Counts = count_model("newest-1h", ("branch", "arch"))
Latest = latest_model("newest-of-all", ("branch", "arch"))
LatestLog = latest_log_model("newest-logs")


class Log(CategorizedLogModel):
    __tablename__ = "newest_log"


class Unindexed(CategorizedModel):
    __tablename__ = "newest_unindexed"
    timestamp = mapped_column(sa.DateTime, nullable=False, index=True)


class Scalars(ScalarModel):
    __tablename__ = "newest_scalar"


MODELS = {
    Counts: ("branch", "arch"),
    Log: ("category",),
    Unindexed: ("category",),
    Scalars: (),
    Latest: ("branch", "arch"),
    LatestLog: ("category",),
}
# Few moments and keys, so that many rows share some.
seconds = st.integers(0, 5)
words = st.sampled_from(["", "a", "B", "b", "ü", "\U0001f600"])
found = st.lists(st.tuples(seconds, words, words, st.integers(1, 3)), max_size=25)
queries = st.builds(
    EVERYTHING._replace,
    start=st.none() | seconds.map(lambda number: AT + timedelta(seconds=number)),
    stop=seconds.map(lambda number: AT + timedelta(seconds=number)),
    before=st.none() | seconds.map(lambda number: AT + timedelta(seconds=number)),
    limit=st.none() | st.integers(1, 4),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def connection(request, tmp_path_factory):
    """A connection in a transaction that is never committed."""
    if request.param == "sqlite":
        uri = f"sqlite:///{tmp_path_factory.mktemp('newest') / 'newest.sqlite'}"
    else:
        uri = request.getfixturevalue("web_postgresql")
    store = Store(uri)
    with store.connection() as opened, opened.begin() as transaction:
        BaseModel.metadata.create_all(opened, [model.__table__ for model in MODELS])
        yield opened
        transaction.rollback()
    store.close()


def fill(connection, model, rows):
    connection.execute(sa.delete(model))
    values = {
        (second, one, other): {
            "timestamp": AT + timedelta(seconds=second),
            "branch": one,
            "arch": other,
            "category": one,
            "category_constraint": other,
            "payload": str(number),
            "message": str(number),
            "volume": number,
            "scalar": number,
        }
        for second, one, other, number in rows
    }
    names = model.columns()
    if values:
        kept = [{name: row[name] for name in names} for row in values.values()]
        unique = getattr(model, "unique", ("timestamp", *names))
        kept = [*{tuple(row[name] for name in unique): row for row in kept}.values()]
        connection.execute(sa.insert(model), kept)


def expected(connection, model, query):
    """The same, found the slow way."""
    keys = MODELS[model]
    matching = [
        row
        for row in connection.execute(sa.select(model.__table__)).mappings()
        if (query.start is None or query.start <= row["timestamp"])
        and row["timestamp"] <= query.stop
        and (query.before is None or row["timestamp"] < query.before)
        and all(row[name] in values for name, values in query.filters)
    ]
    best = {}
    for row in sorted(matching, key=lambda row: (row["timestamp"], row["id"])):
        best[tuple(row[key] for key in keys)] = row
    ordered = sorted(best.items(), key=lambda item: item[0])
    ordered.sort(key=lambda item: item[1]["timestamp"], reverse=True)
    return [row["id"] for _, row in ordered][: query.limit]


def ids(page):
    return [place.key[0] for place in page.places]


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=60, deadline=None)
@given(rows=found, query=queries, values=st.none() | st.lists(words, min_size=1, max_size=2))
def test_it_is_the_newest_of_each_key(connection, model, rows, query, values):
    fill(connection, model, rows)
    if values is not None and MODELS[model]:
        query = query._replace(filters=((MODELS[model][-1], tuple(values)),))
    assert ids(newest.read(connection, model, query)) == expected(connection, model, query)


def several(connection, model, query):
    """The newest `each` of each key, found the slow way."""
    keys = MODELS[model]
    names = sorted(model.columns()[1:], key=lambda name: name not in ("message", "payload"))
    texts = [name for name in names if name not in ("volume", "scalar")]
    rows = [
        (row["timestamp"], *(row[name].encode() for name in texts), row["id"])
        for row in connection.execute(sa.select(model.__table__)).mappings()
        if row["timestamp"] <= query.stop
        and all(row[name] in values for name, values in query.filters)
    ]
    seen, wanted = Counter(), []
    for row in sorted(rows, reverse=True):
        key = tuple(row[1 + texts.index(name)] for name in keys)
        seen[key] += 1
        if seen[key] <= query.each:
            wanted.append(row[-1])
    return wanted


@pytest.mark.parametrize("model", [one for one in MODELS if MODELS[one]])
@settings(max_examples=60, deadline=None)
@given(
    rows=found,
    each=st.integers(1, 4),
    stop=seconds,
    values=st.none() | st.lists(words, min_size=1, max_size=2),
)
def test_it_is_the_newest_few_of_each_key(connection, model, rows, each, stop, values):
    fill(connection, model, rows)
    query = EVERYTHING._replace(each=each, stop=AT + timedelta(seconds=stop))
    if values is not None:
        query = query._replace(filters=((MODELS[model][-1], tuple(values)),))
    assert ids(newest.several(connection, model, query)) == several(connection, model, query)


def test_filters_that_are_no_keys_look_for_older_rows(connection):
    fill(connection, Log, [(0, "a", "", 1), (1, "a", "", 2), (1, "b", "", 2)])
    page = newest.read(connection, Log, EVERYTHING._replace(filters=(("message", ("1",)),)))
    assert [list(row) for row in page.rows] == [[AT, "a", "1"]]


def test_fields_are_chosen_as_elsewhere(connection):
    fill(connection, Counts, [(0, "a", "x", 1), (1, "a", "y", 2)])
    page = newest.read(connection, Counts, EVERYTHING._replace(shape=Shape(fields=("volume",))))
    assert page.columns == ["volume"]
    assert [list(row) for row in page.rows] == [[2], [1]]


@pytest.mark.parametrize("read", [newest.read, newest.several])
@pytest.mark.parametrize("model", [Counts, Log, LatestLog])
def test_no_table_is_read_from_one_end_to_the_other(connection, model, read):
    of_key = "{}" if model is LatestLog else "x"
    fill(connection, model, [(n // 20, f"k{n % 20}", of_key.format(n), 1) for n in range(40_000)])
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {model.__tablename__}")
    query = EVERYTHING._replace(start=AT, stop=AT + timedelta(seconds=1_000), each=8)
    if read is newest.several:
        query = query._replace(start=None)
    steps = explained(connection, read, model, query)
    # Where a key ends in the range, the index of the keys tells; not that of the timestamps.
    assert any(re.search(r"(category|arch)\W.*timestamp\W+<", step) for step in steps)
    # SQLite says "scan", too, where it takes the first of an index.
    scans = [step for step in steps if re.search(r"(Seq Scan on|SCAN) newest_", step)]
    assert [step for step in scans if "COVERING INDEX" not in step] == []
    assert len(read(connection, model, query).rows) == (20 if read is newest.read else 160)


def explained(connection, read, model, query):
    """How the database goes about it, a line a step."""
    steps = []

    def explain(connection, cursor, statement, values, _context, _many):
        word = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        cursor.execute(f"{word} {statement}", values)
        steps.extend(str(row[-1]) for row in cursor.fetchall())

    sa.event.listen(connection, "before_cursor_execute", explain)
    read(connection, model, query)
    sa.event.remove(connection, "before_cursor_execute", explain)
    return steps
