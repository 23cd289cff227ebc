"""What is owed, how far it has been brought, and when it is healed."""

from __future__ import annotations

import sqlalchemy as sa
from guests import on_sqlite, owed, suspend
from samples import NOW

from statscache.message import EVERYBODY
from statscache.store import Store, checkpoints, tables
from statscache.store import owed as debts
from statscache.store.checkpoints import Checkpoint
from statscache.store.owed import LOST, Debt, Missed
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING, RECALLED


def owe(
    store: Store,
    addressee: str,
    start: float,
    stop: float,
    reason: str = "why",
    missed: Missed | None = None,
) -> None:
    with store.writing() as connection:
        debts.owe(connection, addressee, start, stop, reason, NOW, missed)


def read(store: Store) -> list[Debt]:
    with store.reading() as connection:
        return debts.read(connection)


def still(store: Store) -> list[float]:
    """Where what is still owed starts, the latest first."""
    with store.reading() as connection:
        return [debt.start for debt in debts.still(connection)]


def needed(store: Store) -> float | None:
    with store.reading() as connection:
        return debts.ids_needed_since(connection)


def missed(store: Store) -> list[Missed]:
    with store.reading() as connection:
        return debts.missed(connection, "a")


def healed(store: Store) -> list[Debt]:
    """What is healed now by the plugins `a` and `b`, which run."""
    with store.writing() as connection:
        return debts.heal(connection, ["a", "b"], NOW)


def progress(
    store: Store, reached: float | None = None, brought: int = 0, filled: int | None = None
) -> None:
    number = read(store)[0].id
    with store.writing() as connection:
        if reached is not None:
            debts.reach(connection, number, reached, brought)
        if filled is not None:
            debts.fill(connection, number, filled)


def join(store: Store, **positions: int) -> None:
    """Let those plugins stand at these positions."""
    with store.writing() as connection:
        known = checkpoints.read(connection)
        for ident, position in positions.items():
            if ident in known:
                connection.execute(
                    sa.update(tables.checkpoint)
                    .where(tables.checkpoint.c.ident == ident)
                    .values(position=position)
                )
            else:
                row = (ident, "j", position, 0, 0, "1", NOW, 0, 0, 0, None, NOW)
                checkpoints.create(connection, Checkpoint(*row))


