"""One owner: a database names the journal that feeds it, and the daemon that may count."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from guests import (
    Ids,
    MakeEngine,
    abandon,
    bad,
    build,
    checkpoint,
    counted,
    feed,
    on_postgresql,
    on_sqlite,
    once,
    owed,
    rows,
    suspend,
    turn,
)
from samples import NOW

from statscache.engine import Engine
from statscache.errors import JournalInUseError, OwnerError
from statscache.journal import Journal, Writer
from statscache.store import Store, ownership
from statscache.store.ownership import STALE
from statscache.store.tables import JOURNAL_LOST, owner


def row(store: Store) -> Any:
    with store.reading() as connection:
        return connection.execute(sa.select(owner)).one()


def test_a_database_names_its_journal_and_its_daemon(store: Store, journal: Journal) -> None:
    token = ownership.claim(store, journal, NOW)
    found = row(store)
    assert (found.journal, found.path) == (journal.uuid, str(journal.path))
    assert (found.host, found.token, found.beat) == (socket.gethostname(), token, NOW)
    again = ownership.claim(store, journal, NOW + 1)
    assert again != token
    assert row(store).token == again


def test_a_foreign_journal_is_refused_and_both_are_named(
    store: Store, journal: Journal, tmp_path: Path
) -> None:
    ownership.claim(store, journal, NOW)
    other = Journal(tmp_path / "other.sqlite")
    with pytest.raises(OwnerError, match="statscache journal adopt") as caught:
        ownership.claim(store, other, NOW + 10**6)
    for one in (journal, other):
        assert str(one.path) in str(caught.value)
        assert one.uuid in str(caught.value)
    assert row(store).journal == journal.uuid
    other.close()


def copy(journal: Journal, path: Path) -> Journal:
    """What a backup or the image of a machine has in it."""
    shutil.copy(journal.path, path)
    return Journal(path)


def test_a_copy_of_the_journal_waits_until_the_beat_is_stale(
    store: Store, journal: Journal, tmp_path: Path
) -> None:
    token = ownership.claim(store, journal, NOW)
    journal.close()
    other = copy(journal, tmp_path / "copy.sqlite")
    with store.writing() as connection:
        ownership.beat(connection, token, NOW + 60)
    with pytest.raises(OwnerError, match=r"process \d+ on .* counts into the database"):
        ownership.claim(store, other, NOW + 60 + STALE - 1)
    ownership.claim(store, other, NOW + 60 + STALE)
    with pytest.raises(OwnerError, match="taken this database over"), store.writing() as connection:
        ownership.beat(connection, token, NOW + 100)
    other.close()


def test_a_daemon_that_ended_is_not_waited_for(
    store: Store, journal: Journal, tmp_path: Path
) -> None:
    token = ownership.claim(store, journal, NOW)
    ownership.release(store, token)
    journal.close()
    other = copy(journal, tmp_path / "copy.sqlite")
    ownership.claim(store, other, NOW + 1)
    ownership.release(store, token)
    assert row(store).beat == NOW + 1
    other.close()


def test_of_two_that_start_at_once_one_is_refused(
    store: Store, journal: Journal, tmp_path: Path
) -> None:
    """The second waits for the first to be done, and must see then what it did."""
    ownership.claim(store, journal, NOW)
    journals = [journal, Journal(tmp_path / "foreign.sqlite")]
    with store.writing() as connection:
        connection.execute(sa.update(owner).values(beat=0, journal="one that is gone"))
    outcomes: list[str] = []

    def claim(one: Journal) -> None:
        try:
            outcomes.append(ownership.claim(store, one, NOW))
        except OwnerError as error:
            outcomes.append(str(error))

    with store.writing() as connection:
        connection.execute(sa.select(owner).with_for_update()).one()
        threads = [threading.Thread(target=claim, args=(journals[1],))]
        threads[0].start()
        threads[0].join(0.3)
        ownership._name(connection, journals[0], NOW, locked=True)
    threads[0].join(10)
    assert journals[0].uuid in outcomes[0]
    assert row(store).journal == journals[0].uuid
    journals[1].close()


@on_postgresql
def test_a_first_start_does_not_overwrite_the_name_of_another(
    store: Store, journal: Journal, tmp_path: Path
) -> None:
    """It has seen no name; one is there when it comes to write its own."""
    late = Journal(tmp_path / "late.sqlite")
    with ThreadPoolExecutor() as pool:
        with store.writing() as connection:
            connection.execute(sa.text("LOCK TABLE statscache_owner IN SHARE MODE"))
            claimed = pool.submit(ownership.claim, store, late, NOW)
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not claimed.done() and not connection.scalar(waiting):
                time.sleep(0.01)
            ownership._name(connection, journal, NOW, locked=False)
        with pytest.raises(OwnerError, match=journal.uuid):
            claimed.result(10)
    assert row(store).journal == journal.uuid
    late.close()


# -- with engines ----------------------------------------------------------------------------------


def test_the_same_journal_is_held_by_one(make_engine: MakeEngine) -> None:
    make_engine(Ids)
    with pytest.raises(JournalInUseError):
        make_engine(Ids)


@contextmanager
def started(uri: str, path: Path, now: float, *plugins: Any) -> Iterator[Engine]:
    engine = build(uri, path, *(plugins or (Ids,)))
    try:
        engine.start(now)
        yield engine
    finally:
        engine.stop(now)


def refusal(uri: str, path: Path, now: float) -> str:
    with pytest.raises(OwnerError) as caught, started(uri, path, now):
        pass
    return str(caught.value)


def test_of_two_daemons_with_copies_of_a_journal_the_older_counts_no_more(
    make_engine: MakeEngine, uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_engine(Ids)
    feed(first, range(5))
    turn(first)
    # The copy is as good as the journal was: its last pages stand in the write-ahead log.
    first.journal._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(first.journal.path, tmp_path / "copy.sqlite")
    assert "from a copy of this journal" in refusal(uri, tmp_path / "copy.sqlite", NOW + 1)
    with started(uri, tmp_path / "copy.sqlite", NOW + STALE) as second:
        for engine in (first, second):
            feed(engine, range(5, 10), NOW + STALE)
        for seconds in range(3):
            turn(first, NOW + STALE + seconds)
            turn(second, NOW + STALE + seconds)
        assert counted(first.store) == once(range(10))
    critical = [record.message for record in caplog.records if record.levelname == "CRITICAL"]
    assert len(critical) == 1
    assert "another daemon has taken this database over" in critical[0]
    assert first.accept({"topic": "still taken in"}, NOW + STALE)


def test_an_older_journal_is_refused(make_engine: MakeEngine, uri: str, tmp_path: Path) -> None:
    first = make_engine(Ids)
    feed(first, range(5))
    turn(first)
    first.journal._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(first.journal.path, tmp_path / "older.sqlite")
    feed(first, range(5, 8))
    turn(first)
    first.stop(NOW)
    said = refusal(uri, tmp_path / "older.sqlite", NOW + 60)
    assert "ends at 5" in said
    assert "counted up to 8" in said
    assert "statscache journal adopt" in said


@pytest.mark.parametrize("kind", ["new", "older"])
def test_an_adopted_journal_goes_on_and_what_may_be_missing_is_owed(
    make_engine: MakeEngine, uri: str, tmp_path: Path, kind: str
) -> None:
    plugins = Ids, bad()
    first = make_engine(*plugins)
    feed(first, range(5))
    turn(first, NOW + 10)
    first.journal._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other = tmp_path / "other.sqlite"
    if kind == "older":
        shutil.copy(first.journal.path, other)
    suspend(first.store, "bad-1s", "so that it lags behind")
    feed(first, range(5, 8))
    turn(first, NOW + 20)
    first.stop(NOW + 20)

    journal, store = Journal(other), Store(uri)
    assert ownership.adopt(store, journal, NOW + 50) == (NOW + 10, NOW + 50)
    assert journal.end() == 8
    assert journal.known_since() == NOW + 50
    journal.close()
    suspend(store, "bad-1s", None)
    with started(uri, other, NOW + 60, *plugins) as second:
        feed(second, range(8, 12), NOW + 60)
        assert [one.position for one in second.journal.slice(8, 99, 99)] == [9, 10, 11, 12]
        turn(second, NOW + 60)
        assert counted(store) == once(range(12))
        assert counted(store, "bad-1s") == once([*range(5), *range(8, 12)])
        assert checkpoint(store).journal == second.journal.uuid
    assert sorted(owed(store, JOURNAL_LOST)) == [
        ("bad-1s", NOW + 10, NOW + 50),
        ("ids-1s", NOW + 20, NOW + 50),
    ]
    store.close()


@on_sqlite
def test_adopting_where_nothing_was_counted_owes_nothing(store: Store, journal: Journal) -> None:
    assert ownership.adopt(store, journal, NOW) is None
    assert owed(store) == []
    assert journal.known_since() == 0
    assert row(store).journal == journal.uuid


@on_sqlite
def test_what_a_guest_writes_into_is_not_adopted(store: Store, journal: Journal) -> None:
    with closing(Writer(journal.path)), pytest.raises(JournalInUseError, match="end it first"):
        ownership.adopt(store, journal, NOW)
    ownership.adopt(store, journal, NOW)
    assert row(store).journal == journal.uuid


def test_a_killed_daemon_is_followed_at_once_on_the_same_journal(make_engine: MakeEngine) -> None:
    first = make_engine(Ids)
    feed(first, range(3))
    turn(first, NOW)
    abandon(first)
    second = make_engine(Ids, now=NOW + 1)
    feed(second, range(6), NOW + 1)
    turn(second, NOW + 1)
    assert counted(second.store) == once(range(6))


@on_sqlite
def test_turns_beat(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    for second in (1, 7):
        engine.turn(1, NOW + second)
        assert rows(engine.store, "statscache_owner", "beat") == [(NOW + second,)]
    engine.stop(NOW + 8)
    store = Store(str(engine.store.url))
    assert rows(store, "statscache_owner", "beat") == [(0,)]
    store.close()
