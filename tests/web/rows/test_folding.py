"""Statistics whose rows are folded when they are read, beside what their messages say directly."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, aliased

from statscache.errors import QueryError
from statscache.plugins import Distinct, Histogram
from statscache.schedule import Schedule
from statscache.store import Store
from statscache.times import epoch, moment
from statscache.web.query import query as queries
from statscache.web.query.cursors import Cursor, decode, encode
from statscache.web.rows import newest, rows

from ..conftest import config

CONFIG = config("sqlite:////nowhere/statscache.sqlite")
HOUR = 3600
BASES = [datetime(2025, 10, 25, 20), datetime(2024, 2, 28), datetime(1970, 1, 1)]
ZONES = ["UTC", "Europe/Berlin", "America/New_York"]
ARCHES = ["a", "A", "other", "größe"]

few = settings(max_examples=50, suppress_health_check=list(HealthCheck))


class Active(Distinct):
    """Who was there, by architecture."""

    name, by, interval = "folded active", ("arch",), timedelta(hours=1)

    def count(self, message):
        yield message["msg"]["arch"], message["msg"]["who"]


class Took(Histogram):
    """How long it took, by architecture."""

    name, by, interval = "folded took", ("arch",), timedelta(hours=1)
    quantiles = (0, 50, 99.9, 100)

    def count(self, message):
        yield message["msg"]["arch"], message["msg"]["seconds"]


ACTIVE, TOOK = (plugin(Schedule(timedelta(hours=1)), {}) for plugin in (Active, Took))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def connection(request):
    """A connection in a transaction that is never committed: others do not see its rows."""
    with tempfile.TemporaryDirectory() as folder:
        if request.param == "sqlite":
            uri = f"sqlite:///{Path(folder) / 'folded.sqlite'}"
        else:
            uri = request.getfixturevalue("web_postgresql")
        store = Store(uri)
        with store.connection() as opened, opened.begin() as transaction:
            tables = [plugin.model.__table__ for plugin in (ACTIVE, TOOK)]
            ACTIVE.model.metadata.create_all(opened, tables)
            yield opened
            transaction.rollback()
        store.close()


sizes = st.one_of(
    st.sampled_from([0, 0.0, 1, 1e-300, 1e300, 5e-324, 86_400]),
    st.integers(0, 10**7),
    st.floats(0, 1e300),
)


@st.composite
def messages(draw):
    """When about it is, and what was sent within some days, or some hours."""
    base = draw(st.sampled_from(BASES))
    # Minutes that no window begins at, too.
    minutes = st.integers(0, 180) | st.integers(-20_000, 20_000)
    facts = st.tuples(minutes, st.sampled_from(ARCHES), st.sampled_from("uvwxyz"), sizes)
    return base, [
        {
            "timestamp": epoch(base) + 60 * minute,
            "msg": {"arch": arch, "who": who, "seconds": seconds},
        }
        for minute, arch, who, seconds in draw(st.lists(facts, max_size=40))
    ]


@st.composite
def arguments(draw, base, figures):
    minutes = st.integers(-20_000, 20_000)
    bounds = minutes.map(lambda number: f"{base + timedelta(minutes=number)}Z".replace(" ", "T"))
    choices = {
        "every": ["1h", "5h", "1d", "week", "month"],
        "tz": ZONES,
        "top": ["1", "2"],
        "order": ["asc", "desc"],
        "fields": [f"timestamp,{','.join(figures)}", f"arch,{figures[0]}", "timestamp", figures[0]],
        "arch": ["a", "other"],
        "pivot": ["arch"],
        "fill": ["0"],
    }
    found = {}
    for name, values in choices.items():
        if draw(st.booleans()):
            found[name] = [draw(st.sampled_from(values))]
    for name in ("start", "stop"):
        if draw(st.booleans()):
            found[name] = [draw(bounds)]
    return {**found, "rows_per_page": [draw(st.sampled_from(["1", "3", "50"]))]}


def parse(plugin, base, asked):
    """The query; None where that is asked for that cannot be had, or too much of it."""
    try:
        wanted = queries.parse(plugin, plugin.model, asked, CONFIG, base + timedelta(days=20))
    except QueryError:
        return None
    if wanted.shape.fill is not None and wanted.shape.windows.length < 86_400:
        return None
    return wanted


@st.composite
def cases(draw, plugin, figures):
    base, sent = draw(messages())
    wanted = parse(plugin, base, draw(arguments(base, figures)))
    assume(wanted is not None)
    return sent, wanted


def fill(connection, plugin, sent, parts=1):
    connection.execute(sa.delete(plugin.model))
    for part in range(parts):
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            plugin.handle(session, sent[part::parts])
            session.commit()


def old(model, *lacking):
    """An alias as rows have it that stand aside, of which some columns are not there."""
    table = model.__table__
    columns = [
        sa.cast(sa.null(), one.type).label(one.name) if one.name in lacking else one
        for one in table.columns
    ]
    return aliased(model, sa.select(*columns).subquery(), adapt_on_names=True)


def distinct(those):
    return {"distinct": len({one["who"] for one in those}), "volume": len(those)}


def quantiles(those):
    """Exactly, and only as near as they are promised."""
    found = sorted(one["seconds"] for one in those)
    places = {
        name: max(-(-len(found) * share // 1000) - 1, 0)
        for name, share in (("p0", 0), ("p50", 500), ("p99_9", 999), ("p100", 1000))
    }
    return {
        "volume": len(found),
        **{
            name: pytest.approx(found[place], rel=0.01, abs=1e-300)
            for name, place in places.items()
        },
    }


def reckon(sent, query, figures, blank=()):
    """The columns and all rows of `query`, from the messages."""
    shape, groups, of_keys = query.shape, defaultdict(list), defaultdict(list)
    found = [
        (time, one["msg"])
        for one in sent
        for time in [one["timestamp"] // HOUR * HOUR]
        if (query.start is None or time >= epoch(query.start)) and time <= epoch(query.stop)
        if all(one["msg"][name] in values for name, values in query.filters)
    ]
    for _, fact in found:
        of_keys[tuple(fact[name] for name in shape.by)].append(fact)
    names = named(of_keys, shape, figures)
    for time, fact in found:
        key = names[tuple(fact[name] for name in shape.by)]
        groups[shape.windows.start(int(time)), key].append(fact)
    starts = {start for start, _ in groups} | filled(found, query)
    made = []
    for start in sorted(starts, reverse=query.order == "desc"):
        here = {key: figures(those) for (when, key), those in groups.items() if when == start}
        nothing = {name: None if name in blank else shape.fill for name in shape.sums}
        if shape.pivot:
            values = [(here.get(key) or nothing)[shape.sums[0]] for key in titles(names)]
            made.append([moment(start), *values])
            continue
        for key in sorted(here, reverse=query.order == "desc") or [()]:
            values = {"timestamp": moment(start), **dict(zip(shape.by, key, strict=False))}
            values |= here.get(key) or nothing
            made.append([values[name] for name in columns(shape)])
    if shape.pivot:
        return ["timestamp", *(key[0] for key in titles(names))], made
    return columns(shape), made


def columns(shape):
    return ["timestamp", *sorted((*shape.by, *shape.sums))]


def named(of_keys, shape, figures):
    """What each key is shown as, those that are shown by themselves first, and sorted."""
    if shape.top is None:
        return {key: key for key in sorted(of_keys)}
    amounts = {key: figures(those)[shape.sums[0]] for key, those in of_keys.items()}
    ranked = sorted(amounts, key=lambda key: (-amounts[key], key))
    kept, others = sorted(ranked[: shape.top]), ranked[shape.top :]
    names = {key: ("other_",) if others and key == ("other",) else key for key in kept}
    return names | dict.fromkeys(others, ("other",))


def titles(names):
    return list(dict.fromkeys(names.values()))


def filled(found, query):
    """The windows that get a row in any case."""
    # The epoch itself is 0, and a start as good as any.
    first = None if query.start is None else -(-int(epoch(query.start)) // HOUR) * HOUR
    if query.shape.fill is None or (first is None and not found):
        return set()
    windows, stop = query.shape.windows, int(epoch(query.stop))
    start = int(min(time for time, _ in found)) if first is None else first
    return set(windows.starts(windows.start(start), stop + 1)) if start <= stop else set()


def read(connection, plugin, query):
    model = plugin.model
    return rows.columns(connection, model, query), list(rows.stream(connection, model, query))


def walk(connection, plugin, query):
    """The rows of all pages, each from where the one before it ended."""
    page = rows.read(connection, plugin.model, query, None)
    yield from page.rows
    while page.more:
        query = query._replace(page=query.page + 1)
        text = encode(Cursor(False, page.place(-1), query.rows_per_page), query)
        page = rows.read(connection, plugin.model, query, decode(text, query))
        yield from page.rows


@few
@given(case=cases(ACTIVE, ("distinct", "volume")))
def test_distincts_are_the_sizes_of_the_sets_in_any_windows_and_by_any_keys(connection, case):
    sent, query = case
    fill(connection, ACTIVE, sent)
    assert read(connection, ACTIVE, query) == reckon(sent, query, distinct)


@few
@given(case=cases(TOOK, ("volume", "p50", "p99_9")))
def test_quantiles_are_those_of_the_numbers_to_one_percent(connection, case):
    sent, query = case
    # By a quantile that is only near, keys have no sure order.
    assume(query.shape.top is None or query.shape.sums[0] == "volume")
    fill(connection, TOOK, sent)
    blank = ("p0", "p50", "p99_9", "p100")
    assert read(connection, TOOK, query) == reckon(sent, query, quantiles, blank)


@few
@given(case=cases(ACTIVE, ("distinct", "volume")))
def test_pages_hold_every_row_once_in_order(connection, case):
    sent, query = case
    fill(connection, ACTIVE, sent)
    everything = reckon(sent, query, distinct)[1]
    assume(len(everything) <= 100)
    assert list(walk(connection, ACTIVE, query)) == everything
    assert rows.count(connection, ACTIVE.model, query) == len(everything)


@few
@given(sent=messages(), parts=st.integers(1, 5), data=st.data())
@pytest.mark.parametrize("plugin", [ACTIVE, TOOK])
def test_neither_order_nor_split_makes_a_difference(connection, plugin, sent, parts, data):
    query = parse(plugin, sent[0], {"every": ["1d"]})
    fill(connection, plugin, sent[1])
    before = read(connection, plugin, query)
    fill(connection, plugin, data.draw(st.permutations(sent[1])), parts)
    assert read(connection, plugin, query) == before


@few
@given(sent=messages(), data=st.data())
def test_the_newest_rows_are_those_of_each_key_s_last_window(connection, sent, data):
    base, those = sent
    asked = data.draw(arguments(base, ("distinct", "volume")))
    asked = {name: asked[name] for name in ("start", "stop", "arch") if name in asked}
    query = parse(ACTIVE, base, asked)
    fill(connection, ACTIVE, those)
    names, everything = reckon(those, query, distinct)
    last = {}
    for row in everything:
        last.setdefault(row[1], row)
    page = newest.read(connection, ACTIVE.model, query)
    assert page.columns == names
    assert page.rows == sorted(last.values(), key=lambda row: (-epoch(row[0]), row[1]))


FACT = {"arch": "a", "who": "x", "seconds": 5}
TWICE = [{"timestamp": HOUR, "msg": FACT}, {"timestamp": HOUR + 1, "msg": {**FACT, "who": "y"}}]


@pytest.mark.parametrize("plugin", [ACTIVE, TOOK])
def test_rows_that_stand_aside_are_folded_too(connection, plugin):
    fill(connection, plugin, TWICE)
    for asked in ({}, {"every": ["1d"]}, {"pivot": ["arch"]}, {"top": ["1"]}):
        query = parse(plugin, BASES[2], asked)
        found = list(rows.stream(connection, plugin.model, query))
        assert list(rows.stream(connection, old(plugin.model), query)) == found
    query = parse(plugin, BASES[2], {})
    page = newest.read(connection, plugin.model, query)
    assert newest.read(connection, old(plugin.model), query) == page
    assert len(page.rows) == 1


@pytest.mark.parametrize(("plugin", "column"), [(ACTIVE, "distinct"), (TOOK, "p50")])
def test_what_old_rows_know_nothing_of_is_null(connection, plugin, column):
    fill(connection, plugin, TWICE)
    query = parse(plugin, BASES[2], {"fields": [f"volume,{column}"]})
    model = old(plugin.model, plugin.model.hidden_key)
    names, found = (
        rows.columns(connection, model, query),
        list(rows.stream(connection, model, query)),
    )
    assert [dict(zip(names, row, strict=True)) for row in found] == [
        {"timestamp": moment(HOUR), column: None, "volume": 2}
    ]
