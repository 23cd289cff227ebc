"""The transaction that a plugin's rows and its checkpoint share."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from guests import Scalar, checkpoint, counted, rows
from samples import NOW
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from statscache.errors import TransactionEndedError
from statscache.models import count_model
from statscache.store import Store, checkpoints, schema, tables
from statscache.store.checkpoints import Checkpoint
from statscache.store.faults import is_outage
from statscache.store.transaction import Transaction

IDS = count_model("ids-1s", ("name",))
START = int(NOW) - 60
FIRST = Checkpoint("ids-1s", "j", 0, 0, 0, "1", NOW, 0, 0, 0, None, NOW)


@pytest.fixture(scope="module")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with prepared(f"sqlite:///{tmp_path_factory.mktemp('transaction') / 'db'}") as store:
        yield store


@pytest.fixture(scope="module")
def postgresql_database(postgresql: str) -> Iterator[Store]:
    with prepared(postgresql) as store:
        yield store
        with store.writing() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")


@contextmanager
def prepared(uri: str) -> Iterator[Store]:
    store = Store(uri)
    schema.upgrade(store)
    with store.writing() as connection:
        schema.create_missing(connection, [IDS, Scalar])
    yield store
    store.close()


@pytest.fixture
def sqlite_store(sqlite_file: Store) -> Store:
    return emptied(sqlite_file)


@pytest.fixture
def postgresql_store(postgresql_database: Store) -> Store:
    return emptied(postgresql_database)


@pytest.fixture(params=["sqlite_store", "postgresql_store"])
def store(request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue(request.param)


def emptied(store: Store) -> Store:
    """For many tests of a few milliseconds a new database each would take too long."""
    with store.writing() as connection:
        for table in (IDS.__table__, Scalar.__table__, tables.checkpoint):
            connection.execute(sa.delete(table))
        checkpoints.create(connection, FIRST)
    return store


def begin(store: Store) -> Transaction:
    return Transaction(store, "ids-1s")


def write(store: Store, *acts: Callable[[Session], Any]) -> None:
    """Let a guest do all that, and commit."""
    with begin(store) as transaction:
        for act in acts:
            act(transaction.session)
        transaction.commit()


def add(session: Session, name: str = "a", volume: int = 1) -> None:
    IDS.add(session, {(START, name): volume})


def commit(session: Session) -> None:
    session.commit()


def close_the_driver(session: Session) -> None:
    driver(session).close()


def fail(*_arguments: Any) -> None:
    raise ZeroDivisionError


def driver(session: Session) -> Any:
    return session.connection().connection.driver_connection


def execute(text: str) -> Callable[[Session], Any]:
    return lambda session: session.execute(sa.text(text))


def test_rows_and_revision_are_committed_together(store: Store) -> None:
    with begin(store) as transaction:
        add(transaction.session)
        transaction.commit()
    assert counted(store) == {"a": 1}
    assert checkpoint(store).revision == transaction.revision == 1


def tag(store: Store) -> int | None:
    with store.reading() as connection:
        return checkpoints.tags(connection, ["ids-1s"])["ids-1s"]


def test_rows_that_may_have_changed_have_another_tag(store: Store) -> None:
    before = tag(store)
    write(store, add)
    after = tag(store)
    assert before != after
    write(store)
    assert tag(store) == after


def test_the_tag_stays_where_nothing_is_committed(store: Store) -> None:
    before = tag(store)
    with begin(store) as transaction:
        add(transaction.session)
        transaction.session.rollback()
        add(transaction.session)
    assert tag(store) == before


def test_rows_have_another_tag_also_where_a_guest_takes_back_what_it_did(store: Store) -> None:
    """And then does something else: the tag is given before the guest can do anything."""
    before = tag(store)
    write(store, add, Session.rollback, add)
    assert tag(store) != before


def test_what_a_guest_commits_behind_our_back_has_another_tag(store: Store) -> None:
    before = tag(store)
    with suppress(TransactionEndedError), begin(store) as transaction:
        add(transaction.session)
        driver(transaction.session).commit()
        transaction.commit()
    assert counted(store) == {"a": 1}
    assert tag(store) != before


def test_nothing_is_left_where_it_is_not_committed(store: Store) -> None:
    with begin(store) as transaction:
        add(transaction.session)
        transaction.session.commit()
    assert not counted(store)
    assert checkpoint(store).revision == 0


def test_an_exception_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        write(store, add, commit, fail)
    assert not counted(store)
    assert checkpoint(store).revision == 0


def test_it_opens_with_the_first_statement_which_locks_the_checkpoint(store: Store) -> None:
    statements: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    with begin(store) as transaction:
        assert not transaction.session.used
        assert not statements
        add(transaction.session)
        assert transaction.session.used
    written = [text for text in statements if not text.startswith("BEGIN")]
    assert written[0].startswith("UPDATE statscache_checkpoint")


def test_a_session_that_is_not_used_commits_the_lock_alone(store: Store) -> None:
    with begin(store) as transaction:
        transaction.commit()
    assert checkpoint(store).revision == 1


def test_commits_and_rollbacks_of_a_guest_end_savepoints_only(store: Store) -> None:
    with begin(store) as transaction:
        session = transaction.session
        add(session, "kept")
        session.commit()
        add(session, "taken back")
        session.rollback()
        add(session, "kept too")
        session.commit()
        session.close()
        add(session, "given up")
        session.close()
        with session.begin_nested():
            add(session, "nested")
        session.begin_nested()
        add(session, "left open")
        transaction.commit()
    assert counted(store) == dict.fromkeys(("kept", "kept too", "nested", "left open"), 1)


ENDS: dict[str, Callable[[Session], Any]] = {
    "commits its connection": lambda session: session.connection().commit(),
    "rolls its connection back": lambda session: session.connection().rollback(),
    "closes its connection": lambda session: session.connection().close(),
    "gives its connection up": lambda session: session.connection().invalidate(),
    "says COMMIT": execute("COMMIT"),
    "says END": execute("END"),
    "says rollback": execute(" rollback"),
    "says ROLLBACK TRANSACTION": execute("ROLLBACK TRANSACTION"),
    "says BEGIN": execute("BEGIN"),
    "says COMMIT after a comment": execute("/* done */ -- at last\n COMMIT"),
    "commits the driver's connection": lambda session: driver(session).cursor().execute("COMMIT"),
    "rolls the driver's connection back": lambda session: driver(session).rollback(),
    "closes the driver's connection": lambda session: driver(session).close(),
}


def swallow(act: Callable[[Session], Any]) -> Callable[[Session], Any]:
    def swallowing(session: Session) -> None:
        try:
            act(session)
        except BaseException:
            session.close()

    return swallowing


def then_go_on(act: Callable[[Session], Any]) -> Callable[[Session], Any]:
    def going_on(session: Session) -> None:
        swallow(act)(session)
        swallow(add)(session)
        swallow(lambda session: session.rollback())(session)

    return going_on


def outside_the_session(text: str) -> Callable[[Session], Any]:
    """On the connection, while the session knows of no transaction."""

    def act(session: Session) -> None:
        connection = session.connection()
        session.close()
        connection.exec_driver_sql(text)

    return act


def begun_anew(session: Session) -> None:
    """A rollback and a new transaction, neither of which SQLAlchemy hears of."""
    connection = session.connection()
    session.close()
    cursor = connection.connection.driver_connection.cursor()
    cursor.execute("ROLLBACK")
    cursor.execute("BEGIN")


WAYS = {
    **ENDS,
    **{f"{name}, swallowing the error": swallow(act) for name, act in ENDS.items()},
    **{f"{name}, and goes on": then_go_on(act) for name, act in ENDS.items()},
    "says COMMIT outside the session": swallow(outside_the_session("COMMIT")),
    "begins anew in the driver": begun_anew,
}


@pytest.mark.parametrize("act", WAYS.values(), ids=WAYS)
def test_rows_and_checkpoint_stay_together_however_a_guest_ends_the_transaction(
    store: Store, act: Callable[[Session], Any]
) -> None:
    committed = False
    with suppress(TransactionEndedError, SQLAlchemyError):
        write(store, add, commit, act)
        committed = True
    assert bool(counted(store)) == bool(checkpoint(store).revision)
    assert not committed or checkpoint(store).revision


@pytest.mark.parametrize("act", ENDS.values(), ids=ENDS)
def test_a_guest_that_ends_the_transaction_hears_of_it(
    store: Store, act: Callable[[Session], Any]
) -> None:
    with pytest.raises((TransactionEndedError, SQLAlchemyError)):
        write(store, add, act)


@pytest.mark.parametrize("act", WAYS.values(), ids=WAYS)
def test_what_a_guest_ended_harms_nobody_after_it(
    store: Store, act: Callable[[Session], Any]
) -> None:
    with suppress(TransactionEndedError, SQLAlchemyError):
        write(store, add, act)
    for number in range(5):
        write(store, partial(add, name="good"))
        assert counted(store)["good"] == number + 1


def test_a_conflict_resolved_by_rollback_is_found_out(sqlite_store: Store) -> None:
    insert = (
        f"INSERT OR ROLLBACK INTO stat_ids_1s (timestamp, name, volume) VALUES ({START}, 'a', 1)"
    )
    with pytest.raises(TransactionEndedError):
        write(sqlite_store, add, swallow(execute(insert)))
    assert not counted(sqlite_store)
    assert checkpoint(sqlite_store).revision == 0


def test_an_error_that_a_guest_swallowed_does_not_pass_for_a_commit(
    postgresql_store: Store,
) -> None:
    """PostgreSQL answers COMMIT with a rollback, and no error, where a statement has failed."""
    with pytest.raises(SQLAlchemyError):
        write(postgresql_store, add, commit, swallow(outside_the_session("SELECT nothing")))
    assert not counted(postgresql_store)
    assert checkpoint(postgresql_store).revision == 0


def test_a_lock_that_failed_fails_again_however_often_a_guest_asks(store: Store) -> None:
    with Transaction(store, "ids-1s", fail) as transaction:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                add(transaction.session)
            transaction.session.rollback()
        with pytest.raises(ZeroDivisionError):
            transaction.commit()
    assert not counted(store)


def test_a_session_that_a_guest_kept_is_of_no_use(store: Store) -> None:
    with begin(store) as unused:
        pass
    with begin(store) as used:
        add(used.session)
        used.commit()
    for session in (unused.session, used.session):
        with pytest.raises(TransactionEndedError):
            add(session)
    with begin(store) as transaction:
        add(transaction.session)
        transaction.commit()
    assert counted(store) == {"a": 2}


def test_settings_that_a_guest_changed_are_gone_after_it(store: Store) -> None:
    change, ask = (
        ("PRAGMA case_sensitive_like = ON", "SELECT 'a' LIKE 'A'")
        if store.is_sqlite
        else ("SET statement_timeout = '1h'", "SHOW statement_timeout")
    )
    with store.reading() as connection:
        before = connection.exec_driver_sql(ask).scalar()
    with begin(store) as transaction:
        add(transaction.session)
        transaction.session.execute(sa.text(change))
        transaction.commit()
    with store.reading() as connection:
        assert connection.exec_driver_sql(ask).scalar() == before
    assert counted(store) == {"a": 1}


def test_an_outage_that_a_guest_wrapped_is_still_an_outage(store: Store) -> None:

    def wrap(session: Session) -> None:
        try:
            add(session)
        except SQLAlchemyError:
            raise ValueError("not my fault") from None

    with pytest.raises(SQLAlchemyError) as caught:
        write(store, add, close_the_driver, wrap)
    assert is_outage(caught.value)


def test_an_outage_that_a_guest_swallowed_is_still_an_outage(store: Store) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        write(store, add, close_the_driver, swallow(add))
    assert is_outage(caught.value)


def test_a_database_that_is_locked_by_another_process_is_an_outage(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statscache.store.database.BUSY_SECONDS", 0.1)
    store = Store(str(sqlite_store.url))
    other = sqlite3.connect(store.url.database or "")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError) as caught:
        write(store, add)
    assert is_outage(caught.value)
    other.rollback()
    other.close()
    write(store, add)
    assert counted(store) == {"a": 1}
    store.close()


def test_the_lock_makes_others_wait_until_the_commit(store: Store) -> None:
    order: list[str] = []

    def second() -> None:
        with begin(store) as transaction:
            add(transaction.session)
            order.append("second")
            transaction.commit()

    with begin(store) as transaction:
        add(transaction.session)
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        order.append("first")
        transaction.commit()
    other.join(10)
    assert order == ["first", "second"]
    assert counted(store) == {"a": 2}
    assert checkpoint(store).revision == 2


def test_touched_rows_are_known_by_their_keys(store: Store) -> None:
    with begin(store) as transaction:
        add(transaction.session, "a")
        add(transaction.session, "a")
        transaction.session.add(Scalar(timestamp=datetime(2026, 1, 1), seconds=1, scalar=1))
        transaction.session.flush()
        assert transaction.touched == {(START, (("name", "a"),)), (NOW, ())}


@pytest.mark.parametrize("timestamp", [sa.func.now()])
def test_a_timestamp_that_is_not_known_before_it_is_written_means_to_read_again(
    store: Store, timestamp: Any
) -> None:
    with begin(store) as transaction:
        add(transaction.session)
        row = Scalar(timestamp=datetime(2026, 1, 1), seconds=1, scalar=1)
        transaction.session.add(row)
        transaction.session.flush()
        row.timestamp = timestamp
        try:
            transaction.session.flush()
        except SQLAlchemyError:
            transaction.session.rollback()
        assert not transaction.touched


def test_statements_of_a_guest_mean_to_read_again(store: Store) -> None:
    with begin(store) as transaction:
        add(transaction.session)
        transaction.session.execute(sa.select(IDS)).all()
        assert transaction.touched
        transaction.session.execute(sa.update(IDS).values(volume=7))
        add(transaction.session)
        assert not transaction.touched
        transaction.commit()
    assert rows(store, "stat_ids_1s", "volume") == [(8,)]
