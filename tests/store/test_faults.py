"""Every error here is a real one: a database was brought to raise it."""

from __future__ import annotations

import socket
import sqlite3
from concurrent.futures import Future as Promise
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg2
import pytest
import sqlalchemy as sa

from statscache.store import Store
from statscache.store.faults import is_canceled, is_missing_table, is_outage, is_stuck, sqlstate


@pytest.fixture
def sqlite(sqlite_uri):
    store = Store(sqlite_uri)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL)")
    yield store
    store.close()


@pytest.fixture
def server(postgresql):
    store = Store(postgresql)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS faults (a int PRIMARY KEY, b int)")
        connection.exec_driver_sql("TRUNCATE faults")
        connection.exec_driver_sql("INSERT INTO faults VALUES (1, 1), (2, 2)")
    yield store
    store.close()


def failure(store, *statements):
    """What the last of `statements` raises."""
    with store.connection() as connection, connection.begin():
        for statement in statements[:-1]:
            connection.exec_driver_sql(statement)
        with pytest.raises(sa.exc.SQLAlchemyError) as error:
            connection.exec_driver_sql(statements[-1])
        with suppress(sa.exc.SQLAlchemyError):
            connection.rollback()
    return error.value


# -- SQLite --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM nowhere",
        "SELEKT 1",
        "INSERT INTO t VALUES (1, NULL)",
        "INSERT INTO t VALUES (1, 'a'), (1, 'b')",
        "INSERT INTO t VALUES ('text', 'a')",
        "SELECT abs(-9223372036854775808)",
        "CREATE TABLE t (a)",
    ],
)
def test_what_a_plugin_does_wrong_on_sqlite_is_no_outage(sqlite, statement):
    error = failure(sqlite, statement)
    assert not is_outage(error)
    assert not is_canceled(error)
    assert not is_stuck(error.orig)


def test_a_locked_file_is_an_outage(sqlite):
    other = sqlite3.connect(sqlite.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with sqlite.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
        with pytest.raises(sa.exc.OperationalError) as error:
            connection.exec_driver_sql("INSERT INTO t VALUES (1, 'a')")
    other.close()
    assert is_outage(error.value)
    assert not is_stuck(error.value.orig)


def test_a_full_disk_is_an_outage(sqlite):
    error = failure(
        sqlite,
        "PRAGMA max_page_count = 5",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
        "INSERT INTO t SELECT i, hex(randomblob(500)) FROM n",
    )
    assert "full" in str(error)
    assert is_outage(error)
    assert not is_stuck(error.orig)


def test_a_file_that_became_read_only_is_an_outage(sqlite):
    error = failure(sqlite, "PRAGMA query_only = 1", "DELETE FROM t")
    assert is_outage(error)
    assert is_stuck(error.orig)


def test_a_connection_that_could_only_read_is_not_used_again(sqlite):
    failure(sqlite, "PRAGMA query_only = 1", "DELETE FROM t")
    with sqlite.writing() as connection:
        connection.exec_driver_sql("DELETE FROM t")


def test_a_file_that_cannot_be_opened_is_an_outage(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'nowhere' / 'statscache.sqlite'}")
    with pytest.raises(sa.exc.OperationalError) as error:
        engine.connect()
    assert is_outage(error.value)
    assert is_stuck(error.value.orig)


def test_a_file_that_is_no_database_is_an_outage(tmp_path):
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    store = Store(f"sqlite:///{tmp_path / 'garbage'}")
    with pytest.raises(sa.exc.DatabaseError) as error, store.reading():
        pass
    store.close()
    assert is_outage(error.value)
    assert is_stuck(error.value.orig)


# -- PostgreSQL ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("SELECT * FROM nowhere", "42P01"),
        ("SELEKT 1", "42601"),
        ("SELECT 1 / 0", "22012"),
        ("INSERT INTO faults VALUES (1, 1)", "23505"),
        ("INSERT INTO faults VALUES (NULL, 1)", "23502"),
        ("SELECT 'x'::int", "22P02"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x'; END $$", "P0001"),
    ],
)
def test_what_a_plugin_does_wrong_on_postgresql_is_no_outage(server, statement, state):
    error = failure(server, statement)
    assert sqlstate(error) == state
    assert not is_outage(error)
    assert not is_canceled(error)


@pytest.mark.parametrize(
    "state",
    [
        *("08006", "40001", "40P01", "53100", "53200", "53300", "53400", "55P03", "57P01", "57P02"),
        *("57P03", "58030", "25006"),
    ],
)
def test_these_states_mean_to_wait(server, state):
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    error = failure(server, statement)
    assert sqlstate(error) == state
    assert is_outage(error)
    assert not is_canceled(error)


