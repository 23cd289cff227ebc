"""A file that is not what was written is refused, or told of, and never believed."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from entries import LARGE, entries, entry, kept, positions
from samples import NOW

from statscache.errors import JournalDamagedError, JournalError, JournalWriteError
from statscache.journal import Journal, Reader, Span, damage

CURE = "stop the daemon and run `statscache journal repair`"


def change(path: Path, statement: str) -> None:
    """Damage the rows of a closed journal, and nothing else."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.fixture
def closed(path: Path) -> Path:
    """A journal of twenty entries, of which five were trimmed, that nobody has open."""
    with closing(Journal(path)) as journal:
        journal.append([entry(number, body=b"x" * 500) for number in range(20)], Span(NOW, NOW))
        journal.trim(5, 0)
    return path


# -- at the start --------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"hello\n", b"x" * 5000, b"\0" * 8192, b"SQLite format 3"])
def test_garbage_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalDamagedError, match=f"is damaged: .*{CURE}"):
        Journal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9])
def test_a_truncated_journal_is_refused(path: Path, part: float) -> None:
    with closing(Journal(path)) as journal:
        journal.append(entry(number, body=b"x" * 500) for number in range(1000))
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(JournalDamagedError):
        Journal(path)


def test_an_empty_file_whose_write_ahead_log_is_not_is_refused(path: Path, tmp_path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.append([entry(1)])
        log = shutil.copy(f"{path}-wal", tmp_path)
    shutil.copy(log, f"{path}-wal")
    os.truncate(path, 0)
    with pytest.raises(JournalDamagedError, match=r"it is empty, but journal\.sqlite-wal is not"):
        Journal(path)
    assert Path(f"{path}-wal").read_bytes() == Path(log).read_bytes()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE identity SET uuid = replace(uuid, '-', '0')", "its name is not what was written"),
        (
            "UPDATE seen SET id = 'id-70' WHERE id = 'id-7'",
            "the id 'id-70' is not",
        ),
        ("UPDATE seen SET position = 8 WHERE id = 'id-9'", "the id 'id-9' is not"),
        (
            "UPDATE seen SET arrived = 'x' WHERE id = 'id-9'",
            "the id 'id-9' is not",
        ),
        ("UPDATE sqlite_sequence SET seq = 19", "it ends at 19, but position 20 was used"),
        ("UPDATE entry SET position = 99 WHERE position = 9", "it ends at 20, but position 99 was"),
        ("DELETE FROM forgotten", "does not say which ids it has forgotten"),
        ("DELETE FROM sqlite_sequence", "it ends at 0, but position 20 was used"),
        ("UPDATE seen SET id = CAST(x'ff' AS TEXT) WHERE id = 'id-9'", "Could not decode"),
    ],
)
def test_a_changed_name_or_id_is_found(closed: Path, statement: str, told: str) -> None:
    change(closed, statement)
    with pytest.raises(JournalDamagedError, match=told):
        Journal(closed)


@pytest.mark.parametrize("name", ["seen_arrived", "listening", "refused"])
def test_a_lost_page_that_nobody_would_read_at_the_start_is_found(closed: Path, name: str) -> None:
    with closing(sqlite3.connect(closed)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = connection.execute(query, (name,)).fetchone()
    with closed.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(4096))
    with pytest.raises(JournalDamagedError):
        Journal(closed)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE data_volume (id INTEGER)",
        "CREATE TABLE identity (name TEXT)",
        "CREATE TABLE identity (uuid TEXT, format INTEGER, checksum INTEGER)",
    ],
)
def test_a_database_of_another_kind_is_refused_and_left_as_it_is(path, statement) -> None:
    path.parent.mkdir()
    change(path, statement)
    with pytest.raises(JournalError, match=r"is no journal of statscache .*journal\.path"):
        Journal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)


def test_a_journal_of_another_format_is_refused(path: Path, monkeypatch) -> None:
    monkeypatch.setattr("statscache.journal.tables.FORMAT", 2)
    Journal(path).close()
    monkeypatch.undo()
    with pytest.raises(JournalError, match="has format 2, this version reads 1") as caught:
        Journal(path)
    assert not isinstance(caught.value, JournalDamagedError)


def test_a_refused_journal_is_not_held_and_no_file_is_left_open(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 999)
    for _ in range(2):
        with pytest.raises(JournalDamagedError):
            Journal(path)
    with os.scandir("/proc/self/fd") as numbers:
        opened = [os.readlink(number) for number in numbers if os.path.islink(number)]
    assert [file for file in opened if file.startswith(str(path))] == []


