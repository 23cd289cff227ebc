"""The change table: which rows changed, for readers in other processes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from guests import (
    SECOND,
    Ids,
    MakeEngine,
    Outside,
    Scalar,
    bad,
    checkpoint,
    counted,
    feed,
    on_sqlite,
    turn,
)
from samples import NOW, message
from sqlalchemy.orm import Session

from statscache.store import Store, changes, tables

START = NOW - 60
ALL = (None, None)
"""The note that says: read the statistic again."""


def noted(store: Store, ident: str = "bad-1s") -> list[tuple[int, float | None, Any]]:
    """Revision, timestamp and key of each note, oldest first."""
    columns = tables.change.c
    query = sa.select(columns.revision, columns.timestamp, columns.key)
    with store.reading() as connection:
        found = connection.execute(query.where(columns.ident == ident).order_by(columns.id))
        return [(row[0], row[1], row[2] and json.loads(row[2])) for row in found]


def test_each_row_that_was_touched_is_noted_with_the_revision(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    for batch in (range(2), range(2, 3)):
        feed(engine, batch)
        turn(engine)
    keys = [{"name": message(number)["msg_id"]} for number in range(3)]
    assert noted(engine.store, "ids-1s") == [
        (1, START, keys[0]),
        (1, START, keys[1]),
        (2, START, keys[2]),
    ]
    assert checkpoint(engine.store).revision == 2


@pytest.mark.parametrize(("number", "notes"), [(1_000, 1_000), (1_001, 1)])
@on_sqlite
def test_many_rows_at_once_are_noted_as_one(
    make_engine: MakeEngine, number: int, notes: int
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(number))
    turn(engine)
    found = noted(engine.store, "ids-1s")
    assert len(found) == notes
    assert (found == [(1, *ALL)]) == (notes == 1)


@on_sqlite
def test_rows_of_objects_are_noted_by_their_category(make_engine: MakeEngine) -> None:
    class Log(Outside):
        name, interval = "log", SECOND

        def update(self, session: Session) -> None:
            session.add(Scalar(timestamp=datetime(2026, 1, 1), seconds=1, scalar=1))

    engine = make_engine(Log)
    feed(engine, range(3))
    turn(engine)
    assert noted(engine.store, "log-1s") == [(1, NOW, {})]


STATEMENTS = {
    "only": lambda session: session.execute(sa.update(Scalar).values(scalar=2)),
    "text": lambda session: session.execute(sa.text("DELETE FROM data_scalar")),
    "connection": lambda session: session.connection().execute(sa.delete(Scalar)),
    "after-a-comment": lambda session: session.execute(
        sa.text("/* all */ DELETE FROM data_scalar")
    ),
    "with": lambda session: session.execute(
        sa.text("WITH one AS (SELECT 1) UPDATE data_scalar SET scalar = 1")
    ),
}


def test_statements_of_a_plugin_mean_to_read_again(make_engine: MakeEngine) -> None:
    """Even where it also changed rows in ways that can be told."""
    makes_the_table = type("Outside", (Outside,), {"interval": SECOND})
    plugins = [bad(act, name=name) for name, act in STATEMENTS.items()]
    engine = make_engine(*plugins, makes_the_table)
    feed(engine, range(3))
    turn(engine)
    for name in STATEMENTS:
        assert noted(engine.store, f"{name}-1s") == [(1, *ALL)]
        assert len(counted(engine.store, f"{name}-1s")) == 3


@on_sqlite
def test_what_only_reads_is_no_change_of_its_own(make_engine: MakeEngine) -> None:
    def read(session: Session) -> None:
        session.execute(sa.text(" SELECT 1"))
        session.commit()
        session.begin_nested().rollback()

    engine = make_engine(bad(read))
    feed(engine, range(1))
    turn(engine)
    assert noted(engine.store) == [(1, START, {"name": message(0)["msg_id"]})]


@on_sqlite
def test_a_bucket_with_nothing_in_it_is_no_change(make_engine: MakeEngine) -> None:
    engine = make_engine(bad(topics=["nothing.*"]))
    feed(engine, range(3))
    turn(engine)
    assert checkpoint(engine.store, "bad-1s").position == 3
    assert noted(engine.store) == []


@on_sqlite
def test_what_is_rolled_back_is_not_noted(make_engine: MakeEngine) -> None:
    engine = make_engine(bad(lambda _: [1 / 0]))
    feed(engine, range(3))
    turn(engine)
    assert noted(engine.store) == []


def test_keys_of_every_kind_are_written(store: Store) -> None:
    key = (("category", "ÿ\N{SNOWMAN}"), ("category_constraint", None), ("number", 7))
    odd = (("day", datetime(2026, 1, 1)), ("raw", b"\xff"))
    with store.writing() as connection:
        changes.note(connection, "bad-1s", 5, {(START, key), (START, odd), (NOW, ())}, NOW)
    assert noted(store) == [
        (5, START, dict(key)),
        (5, START, {"day": "2026-01-01T00:00:00", "raw": "b'\\xff'"}),
        (5, NOW, {}),
    ]


def test_only_the_newest_notes_are_kept(store: Store) -> None:
    with store.writing() as connection:
        for revision in range(10):
            changes.note(connection, "bad-1s", revision, {(START, ())}, NOW)
        changes.prune(connection, 4)
    assert [revision for revision, *_ in noted(store)] == [6, 7, 8, 9]


@on_sqlite
def test_there_may_be_nothing_to_prune(store: Store) -> None:
    with store.writing() as connection:
        changes.prune(connection, 4)
    assert noted(store) == []
