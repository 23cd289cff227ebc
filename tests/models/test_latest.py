"""Rows that the newest event wins: the laws of that, on each kind of database."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from statscache.formats.value import Document, canonical
from statscache.models import latest_log_model, latest_model
from statscache.models.base import TOUCHED
from statscache.models.count import ROWS_PER_STATEMENT
from statscache.text import key
from statscache.times import epoch, moment

AT = 1_767_225_600
numbers = count()

any_text = st.text(st.characters(exclude_categories=()))
keys = any_text | st.sampled_from(["a", "A", "'", '"', "%s", "{}", "NULL", "é"])
payloads = st.dictionaries(st.sampled_from(["a", "é", "Z"]), any_text | st.integers(), max_size=2)
times = st.integers(0, 3).map(lambda n: AT + n / 4) | st.floats(AT, AT + 1)
events = st.tuples(times, st.tuples(keys.map(key), keys.map(key)), payloads.map(canonical))
batches = st.lists(st.lists(events, max_size=20), max_size=4)


@pytest.fixture
def model(store):
    """A model of its own, with two key columns, whose table is empty."""
    return made(store, latest_model(f"newest {next(numbers)}", ("name", "arch")))


@pytest.fixture
def log(store):
    return made(store, latest_log_model(f"newest {next(numbers)}"))


def made(store, model):
    with store.writing() as connection:
        model.__table__.create(connection)
    return model


def put(store, model, events):
    with store.writing() as connection, Session(connection) as session:
        model.put(session, events)


def read(store, model):
    """The time and the text of each key."""
    names = (*model.unique, "timestamp", model.kept)
    with store.reading() as connection:
        found = connection.execute(sa.select(*(getattr(model, name) for name in names)))
        return {tuple(parts): (epoch(time), str(text)) for *parts, time, text in found}


def newest(events):
    best = {}
    for time, name, text in events:
        event = epoch(moment(time)), text.encode()
        best[name] = max(best.get(name, event), event)
    return {name: (time, text.decode()) for name, (time, text) in best.items()}


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=batches, shuffled=st.randoms(use_true_random=False))
def test_in_any_split_and_order_and_however_often_the_newest_wins(store, model, batches, shuffled):
    pieces = [[event] for batch in batches for event in batch] * 2
    shuffled.shuffle(pieces)
    every = [event for batch in batches for event in batch]
    for split in (batches, pieces, [every]):
        for batch in split:
            put(store, model, batch)
        assert read(store, model) == newest(every)
        with store.writing() as connection:
            connection.execute(sa.delete(model))


@pytest.mark.parametrize(
    ("one", "other"),
    [("B", "a"), ("Z", "é"), ("z", "é"), ("\uffff", "\U00010000"), ("a", "aa"), ("a ", "ab")],
)
def test_at_the_same_moment_the_text_with_the_greater_bytes_wins(store, model, log, one, other):
    for each, name in ((model, ("n", "a")), (log, ("c", "d"))):
        for first, second in ((one, other), (other, one)):
            put(store, each, [(AT + 0.5, name, first)])
            put(store, each, [(AT + 0.5, name, second)])
            assert read(store, each) == {name: (AT + 0.5, other)}
            with store.writing() as connection:
                connection.execute(sa.delete(each))


def test_a_row_keeps_its_id_when_it_is_overwritten(store, model):
    def ids():
        with store.reading() as connection:
            return connection.execute(sa.select(model.id).order_by(model.id)).scalars().all()

    put(store, model, [(AT, ("a", ""), "1"), (AT, ("b", ""), "1")])
    before = ids()
    put(store, model, [(AT + 1, ("a", ""), "2")])
    assert ids() == before


def test_more_rows_than_one_statement_takes_go_in_one_call(store, model):
    some = [(AT + n % 7, (f"{n}", "x" * (n % 90)), "{}") for n in range(2 * ROWS_PER_STATEMENT + 1)]
    put(store, model, some)
    put(store, model, [(time - 3, name, "[]") for time, name, _ in some])
    assert read(store, model) == newest(some)


def test_without_events_nothing_happens_and_no_transaction_opens(store, model):
    with store.writing() as connection, Session(connection) as session:
        model.put(session, [])
        assert not session.in_transaction()


def test_key_columns_may_be_named_like_words_of_sql(store):
    odd = made(
        store, latest_model(f"newest {next(numbers)}", ("group", "Upper", "row", "excluded"))
    )
    for text in ("b", "a"):
        put(store, odd, [(AT, tuple("abcd"), text)])
    assert read(store, odd) == {tuple("abcd"): (AT, "b")}


@pytest.mark.parametrize(
    "ident", [f"last {odd}" for odd in ("x" * 250, "ä b", "a;b", 'a"b', "a%b")]
)
def test_rows_go_into_a_table_of_any_name(store, ident):
    for each, name in ((latest_model, (ident, ("name",))), (latest_log_model, (f"{ident} log",))):
        model = made(store, each(*name))
        event = (AT, ("a",) * len(model.unique), "{}")
        put(store, model, [event, event])
        assert len(read(store, model)) == 1


def test_what_was_put_is_touched(store, model, log):
    for each, names in ((model, ("name", "arch")), (log, ("category", "category_constraint"))):
        with store.writing() as connection, Session(connection) as session:
            session.info[TOUCHED] = set()
            each.put(session, [(AT, ("a", "b"), "{}"), (AT + 1, ("a", "b"), "{}")])
            assert session.info[TOUCHED] == {(AT + 1, tuple(zip(names, "ab", strict=True)))}


def test_writers_of_the_same_rows_neither_lose_the_newest_nor_wait_in_a_ring(store, model):
    """Each puts events whose rows the others put, too, in an order of its own."""
    names = [(f"{n}", "é\U0001f600~"[n % 3]) for n in range(300)]

    def write(seed):
        shuffle = random.Random(seed)
        for turn in range(6):
            shuffle.shuffle(names_of := [*names])
            put(store, model, [(AT + turn, name, str((seed * 7 + turn) % 6)) for name in names_of])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    assert read(store, model) == dict.fromkeys(names, (AT + 5, "5"))


# -- the table -----------------------------------------------------------------------------------


def test_a_model_is_made_once():
    name = f"newest {next(numbers)}"
    assert latest_model(name, ("a",)) is latest_model(name, ("a",))
    assert latest_log_model(f"{name} log") is latest_log_model(f"{name} log")


def test_each_key_is_there_once(store, model, log):
    row = {"timestamp": AT, "name": "a", "arch": "b", "payload": "{}"}
    of_log = {"timestamp": AT, "category": "a", "category_constraint": "b", "message": ""}
    for each, values in ((model, row), (log, of_log)):
        with store.connection() as connection, pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.insert(each), [values, {**values, "timestamp": AT + 1}])


def test_it_shows_its_time_its_keys_and_what_is_kept(model, log):
    assert model.columns() == ["timestamp", "arch", "name", "payload"]
    assert log.columns() == ["timestamp", "category", "category_constraint", "message"]


def test_a_payload_is_an_object_in_json_and_a_text_elsewhere(store, model):
    put(store, model, [(AT, ("a", "b"), canonical({"b": [1, None], "a": "<é>"}))])
    with store.reading() as connection, Session(connection) as session:
        (row,) = session.scalars(sa.select(model)).all()
    assert isinstance(row.payload, Document)
    assert model.to_json([row]) == (
        '[{"timestamp":1767225600,"arch":"b","name":"a","payload":{"a":"<é>","b":[1,null]}}]'
    )
    assert '"{""a"":""<é>"",""b"":[1,null]}"' in model.to_csv([row])
    assert "<td>{&quot;a&quot;:&quot;&lt;é&gt;&quot;,&quot;b&quot;:[1,null]}</td>" in (
        model.to_html([row])
    )
