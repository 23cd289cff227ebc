"""The change table: which rows changed, for readers in other processes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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


@on_sqlite
def test_a_row_that_moves_is_noted_where_it_was_and_where_it_is(make_engine: MakeEngine) -> None:
    class Mover(Outside):
        name, interval = "mover", SECOND

        def update(self, session: Session) -> None:
            row = session.query(Scalar).first()
            if row:
                row.timestamp = datetime(2026, 1, 2)
            else:
                session.add(Scalar(timestamp=datetime(2026, 1, 1), seconds=1, scalar=1))

    engine = make_engine(Mover)
    for number in range(2):
        feed(engine, [number])
        turn(engine)
    day = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert sorted(noted(engine.store, "mover-1s")[1:]) == [(2, day - 86_400, {}), (2, day, {})]


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


# -- what became of the rows between two states --------------------------------------------------

A = ((START, (("name", "a"),)), (START, (("name", "b"),)))


def put(store: Store, revision: int, tag: int | None, owner: str = "t") -> None:
    """A statistic at that revision, with rows of that tag."""
    values = {"ident": "bad-1s", "revision": revision, "tag": tag}
    others = dict.fromkeys(("position", "origin", "complete_until", "horizon"), 0)
    others |= {"counted": 0, "expired": 0, "created": 0, "journal": "j", "version": "1"}
    mine = {"id": 1, "journal": "j", "host": "h", "path": "p", "process": 1, "token": owner}
    with store.writing() as connection:
        connection.execute(sa.delete(tables.checkpoint))
        connection.execute(sa.delete(tables.owner))
        connection.execute(sa.insert(tables.checkpoint).values(**values, **others))
        connection.execute(sa.insert(tables.owner).values(beat=0, **mine))


def now(store: Store) -> changes.State:
    with store.reading() as connection:
        return changes.state(connection, ["bad-1s", "other"])


def since(store: Store, before: changes.State) -> changes.Changes | None:
    with store.reading() as connection:
        return changes.since(connection, "bad-1s", before, changes.state(connection, ["bad-1s"]))


def note(store: Store, revision: int, *rows: Any, ident: str = "bad-1s") -> None:
    with store.writing() as connection:
        changes.note(connection, ident, revision, rows, NOW)


@pytest.fixture
def before(store: Store) -> changes.State:
    put(store, 5, 77)
    note(store, 5, A[0])
    return now(store)


def test_each_row_that_was_touched_since_is_told_once(store: Store, before: changes.State) -> None:
    for revision in (6, 7):
        note(store, revision, *A)
    note(store, 7, A[0], ident="other")
    put(store, 7, 78)
    found = since(store, before)
    assert found
    assert sorted(found.rows, key=str) == [(START, {"name": "a"}), (START, {"name": "b"})]
    assert found.expired is None


def test_a_revision_without_another_tag_is_no_change(store: Store, before: changes.State) -> None:
    put(store, 9, 77, owner="another daemon")
    assert since(store, before) == changes.Changes([])


def test_the_latest_moment_before_which_rows_have_expired_is_told(
    store: Store, before: changes.State
) -> None:
    with store.writing() as connection:
        for revision, until in ((6, START), (7, START + 60)):
            changes.note_expired(connection, "bad-1s", revision, until, NOW)
    put(store, 7, 78)
    assert since(store, before) == changes.Changes([], START + 60)


@pytest.mark.parametrize(
    ("revision", "owner"), [(4, "t"), (5, "t"), (7, "another daemon")], ids=str
)
def test_of_another_history_nothing_can_be_told(
    store: Store, before: changes.State, revision: int, owner: str
) -> None:
    note(store, 6, *A)
    put(store, revision, 78, owner)
    assert since(store, before) is None


def test_nor_where_it_was_not_noted_or_is_too_much(store: Store, before: changes.State) -> None:
    put(store, 6, 78)
    assert since(store, before) is None, "no note"
    for half in (range(700), range(700, 1400)):
        note(store, 6, *((START, (("name", str(number)),)) for number in half))
    assert since(store, before) is None, "too many"
    assert since(store, changes.State("", 0, 0, {})) is None, "counted for the first time"


@pytest.mark.parametrize("keep", [0, 1, 10])
def test_nor_where_notes_in_between_are_gone(
    store: Store, before: changes.State, keep: int
) -> None:
    note(store, 6, A[0])
    for number in range(keep + 1):
        note(store, number, A[0], ident="other")
    with store.writing() as connection:
        changes.prune(connection, keep)
    note(store, 7, A[1])
    put(store, 7, 78)
    assert since(store, before) is None


def test_that_older_notes_go_harms_nobody(store: Store, before: changes.State) -> None:
    for number in range(3):
        note(store, number, *((START, (("n", one),)) for one in range(800)), ident="other")
    late = now(store)
    with store.writing() as connection:
        changes.prune(connection, 1200)
    note(store, 6, A[0])
    put(store, 6, 78)
    assert since(store, late) == changes.Changes([(START, {"name": "a"})])
    assert since(store, before) is None


def test_rows_that_are_recalled_are_others(store: Store, before: changes.State) -> None:
    owes = {"addressee": "bad-1s", "start": 0, "stop": 1, "reason": tables.RECALLED, "opened": 0}
    with store.writing() as connection:
        connection.execute(sa.insert(tables.owed).values(**owes))
    assert since(store, before) is None


def test_what_is_forgotten_keeps_its_number(store: Store) -> None:
    note(store, 1, *A)
    with store.writing() as connection:
        changes.forget(connection, "bad-1s")
    assert noted(store) == [(1, *ALL), (1, *ALL)]