def heal(store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE statscache_owed SET healed = 1")


def test_what_is_missing_is_owed_once(store: Store) -> None:
    for _ in range(2):
        owe(store, EVERYBODY, 10, 20)
        owe(store, "a", 10, 20)
        owe(store, "a", 10, 20, "another reason")
        owe(store, "a", 15, 20)
    assert owed(store) == [(EVERYBODY, 10, 20), ("a", 10, 20), ("a", 10, 20), ("a", 15, 20)]


@on_sqlite
def test_what_is_owed_to_one_that_does_not_run_is_not_healed(store: Store) -> None:
    join(store, a=9, b=9, c=9)
    owe(store, "c", 10, 20)
    progress(store, filled=5)
    assert healed(store) == []


@on_sqlite
def test_a_span_of_no_length_is_not_owed(store: Store) -> None:
    owe(store, "a", 10, 10)
    owe(store, "a", 10, 5)
    assert owed(store) == []


def test_a_span_that_turns_out_longer_is_owed_to_its_end(store: Store) -> None:
    owe(store, "a", 10, 20)
    progress(store, filled=5)
    heal(store)
    owe(store, "a", 10, 15)
    assert still(store) == []
    owe(store, "a", 10, 30)
    assert owed(store) == [("a", 10, 30)]
    assert read(store)[0].filled is None
    assert still(store) == [10]


@on_sqlite
def test_what_is_still_owed_is_told_the_latest_first(store: Store) -> None:
    owe(store, "a", 10, 20)
    heal(store)
    owe(store, "a", 40, 50)
    owe(store, "b", 30, 60)
    assert still(store) == [30, 40]
    assert [debt.start for debt in read(store)] == [30, 40, 10]


@on_sqlite
def test_ids_are_needed_from_where_something_owed_starts(store: Store) -> None:
    assert needed(store) is None
    owe(store, EVERYBODY, 40, 50, NOT_LISTENING)
    assert needed(store) == 40
    owe(store, "a", 10, NOW, BEFORE_THE_PLUGIN)
    assert needed(store) == 10
    heal(store)
    assert needed(store) is None


def test_a_span_is_healed_when_all_who_run_have_counted_it(store: Store) -> None:
    join(store, a=5, b=9, gone=0)
    owe(store, EVERYBODY, 10, 20)
    assert healed(store) == []
    progress(store, reached=15, brought=2)
    progress(store, reached=20, brought=3, filled=9)
    assert healed(store) == []
    join(store, a=9)
    (debt,) = healed(store)
    assert (debt.reached, debt.brought) == (20, 5)
    assert read(store)[0].healed == NOW


@on_sqlite
def test_what_is_owed_to_one_is_healed_by_that_one(store: Store) -> None:
    join(store, a=9, b=5)
    owe(store, "b", 10, 20)
    progress(store, filled=9)
    assert healed(store) == []
    join(store, b=10)
    assert len(healed(store)) == 1


@on_sqlite
def test_a_suspended_plugin_keeps_nothing_from_being_healed_for_others(store: Store) -> None:
    join(store, a=9, b=5)
    owe(store, EVERYBODY, 10, 20)
    progress(store, filled=9)
    suspend(store, "b", "why")
    assert len(healed(store)) == 1


@on_sqlite
def test_a_span_that_turns_out_longer_was_missed_up_to_there(store: Store) -> None:
    owe(store, "a", 10, 20, missed=Missed(3, 7))
    owe(store, "a", 10, 30, missed=Missed(7, 9))
    assert [(one.after, one.until) for one in missed(store)] == [(3, 9)]


@on_sqlite
def test_what_was_passed_by_is_known_while_it_is_owed(store: Store) -> None:
    owe(store, "a", 10, 20, missed=Missed(3, 7))
    owe(store, "a", 30, 40, missed=LOST)
    owe(store, "b", 10, 20, missed=Missed(1, 2))
    assert sorted(missed(store)) == [Missed(-1, 0, 30), Missed(3, 7, 10)]
    heal(store)
    assert missed(store) == []


def test_of_what_was_lost_only_what_arrived_later_was_missed() -> None:
    lost, passed_by = Missed(-1, 0, 30.0), Missed(3, 7, 10.0)
    assert [lost.holds(0, arrived, NOW) for arrived in (29, 30, 31)] == [False, False, True]
    assert [passed_by.holds(position, 0, NOW) for position in (3, 4, 7, 8)] == [
        False,
        True,
        True,
        False,
    ]


@on_sqlite
def test_what_is_recalled_takes_the_place_of_what_was_owed_of_that_time(store: Store) -> None:
    for start in (10, 20, 30):
        owe(store, "a", start, 40)
    owe(store, "b", 30, 40)
    with store.writing() as connection:
        debts.recall(connection, "a", 20, 25, 40, 7, NOW)
    assert sorted(owed(store)) == [("a", 10, 40), ("a", 25, 40), ("b", 30, 40)]


@on_sqlite
def test_no_debt_is_mistaken_for_a_recalled_one(store: Store) -> None:
    owe(store, "a", 10, 20, RECALLED)
    (old,) = read(store)
    with store.writing() as connection:
        debts.recall(connection, "a", 10, 10, 20, 7, NOW)
        debts.reach(connection, old.id, 15, 3)
        debts.fill(connection, old.id, 9)
    (new,) = read(store)
    assert new.id != old.id
    assert (new.reached, new.filled, new.brought) == (None, None, 0)


@on_sqlite
def test_what_was_handed_over_before_its_rows_were_deleted_is_missed_for_good(store: Store) -> None:
    with store.writing() as connection:
        debts.recall(connection, "a", 10, 10, 20, 7, NOW)
    for _ in range(2):
        (found,) = missed(store)
        assert [found.holds(position, NOW, 10) for position in (0, 7, 8)] == [True, True, False]
        assert not found.holds(7, NOW, 9.9)
        assert not found.holds(0, NOW + 1, 10)
        heal(store)


@on_sqlite
def test_ids_are_needed_from_where_a_recall_starts(store: Store) -> None:
    with store.writing() as connection:
        debts.recall(connection, "a", 10, 10, 20, 7, NOW)
    assert needed(store) == 10
