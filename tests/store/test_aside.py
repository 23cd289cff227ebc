"""Rows that were put aside are served until those that take their place are complete."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from samples import NOW
from sqlalchemy.orm import Session

from statscache.models import CountModel, count_model
from statscache.store import Store, aside, owed, schema

LONG = "x" * 255


@pytest.fixture(params=["ids-1s", LONG, "größe & co"])
def ident(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(store: Store, ident: str) -> type[CountModel]:
    """A statistic with one row."""
    made = count_model(ident, ("name",))
    with store.writing() as connection, Session(connection) as session:
        schema.create_missing(connection, [made])
        made.add(session, {(int(NOW), "a"): 3})
        session.flush()
    return made


def read(store: Store, ident: str, model: type[CountModel]) -> list[Any]:
    with store.reading() as connection:
        rows = aside.source(connection, ident, model)
        return [tuple(one) for one in connection.execute(sa.select(rows.name, rows.volume))]


def put(store: Store, ident: str, model: type[CountModel]) -> None:
    with store.writing() as connection:
        aside.put(connection, ident, model)
        owed.recall(connection, ident, 0, 0, NOW, 9, NOW)


def test_rows_that_stand_aside_are_served_while_others_are_made(
    store: Store, ident: str, model: type[CountModel]
) -> None:
    assert read(store, ident, model) == [("a", 3)]
    put(store, ident, model)
    with store.writing() as connection, Session(connection) as session:
        model.add(session, {(int(NOW), "b"): 5})
        session.flush()
    assert read(store, ident, model) == [("a", 3)]
    put(store, ident, model)
    assert read(store, ident, model) == [("a", 3)]


@pytest.mark.parametrize("ident", ["ids-1s"], indirect=True)
def test_where_nothing_stands_aside_the_rows_themselves_are_read(
    store: Store, ident: str, model: type[CountModel]
) -> None:
    with store.writing() as connection:
        owed.recall(connection, ident, 0, 0, NOW, 9, NOW)
    assert read(store, ident, model) == [("a", 3)]


def test_they_are_dropped_when_nothing_is_owed_any_more(
    store: Store, ident: str, model: type[CountModel]
) -> None:
    put(store, ident, model)
    with store.writing() as connection:
        before = set(sa.inspect(connection).get_table_names())
        aside.drop(connection, [ident])
        assert set(sa.inspect(connection).get_table_names()) == before
        connection.exec_driver_sql("UPDATE statscache_owed SET healed = 1")
        aside.drop(connection, [ident, "another"])
        assert len(before - set(sa.inspect(connection).get_table_names())) == 1
    assert read(store, ident, model) == []
