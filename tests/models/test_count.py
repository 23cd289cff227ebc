"""Rows that are added to: the laws of addition, on each kind of database."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from statscache.models import count_model
from statscache.models.base import TOUCHED
from statscache.models.count import IDENTIFIER_LENGTH, ROWS_PER_STATEMENT, table_name
from statscache.text import key
from statscache.times import epoch

HOUR = 3600
AT = 1_767_225_600
numbers = count()

any_text = st.text(st.characters(exclude_categories=()))
keys = any_text | st.sampled_from(["a", "A", "a ", "'", '"', "\\", "%s", "{}", "NULL", "\t\n", "é"])
rows = st.tuples(st.integers(0, 3).map(lambda n: AT + n * HOUR), keys.map(key), keys.map(key))
amounts = st.dictionaries(rows, st.integers(-5, 10**12), max_size=30)
batches = st.lists(amounts, max_size=5)

ODD_KEYS = [
    *("", " ", "a", "A", "a ", " a", "ä", "a\u0308", "ß", "ss", "SS", "i", "I"),
    *("\u0130", "\u0131", "\ufb00", "ff", "\0", "\1", "\ud800", "\udfff", "\ufffd"),
    *("\U0001f600", "\U0001f601"),
    *("%", "%%", "%s", "%(a)s"),
    *("'", "''", '"', "\\", "\\\\", "{}", "{a,b}", "[]", "NULL", "null", "None", "\n", "\r\n"),
    *("x" * 10_000, "x" * 9_999, "x" * 10_000 + "y", "\U0001f600" * 10_000, "\0" * 10_000),
    *("X" * 10_000, "\ud800" * 10_000, "é" * 255, "é" * 256, "1", "01", "1.0", "1e0"),
]  # fmt: skip


@pytest.fixture
def model(store):
    """A model of its own, with two key columns, whose table is empty."""
    made = count_model(f"laws {next(numbers)}", ("name", "arch"))
    with store.writing() as connection:
        made.__table__.create(connection)
    return made


def add(store, model, amounts):
    with store.writing() as connection, Session(connection) as session:
        model.add(session, amounts)


def read(store, model):
    """The rows as `add` takes them."""
    names = ("timestamp", *model.by, "volume")
    with store.reading() as connection:
        found = connection.execute(sa.select(*(getattr(model, name) for name in names)))
        return {(int(epoch(time)), *parts): volume for time, *parts, volume in found}


def total(batches):
    summed = Counter()
    for batch in batches:
        for row, amount in batch.items():
            summed[row] += amount
    return summed


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=batches, shuffled=st.randoms(use_true_random=False))
def test_in_any_split_and_order_the_rows_are_the_sum(store, model, batches, shuffled):
    pieces = [{row: amount} for batch in batches for row, amount in batch.items()]
    shuffled.shuffle(pieces)
    wanted = {row for batch in batches for row, amount in batch.items() if amount}
    for split in (batches, pieces, [total(batches)]):
        for batch in split:
            add(store, model, batch)
        summed = total(split)
        found = read(store, model)
        assert {row: volume for row, volume in found.items() if volume} == {
            row: amount for row, amount in summed.items() if amount
        }
        assert found.keys() <= wanted
        with store.writing() as connection:
            connection.execute(sa.delete(model))


def test_odd_keys_survive_and_stay_different(store, model):
    amounts = {(AT, key(name), key(name[::-1])): n + 1 for n, name in enumerate(ODD_KEYS)}
    assert len(amounts) == len(ODD_KEYS)
    add(store, model, amounts)
    assert read(store, model) == amounts
    add(store, model, amounts)
    assert read(store, model) == {row: 2 * amount for row, amount in amounts.items()}


def test_more_rows_than_one_statement_takes_go_in_one_call(store, model):
    some = {
        (AT + n % 7 * HOUR, f"{n}", "x" * (n % 90)): n + 1
        for n in range(2 * ROWS_PER_STATEMENT + 1)
    }
    add(store, model, some)
    add(store, model, some)
    assert read(store, model) == {row: 2 * amount for row, amount in some.items()}


def test_without_amounts_nothing_happens_and_no_transaction_opens(store, model):
    with store.writing() as connection, Session(connection) as session:
        model.add(session, {})
        model.add(session, {(AT, "a", "b"): 0})
        assert not session.in_transaction()
    assert read(store, model) == {}


def test_64_bits_are_added_exactly(store, model):
    row = (AT, "a", "b")
    add(store, model, {row: 2**62})
    add(store, model, {row: 2**62 - 1})
    assert read(store, model) == {row: 2**63 - 1}


def test_windows_before_1970_are_windows_too(store, model):
    add(store, model, {(-HOUR, "a", "b"): 1, (0, "a", "b"): 2})
    assert read(store, model) == {(-HOUR, "a", "b"): 1, (0, "a", "b"): 2}


def test_a_model_may_have_no_key_columns(store):
    bare = count_model(f"laws {next(numbers)}", ())
    with store.writing() as connection:
        bare.__table__.create(connection)
    for batch in ({(AT,): 1, (AT + HOUR,): 5}, {(AT,): 2}):
        add(store, bare, batch)
    assert read(store, bare) == {(AT,): 3, (AT + HOUR,): 5}


def test_key_columns_may_be_named_like_words_of_sql(store):
    odd = count_model(f"laws {next(numbers)}", ("group", "select", "Upper", "t", "row", "excluded"))
    with store.writing() as connection:
        odd.__table__.create(connection)
    amounts = {(AT, *"abcdef"): 1, (AT, *"fedcba"): 2}
    add(store, odd, amounts)
    add(store, odd, amounts)
    assert read(store, odd) == {row: 2 * amount for row, amount in amounts.items()}


def test_a_model_may_have_several_sums(store):
    several = count_model(f"laws {next(numbers)}", ("name",), ("late", "order"))
    with store.writing() as connection:
        several.__table__.create(connection)
    add(store, several, {(AT, "b"): (1, 0, 2**62), (AT, "a"): (0, 0, -7), (AT, "c"): (0, 0, 0)})
    add(store, several, {(AT, "a"): (0, 3, 9), (AT, "b"): (4, 5, 2**62 - 1)})
    table = several.__table__
    with store.reading() as connection:
        found = connection.execute(sa.select(table.c["name", "volume", "late", "order"]))
        assert sorted(map(tuple, found)) == [("a", 0, 3, 2), ("b", 5, 5, 2**63 - 1)]
    assert several.sums == ("volume", "late", "order")
    assert several.columns() == ["timestamp", "late", "name", "order", "volume"]


def test_what_was_added_is_touched(store, model):
    with store.writing() as connection, Session(connection) as session:
        session.info[TOUCHED] = set()
        model.add(session, {(AT, "a", "b"): 1, (AT, "c", "d"): 0})
        assert session.info[TOUCHED] == {(AT, (("name", "a"), ("arch", "b")))}


def test_a_rollback_takes_back_what_was_added(store, model):
    with store.connection() as connection, connection.begin() as transaction:
        model.add(Session(connection), {(AT, "a", "b"): 1})
        transaction.rollback()
    assert read(store, model) == {}


# -- writers at the same time --------------------------------------------------------------------


def test_writers_of_the_same_rows_neither_lose_an_addition_nor_wait_in_a_ring(store, model):
    """Each adds to rows that the others add to, in an order of its own."""

    def write(seed):
        shuffle = random.Random(seed)
        for _ in range(8):
            names = [f"{n}" for n in range(300)]
            shuffle.shuffle(names)
            add(
                store,
                model,
                {(AT + len(name) * HOUR, name, "é\U0001f600~"[seed % 3]): 1 for name in names},
            )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    found = read(store, model)
    assert len(found) == 900
    assert set(found.values()) == {16}


# -- the table -----------------------------------------------------------------------------------


def test_a_model_is_made_once():
    name = f"laws {next(numbers)}"
    assert count_model(name, ("a",)) is count_model(name, ("a",))


def test_a_window_has_each_key_once_and_the_timestamp_is_indexed_with_it(store, model):
    (constraint,) = (
        constraint
        for constraint in model.__table__.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    )
    assert [column.name for column in constraint.columns] == ["timestamp", "name", "arch"]
    row = {"timestamp": AT, "name": "a", "arch": "b", "volume": 1}
    with store.connection() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(sa.insert(model), [row, row])


def test_it_shows_its_window_its_keys_and_its_volume(model):
    assert model.columns() == ["timestamp", "arch", "name", "volume"]
    assert model.by == ("name", "arch")


@pytest.mark.parametrize(
    ("ident", "name"),
    [
        ("volume-1s", "stat_volume_1s"),
        ("volume-by-category-1h", "stat_volume_by_category_1h"),
        ("x" * 45, "stat_" + "x" * 45),
    ],
)
def test_the_table_is_named_after_the_ident(ident, name):
    assert table_name(ident) == name


IDENTS = [
    *("a-b", "a_b", "a.b", "a b", "A-b", "a-B", "ä-b", "a--b", "a-b-", "x" * 46, "x" * 47, "a\0b"),
    *("\uff21-b", "a;b", 'a"b', "a%b", "a'b", "x" * 255, "x" * 254 + "y"),
]  # fmt: skip


def test_idents_that_differ_have_tables_that_differ():
    names = [table_name(ident) for ident in IDENTS]
    assert len({name.lower() for name in names}) == len(IDENTS)
    for name in names:
        assert len(name) <= IDENTIFIER_LENGTH
        assert name.isascii()
        assert name.replace("_", "").isalnum()
        assert name == name.lower()


@pytest.mark.parametrize("ident", IDENTS[1:])
def test_rows_go_into_a_table_of_any_name(store, ident):
    odd = count_model(ident, ("name",))
    with store.writing() as connection:
        odd.__table__.create(connection)
    for _ in range(2):
        add(store, odd, {(AT, "a"): 1})
    assert read(store, odd) == {(AT, "a"): 2}