def test_a_statement_that_was_cut_off_may_be_either(server):
    error = failure(server, "SET LOCAL statement_timeout = 20", "SELECT pg_sleep(5)")
    assert is_canceled(error)
    assert is_outage(error)


def test_a_lock_that_is_not_to_be_had_is_an_outage(server):
    with server.writing() as connection:
        connection.exec_driver_sql("LOCK TABLE faults")
        error = failure(server, "SET LOCAL lock_timeout = 20", "DELETE FROM faults")
    assert sqlstate(error) == "55P03"
    assert is_outage(error)


def test_a_deadlock_is_an_outage_to_the_one_who_loses(server):
    def update(first, second, mine, others):
        with server.connection() as connection, connection.begin():
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = 50")
            connection.exec_driver_sql(f"UPDATE faults SET b = 0 WHERE a = {first}")
            mine.set_result(None)
            others.result()
            connection.exec_driver_sql(f"UPDATE faults SET b = 0 WHERE a = {second}")

    with ThreadPoolExecutor(2) as pool:
        from_one, from_two = Promise(), Promise()
        both = [
            pool.submit(update, 1, 2, from_one, from_two),
            pool.submit(update, 2, 1, from_two, from_one),
        ]
        (error,) = [done.exception() for done in both if done.exception()]
    assert sqlstate(error) == "40P01"
    assert is_outage(error)


def test_a_server_that_may_only_be_read_is_an_outage(server):
    assert is_outage(failure(server, "SET TRANSACTION READ ONLY", "DELETE FROM faults"))


def test_a_connection_that_was_cut_is_an_outage(server):
    with server.connection() as connection:
        number = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with server.connection() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
        with pytest.raises(sa.exc.OperationalError) as error:
            connection.exec_driver_sql("SELECT 1")
    assert is_outage(error.value)


@pytest.mark.parametrize("setting", ["idle_session_timeout", "idle_in_transaction_session_timeout"])
def test_a_connection_that_was_ended_for_being_idle_is_an_outage(server, setting):
    driver = server.engine.raw_connection()
    driver.cursor().execute(f"SET {setting} = 20")
    if setting == "idle_session_timeout":
        driver.commit()
    with server.engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(0.2)")
    with pytest.raises(psycopg2.OperationalError) as error:
        driver.cursor().execute("SELECT 1")
    driver.invalidate()
    assert is_outage(sa.exc.DBAPIError.instance("SELECT 1", {}, error.value, psycopg2.Error))


def test_a_user_with_too_many_connections_is_told_to_wait(server):
    with server.writing() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS crowded")
        connection.exec_driver_sql("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    store = Store(server.url.set(username="crowded").render_as_string(hide_password=False))
    with pytest.raises(sa.exc.OperationalError, match="too many connections") as error:
        store.reading().__enter__()
    assert is_outage(error.value)


def test_a_server_that_is_not_there_is_an_outage():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        store = Store(f"postgresql://127.0.0.1:{nobody.getsockname()[1]}/statscache")
        with pytest.raises(sa.exc.OperationalError) as error, store.reading():
            pass
    assert is_outage(error.value)


def test_a_database_that_is_not_there_is_an_outage(server):
    store = Store(server.url.set(database="nowhere").render_as_string(hide_password=False))
    with pytest.raises(sa.exc.OperationalError) as error, store.reading():
        pass
    assert is_outage(error.value)


# -- neither -------------------------------------------------------------------------------------


def test_a_pool_without_a_free_connection_is_an_outage(sqlite_uri):
    engine = sa.create_engine(sqlite_uri, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with engine.connect(), pytest.raises(sa.exc.TimeoutError) as error:
        engine.connect()
    engine.dispose()
    assert is_outage(error.value)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SystemExit(1),
        OSError(28, "No space left on device"),
        TimeoutError(),
        sqlite3.OperationalError("database is locked"),
        sa.exc.ArgumentError("x"),
        sa.exc.InvalidRequestError("x"),
        sa.exc.ResourceClosedError("x"),
    ],
)
def test_what_comes_from_no_database_is_no_outage(error):
    assert not is_outage(error)
    assert not is_canceled(error)


# -- no tables yet -------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["SELECT 1 FROM nowhere", "SELECT c FROM here"])
def test_a_table_or_column_that_is_not_there_is_told_from_other_errors(uri, statement):
    store = Store(uri)
    make = "CREATE TABLE here (a int)"
    assert is_missing_table(failure(store, make, statement))
    assert not is_missing_table(failure(store, make, "SELEC 1"))
    assert not is_missing_table(ValueError("no such table"))
    store.close()
