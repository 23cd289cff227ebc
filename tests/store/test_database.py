"""The database of the statistics: how it is opened, read, and written to."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from guests import rows
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from statscache.errors import ConfigError, StoreError
from statscache.store import Store
from statscache.store.database import in_transaction
from statscache.store.faults import is_outage

NOTE = sa.table("note", sa.column("text"), sa.column("number"))


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    """A store with a table of notes and nothing else."""
    opened = Store(uri)
    with opened.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE note (text varchar(9), number integer)")
    yield opened
    opened.close()


def write(connection: Connection, text: str) -> None:
    connection.execute(sa.insert(NOTE).values(text=text, number=0))


def notes(store: Store) -> list[str]:
    return [text for (text,) in rows(store, "note", "text")]


def test_what_is_written_is_there_and_what_failed_is_not(store: Store) -> None:
    with store.writing() as connection:
        write(connection, "kept")
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        write(connection, str(1 / 0))
    assert notes(store) == ["kept"]


def test_a_reader_sees_one_state_while_others_write(store: Store) -> None:
    with store.writing() as connection:
        write(connection, "before")
    with store.reading() as reader:
        before = reader.execute(sa.select(NOTE.c.text)).all()
        with store.writing() as connection:
            write(connection, "after")
        assert reader.execute(sa.select(NOTE.c.text)).all() == before
    assert notes(store) == ["after", "before"]


def test_many_writers_wait_for_each_other(store: Store) -> None:
    """Each reads before it writes: with a shared lock first, SQLite would refuse to wait."""
    with store.writing() as connection:
        write(connection, "sum")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with store.writing() as connection:
                    lock = sa.select(NOTE.c.number).with_for_update()
                    number = connection.execute(lock).scalar_one()
                    connection.execute(sa.update(NOTE).values(number=number + 1))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures
    assert rows(store, "note", "number") == [(40,)]


def test_it_tells_whether_the_driver_is_in_a_transaction(store: Store) -> None:
    with store.writing() as connection:
        write(connection, "a")
        assert in_transaction(connection)
        cursor = connection.connection.cursor()
        cursor.execute("COMMIT")
        assert not in_transaction(connection)


def test_a_guard_is_told_of_all_that_happens(store: Store) -> None:
    class Witness:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def beginning(self, _connection: Connection) -> None:
            self.seen.append("begin")

        def ending(self, _connection: Connection) -> None:
            self.seen.append("end")

        def executing(self, _connection: Connection, statement: str, _noted: bool) -> None:
            self.seen.append(statement)

        def failed(self, error: BaseException) -> None:
            self.seen.append(type(error).__name__)

    witness = Witness()
    with store.connection(witness) as connection:
        connection.begin()
        connection.exec_driver_sql("SELECT 1")
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql("SELECT nothing")
        connection.rollback()
    seen = [what for what in witness.seen if not what.startswith("BEGIN")]
    assert seen[:3] == ["begin", "SELECT 1", "SELECT nothing"]
    assert seen[3] in ("OperationalError", "ProgrammingError")
    assert seen[4:] == ["end"]
    with store.writing() as connection:
        write(connection, "a")
    assert witness.seen[-1] == "end"


def test_a_lock_of_another_process_is_waited_for(sqlite_uri: str) -> None:
    store = Store(sqlite_uri)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE note (text, number)")
    other = sqlite3.connect(store.url.database or "", check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.rollback).start()
    with store.writing() as connection:
        write(connection, "a")
    assert notes(store) == ["a"]
    other.close()
    store.close()


def test_whoever_writes_keeps_other_processes_from_it_before_the_first_read(
    sqlite_uri: str,
) -> None:
    """What was read could not be written upon, if another wrote in between."""
    store = Store(sqlite_uri)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE note (text, number)")
    other = sqlite3.connect(store.url.database or "", timeout=0.05)
    with store.writing() as connection:
        connection.execute(sa.select(NOTE)).all()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO note VALUES ('b', 1)")
        write(connection, "a")
    assert notes(store) == ["a"]
    other.close()
    store.close()


def test_a_lock_that_is_held_too_long_is_an_outage(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statscache.store.database.BUSY_SECONDS", 0.1)
    store = Store(sqlite_uri)
    other = sqlite3.connect(store.url.database or "")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError) as caught, store.writing():
        pass
    assert is_outage(caught.value)
    other.rollback()
    with store.writing() as connection:
        assert in_transaction(connection)
    other.close()
    store.close()


def test_an_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "db"
    store = Store(f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()


@pytest.mark.parametrize("path", ["file/db", "folder"])
def test_a_place_that_cannot_be_written_is_named_with_the_cure(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"cannot be written.*statscache\.sqlalchemy\.uri") as e:
        Store(f"sqlite:///{tmp_path / path}")
    assert str(tmp_path / path) in str(e.value)


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"asyncpg.*statscache\[postgresql\]"):
        Store("postgresql+asyncpg://somewhere/db")


def test_passwords_are_not_shown() -> None:
    store = Store("postgresql://ada:secret@nowhere/db")
    assert "secret" not in str(store)
    assert store.url.drivername == "postgresql+psycopg2"
    store.close()


def test_tables_are_found(store: Store) -> None:
    assert store.has_table("note")
    assert not store.has_table("nothing")


def test_a_database_that_is_nowhere_is_an_outage(tmp_path: Path) -> None:
    store = Store(f"postgresql:///db?host={tmp_path}")
    with pytest.raises(DBAPIError) as caught, store.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert is_outage(caught.value)
    store.close()


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    """It may be mended, and until then the journal keeps everything."""
    (tmp_path / "db").write_bytes(os.urandom(8192))
    store = Store(f"sqlite:///{tmp_path / 'db'}")
    with pytest.raises(DBAPIError) as caught, store.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM sqlite_master")
    assert is_outage(caught.value)
    store.close()