def test_the_search_for_damage_ends_when_its_time_is_up(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.append(entries(*range(20_000)))
    change(path, "UPDATE seen SET position = 8 WHERE id = 'id-9999'")
    with closing(sqlite3.connect(path)) as connection:
        assert damage.find(connection, 0) is None
        assert damage.find(connection)


# -- while it runs -------------------------------------------------------------------------------

CHANGES = [
    "SET body = CAST(replace(CAST(body AS TEXT), 'xx', 'xy') AS BLOB) WHERE position = 10",
    "SET body = CAST(body AS TEXT) WHERE position = 10",
    "SET body = 5 WHERE position = 10",
    "SET id = 'id-77' WHERE position = 10",
    "SET topic = 'org.example.prod.b' WHERE position = 10",
    "SET topic = CAST(x'ff' AS TEXT) WHERE position = 10",
    "SET arrived = arrived + 1 WHERE position = 10",
    "SET time = 'yesterday' WHERE position = 10",
    "SET addressee = 'volume-1h' WHERE position = 10",
    "SET position = -10 WHERE position = 10",
]


@pytest.mark.parametrize("what", CHANGES)
def test_a_slice_ends_before_an_entry_that_was_changed_and_none_begins_there(
    closed: Path, what: str
) -> None:
    change(closed, f"UPDATE entry {what}")
    with closing(Journal(closed)) as journal:
        assert positions(journal) == [6, 7, 8, 9]
        assert [one.position for one in journal.slice(0, LARGE, 3)] == [6, 7, 8]
        with pytest.raises(JournalDamagedError, match=CURE):
            journal.slice(9, LARGE, LARGE)
        assert len(journal.slice(10, 20, 5)) == 5
        assert journal.append([entry("new")]) == 1


@pytest.mark.parametrize(
    ("missing", "before"), [("= 10", [6, 7, 8, 9]), ("> 18", list(range(6, 19))), ("= 6", [])]
)
def test_an_entry_that_is_missing_is_missed(closed: Path, missing: str, before: list[int]) -> None:
    change(closed, f"DELETE FROM entry WHERE position {missing}")
    with closing(Journal(closed)) as journal:
        assert journal.begin() == 5
        if before:
            assert positions(journal) == before
        at = before[-1] if before else 5
        with pytest.raises(JournalDamagedError, match="should be there, but is not"):
            journal.slice(at, LARGE, LARGE)


def test_positions_that_were_never_used_are_not_missed(path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.append(entries(1, 2))
        journal.continue_above(10)
        assert journal.slice(2, LARGE, LARGE) == []
        journal.append(entries(3))
        assert positions(journal) == [1, 2, 11]
        journal.trim(1, 0)
        assert (journal.begin(), positions(journal)) == (1, [2, 11])
        journal.trim(2, 0)
        assert (journal.begin(), positions(journal)) == (10, [11])


def test_damage_that_shows_later_is_told_with_the_cure(path: Path) -> None:
    """By a connection that has not read those pages before."""
    with closing(Journal(path)) as journal:
        journal.append(entry(number, body=b"x" * 500) for number in range(1000))
    with closing(Journal(path)) as journal, ThreadPoolExecutor(1) as other:
        with path.open("r+b") as file:
            file.seek(5 * 4096)
            file.write(b"\xff" * (path.stat().st_size - 5 * 4096))
        with pytest.raises(JournalDamagedError, match=f"malformed; {CURE}"):
            other.submit(journal.slice, 500, LARGE, LARGE).result()
        with pytest.raises(JournalWriteError, match=f"cannot be written: .*malformed; {CURE}"):
            other.submit(journal.trim, LARGE, NOW + 1).result()


# -- anywhere ------------------------------------------------------------------------------------


def test_a_whole_journal_is_found_whole_and_not_touched(closed: Path) -> None:
    before = closed.read_bytes()
    assert damage.find_anywhere(closed) is None
    assert closed.read_bytes() == before


@pytest.mark.parametrize("what", CHANGES)
def test_any_changed_entry_is_found(closed: Path, what: str) -> None:
    change(closed, f"UPDATE entry {what}")
    assert damage.find_anywhere(closed)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_read_of_a_spoiled_file_is_what_was_written(path: Path, seed: int) -> None:
    numbers = random.Random(seed)
    with closing(Journal(path)) as journal:
        journal.append(entry(number, body=b"x" * 500) for number in range(100))
        written = kept(journal)
    content = bytearray(path.read_bytes())
    for _ in range(10):
        content[numbers.randrange(len(content))] ^= numbers.randrange(1, 256)
    path.write_bytes(content)
    for opened in (Journal, Reader):
        with suppress(JournalDamagedError), closing(opened(path)) as journal:
            for at in range(100):
                assert journal.slice(at, LARGE, 1) == written[at : at + 1]
