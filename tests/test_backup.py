"""A backup fits together whatever the daemon does meanwhile, and each way back is exact."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import OLD_PROGRAMS, PROGRAMS, new_database
from samples import NOW, name
from sqlalchemy import event

from statscache import backup
from statscache.engine import Engine, upkeep
from statscache.errors import BackupError, OwnerError
from statscache.journal import Journal
from statscache.message import EVERYBODY
from statscache.store import Store, ownership, progress, schema
from statscache.store.tables import JOURNAL_LOST, NOT_LISTENING, TRIMMED

PG_DUMP = str(PROGRAMS / "pg_dump")
DAY = 86_400


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    """Where `make_engine` has its journal."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def take(engine: Engine, directory: Path, now: float = NOW, pg_dump: str = PG_DUMP) -> Path:
    return backup.take(engine.store, engine.journal.path, directory, now, pg_dump)


def trim(engine: Engine, now: float = NOW) -> None:
    idents = engine._counters.keys()
    upkeep.trim(engine.store, engine.journal, engine.config, idents, engine._token, now)


# -- what a backup is ------------------------------------------------------------------------------


def test_a_backup_is_private_whole_and_tells_of_itself(
    make_engine: MakeEngine, backups: Path
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(5))
    engine.turn(1, NOW)  # not that of a minute, which may trim
    assert engine._pool.wait(10)
    feed(engine, range(5, 7))
    taken = take(engine, backups)

    assert taken == backups / "20260101T000000Z"
    database = backup.SQLITE if engine.store.is_sqlite else backup.POSTGRESQL
    assert {path.name for path in taken.iterdir()} == {"journal.sqlite", database, "manifest.json"}
    assert [path.stat().st_mode & 0o777 for path in (backups, taken)] == [0o700, 0o700]
    assert {path.stat().st_mode & 0o777 for path in taken.iterdir()} == {0o600}
    assert json.loads((taken / "manifest.json").read_text()) == {
        "taken": "2026-01-01T00:00:00+00:00",
        "statscache": "1.0.0.dev0",
        "journal": {"uuid": engine.journal.uuid, "begin": 0, "end": 7},
        "positions": {"ids-1s": 5},
        "revision": schema.head(),
        "uri": str(engine.store),
    }


@on_sqlite
def test_a_backup_never_takes_the_place_of_another(make_engine: MakeEngine, backups: Path) -> None:
    engine = make_engine(Ids)
    first = take(engine, backups)
    with pytest.raises(BackupError, match="there is a backup of this second already"):
        take(engine, backups)
    second = take(engine, backups, NOW + 1)
    assert sorted(backups.iterdir()) == [first, second]


@on_sqlite
def test_the_copies_are_single_files_that_stay_as_they_are_when_they_are_read(
    make_engine: MakeEngine, backups: Path
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(5))
    taken = take(engine, backups)
    for file in (backup.JOURNAL, backup.SQLITE):
        with closing(sqlite3.connect(f"file:{taken / file}?mode=ro", uri=True)) as copy:
            assert copy.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    assert len(list(taken.iterdir())) == 3


# -- it fits together ------------------------------------------------------------------------------


@contextmanager
def restored(taken: Path, postgresql: str, folder: Path) -> Iterator[Engine]:
    """An engine on copies of what was taken, which does not listen yet."""
    shutil.copytree(taken, folder)
    if (folder / backup.SQLITE).exists():
        yield build(f"sqlite:///{folder / backup.SQLITE}", folder / backup.JOURNAL, Ids)
        return
    with new_database(postgresql) as uri:
        pg_restore(taken, uri)
        yield build(uri, folder / backup.JOURNAL, Ids)


def pg_restore(taken: Path, uri: str) -> None:
    """As the operator's guide says."""
    command = [PROGRAMS / "pg_restore", "--exit-on-error", "--no-owner", "--dbname", uri]
    subprocess.run([*command, taken / backup.POSTGRESQL], check=True)


@pytest.mark.slow
def test_a_backup_fits_together_whatever_the_daemon_does_meanwhile(
    make_engine: MakeEngine, postgresql: str, tmp_path: Path
) -> None:
    """It takes in, counts and trims all the time; what was taken is counted to its last entry."""
    engine = make_engine(Ids)
    ended = threading.Event()

    def live() -> None:
        for first in range(0, 100_000, 20):
            if ended.is_set():
                return
            feed(engine, range(first, first + 20))
            turn(engine)

    daemon = threading.Thread(target=live)
    daemon.start()
    try:
        taken = [take(engine, tmp_path / "backups", NOW + second) for second in range(8)]
    finally:
        ended.set()
        daemon.join(30)
    ends = []
    for one in taken:
        with restored(one, postgresql, tmp_path / one.name) as again:
            again.start(NOW + 60)
            turn(again)
            ends.append(again.journal.end())
            assert counted(again.store) == once(range(ends[-1]))
            again.stop(NOW)
    assert ends[0] < ends[-1]


def test_what_is_counted_and_trimmed_while_a_backup_begins_is_in_it(
    make_engine: MakeEngine, postgresql: str, tmp_path: Path
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(5))
    turn(engine)
    feed(engine, range(5, 9))
    store = Store(str(engine.store.url.render_as_string(hide_password=False)))
    left = [9]

    @event.listens_for(store.engine, "after_cursor_execute")
    def meanwhile(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Just after the database was pinned, the first times."""
        if "statscache_checkpoint" in statement and left[0] < 12:
            feed(engine, [left[0]])
            left[0] += 1
            turn(engine)
            trim(engine)

    taken = backup.take(store, engine.journal.path, tmp_path / "backups", NOW, PG_DUMP)
    store.close()
    assert left == [12]
    with restored(taken, postgresql, tmp_path / "copy") as again:
        again.start(NOW + 60)
        turn(again)
        assert counted(again.store) == once(range(12))
        again.stop(NOW)


@on_sqlite
def test_a_statistic_that_is_off_does_not_keep_a_backup_from_being_taken(
    make_engine: MakeEngine, backups: Path
) -> None:
    both = make_engine(Ids, bad())
    feed(both, range(5))
    turn(both)
    both.stop(NOW)
    one = make_engine(Ids)
    feed(one, range(5, 9))
    turn(one)
    trim(one)
    assert json.loads((take(one, backups) / "manifest.json").read_text())["positions"] == {
        "bad-1s": 5,
        "ids-1s": 9,
    }


# -- the ways back ---------------------------------------------------------------------------------


class Place:
    """A daemon with two statistics, of which `bad` lags; everything that came, and when."""

    def __init__(self, uri: str, journal: Path) -> None:
        self.arrived: dict[int, float] = {}
        self.uri = uri
        self.journal = journal
        store = Store(uri)
        schema.upgrade(store)
        store.close()
        self.start(NOW)

    def start(self, now: float) -> None:
        self.engine = build(self.uri, self.journal, Ids, bad())
        self.store = self.engine.store
        self.engine.start(now)

    def come(self, number: int, now: float) -> None:
        """So many messages come, each a second after the other."""
        for second in range(number):
            self.arrived[len(self.arrived)] = now + second
            feed(self.engine, [len(self.arrived) - 1], now + second)

    def count(self, now: float, lagging: bool = False) -> None:
        """And trim; where it is `lagging`, `bad` counts nothing."""
        suspend(self.store, "bad-1s", "so that it lags behind" if lagging else None)
        turn(self.engine, now)
        trim(self.engine, now)

    def restart(self, now: float) -> None:
        self.engine.stop(now)
        self.start(now + 5)

    def put_back(self, taken: Path, *files: str) -> None:
        """As the operator's guide says."""
        if backup.JOURNAL in files:
            self.lose_the_journal()
            shutil.copy(taken / backup.JOURNAL, self.journal)
        if backup.SQLITE in files and self.store.is_sqlite:
            target = Path(self.store.url.database or "")
            lose(target)
            shutil.copy(taken / backup.SQLITE, target)
        elif backup.SQLITE in files:
            empty(self.uri)
            pg_restore(taken, self.uri)

    def lose_the_journal(self) -> None:
        lose(self.journal)

    def adopt(self, now: float) -> None:
        journal, store = Journal(self.journal), Store(self.uri)
        ownership.adopt(store, journal, now)
        journal.close()
        store.close()

    def goes_on_exactly(self, now: float) -> None:
        """What is in the journal and not counted is counted once, and what is missing is named."""
        journal, store = Journal(self.journal), Store(self.uri)
        held = Counter(f"2026-{kept.entry.id}" for kept in journal.slice(0, journal.end(), 10**6))
        expected = {
            ident: Counter({*counted(store, ident), *held}) for ident in ("ids-1s", "bad-1s")
        }
        journal.close()
        store.close()
        self.start(now)
        suspend(self.store, "bad-1s", None)
        before = len(self.arrived)
        self.come(5, now + 1)
        for second in (10, 20):
            turn(self.engine, now + second)
        for ident, those in expected.items():
            assert counted(self.store, ident) == those + once(range(before, before + 5))
            self._names_what_is_missing(ident)
        assert rows(self.store, "statscache_owner", "journal") == [(self.engine.journal.uuid,)]

    def _names_what_is_missing(self, ident: str) -> None:
        found = counted(self.store, ident)
        missing = [when for number, when in self.arrived.items() if not once([number]) <= found]
        spans = [span[1:] for span in owed(self.store) if span[0] in (ident, EVERYBODY)]
        assert [when for when in missing if not named(when, spans)] == []
        with self.store.reading() as connection:
            told = progress.read(connection, ident)
        assert told
        assert told.complete_until <= min(missing, default=NOW + 10 * DAY)


def named(when: float, spans: list[tuple[float, ...]]) -> bool:
    return any(start <= when <= stop for start, stop in spans)


def lose(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def empty(uri: str) -> None:
    """What dropdb and createdb come to."""
    engine = sa.create_engine(uri.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public, statscache CASCADE; CREATE SCHEMA public"))
    engine.dispose()


YESTERDAY = NOW + 100
TODAY = NOW + DAY


@pytest.fixture
def place(uri: str, journal_path: Path) -> Iterator[Place]:
    """Where `bad` has counted 5, `ids` 10, and 15 have come."""
    made = Place(uri, journal_path)
    made.come(5, NOW)
    made.count(NOW + 10)
    made.come(5, NOW + 20)
    made.count(NOW + 30, lagging=True)
    made.come(5, NOW + 40)
    yield made
    made.engine.stop(TODAY + DAY)


@pytest.fixture
def taken(place: Place, backups: Path) -> Path:
    """What was taken there, yesterday."""
    return take(place.engine, backups, YESTERDAY)


def test_yesterdays_pair_goes_on_where_it_was(place: Place, taken: Path) -> None:
    place.come(7, TODAY)
    place.count(TODAY + 10)
    place.engine.stop(TODAY + 20)
    place.put_back(taken, backup.SQLITE, backup.JOURNAL)
    place.goes_on_exactly(TODAY + 100)

    assert owed(place.store, NOT_LISTENING) == [(EVERYBODY, NOW + 44, TODAY + 100)]
    assert owed(place.store, TRIMMED) == owed(place.store, JOURNAL_LOST) == []
    covered = [(NOW, NOW + 44), (TODAY + 100, TODAY + 120)]
    assert rows(place.store, "statscache_coverage", "start", "stop") == covered
    changes = rows(place.store, "statscache_change", "ident", "revision", "id")
    assert len({row[2] for row in changes}) == len(changes)
    assert max(row[1] for row in changes) <= checkpoint(place.store).revision


@pytest.mark.parametrize("lagging", [False, True])
def test_yesterdays_database_counts_what_todays_journal_still_has(
    place: Place, taken: Path, lagging: bool
) -> None:
    """All of yesterday's entries are trimmed; or, as `bad` held them, only the first."""
    place.come(7, TODAY)
    place.count(TODAY + 10, lagging)
    place.come(3, TODAY + 20)
    place.engine.stop(TODAY + 30)
    place.put_back(taken, backup.SQLITE)
    place.goes_on_exactly(TODAY + 100)

    until = TODAY + 20
    missed = [] if lagging else [("ids-1s", NOW + 30, until), ("bad-1s", NOW + 10, until)]
    assert sorted(owed(place.store, TRIMMED)) == sorted(missed)
    assert owed(place.store, NOT_LISTENING) == [(EVERYBODY, TODAY + 30, TODAY + 100)]
    assert len(counted(place.store, "bad-1s")) == (30 if lagging else 13)


@pytest.mark.parametrize("lagging", [False, True])
def test_yesterdays_journal_is_adopted_by_todays_database(
    place: Place, taken: Path, lagging: bool, journal_path: Path
) -> None:
    """What it has and `bad` has not counted yet is counted, and no position is used again."""
    place.come(7, TODAY)
    place.count(TODAY + 10, lagging)
    place.come(3, TODAY + 20)
    place.engine.stop(TODAY + 30)
    place.put_back(taken, backup.JOURNAL)
    refused(place, TODAY + 40, "an older copy was restored; run `statscache journal adopt`")
    place.adopt(TODAY + 50)
    place.goes_on_exactly(TODAY + 100)

    since = {"ids-1s": TODAY + 10, "bad-1s": NOW + 10 if lagging else TODAY + 10}
    missed = [(ident, start, TODAY + 50) for ident, start in since.items()]
    assert sorted(owed(place.store, JOURNAL_LOST)) == sorted(missed)
    # It has listened until it was stopped, whatever the older copy knew of that.
    gaps = [(EVERYBODY, TODAY + 30, TODAY + 50), (EVERYBODY, TODAY + 50, TODAY + 100)]
    assert owed(place.store, NOT_LISTENING) == gaps
    assert place.engine.journal.seen(name(25), EVERYBODY).position == 23
    assert len(counted(place.store, "bad-1s")) == (20 if lagging else 27)


def test_an_older_journal_is_refused_even_if_it_grew_while_the_database_was_away(
    place: Place, taken: Path, journal_path: Path
) -> None:
    place.come(3, TODAY)
    place.count(TODAY + 10)
    place.engine.stop(TODAY + 30)
    place.put_back(taken, backup.JOURNAL)
    alone = Journal(journal_path)
    alone.append(
        [kept.entry._replace(id=f"{n}") for n in range(9) for kept in alone.slice(5, 6, 1)]
    )
    assert alone.end() > checkpoint(place.store).position
    alone.close()
    refused(place, TODAY + 40, "s of listening that the database")
    place.adopt(TODAY + 50)
    place.start(TODAY + 60)


def test_a_lost_journal_is_followed_by_a_new_one(place: Place) -> None:
    place.engine.stop(TODAY)
    place.lose_the_journal()
    refused(place, TODAY + 10, "if it is lost, run `statscache journal adopt`")
    place.adopt(TODAY + 50)
    place.goes_on_exactly(TODAY + 100)

    missed = [("bad-1s", NOW + 10, TODAY + 50), ("ids-1s", NOW + 30, TODAY + 50)]
    assert sorted(owed(place.store, JOURNAL_LOST)) == missed
    assert owed(place.store, NOT_LISTENING) == [(EVERYBODY, TODAY + 50, TODAY + 100)]


STEPS: dict[str, Callable[[Place, float], None]] = {
    "come": lambda place, now: place.come(3, now),
    "count": lambda place, now: place.count(now),
    "lag": lambda place, now: place.count(now, lagging=True),
    "restart": lambda place, now: place.restart(now),
}
WAYS: dict[str, Callable[[Place, Path], None]] = {
    "pair": lambda place, taken: place.put_back(taken, backup.SQLITE, backup.JOURNAL),
    "database": lambda place, taken: place.put_back(taken, backup.SQLITE),
    "journal": lambda place, taken: place.put_back(taken, backup.JOURNAL),
    "lost": lambda place, _taken: place.lose_the_journal(),
}
SOME = st.lists(st.sampled_from(sorted(STEPS)), max_size=6)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None)
@given(before=SOME, after=SOME)
def test_every_way_back_is_exact_whatever_came_before(
    way: str, before: list[str], after: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = Place(f"sqlite:///{folder / 'statscache.sqlite'}", folder / "journal.sqlite")
        for number, step in enumerate(before, 1):
            STEPS[step](place, NOW + 50 * number)
        taken = take(place.engine, folder / "backups", YESTERDAY)
        for number, step in enumerate(after):
            STEPS[step](place, TODAY + 50 * number)
        place.engine.stop(TODAY + 900)
        WAYS[way](place, taken)
        if way in ("journal", "lost"):
            place.adopt(TODAY + 950)
        place.goes_on_exactly(TODAY + 1_000)
        place.engine.stop(TODAY + 2_000)


def refused(place: Place, now: float, why: str) -> None:
    engine = build(place.uri, place.journal, Ids, bad())
    with pytest.raises(OwnerError, match=re.escape(why)):
        engine.start(now)
    engine.stop(now)


# -- what can go wrong -----------------------------------------------------------------------------


class Command:
    """`statscache backup` in a directory of its own, beside a database and a journal.

    Without a `uri` the database is an SQLite file.
    """

    def __init__(self, folder: Path, journal: Path, uri: str) -> None:
        self.folder = folder
        self.target = folder / "backups"
        (folder / "fedmsg.d").mkdir(parents=True)
        config = {
            "endpoints": {},
            "statscache.journal.path": str(journal),
            "statscache.sqlalchemy.uri": uri,
        }
        (folder / "fedmsg.d" / "test.py").write_text(f"config = {config!r}\n")

    def start(self, *arguments: str, limit: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
        """`limit` is how many bytes a file may have, at the most."""
        process = subprocess.Popen(
            [Path(sys.executable).parent / "statscache", "backup", self.target, *arguments],
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        return process

    def run(self, *arguments: str) -> str:
        """What it says."""
        with self.start(*arguments) as process:
            said, complaint = process.communicate(timeout=60)
        assert (process.returncode, complaint) == (0, "")
        return said

    def fails(self, *arguments: str, limit: int = resource.RLIM_INFINITY) -> str:
        """What it complains of; nothing is left then."""
        with self.start(*arguments, limit=limit) as process:
            said, complaint = process.communicate(timeout=60)
        assert (process.returncode, said) == (1, "")
        assert complaint.startswith("Error: ")
        assert complaint.count("\n") == 1
        assert not [*self.target.glob("*")]
        return complaint


@pytest.fixture
def command(make_engine: MakeEngine, journal_path: Path, tmp_path: Path, uri: str) -> Command:
    """Beside a daemon that runs, and has counted 1,000."""
    engine = make_engine(Ids)
    feed(engine, range(1_000))
    turn(engine)
    return Command(tmp_path / "here", journal_path, uri)


def script(path: Path, text: str) -> str:
    """A program."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_the_command_prints_where_the_backup_is_and_nothing_else(command: Command) -> None:
    where = Path(command.run("--pg-dump", PG_DUMP).removesuffix("\n"))
    assert where.parent == command.target
    assert re.fullmatch(r"\d{8}T\d{6}Z", where.name)
    assert len(list(where.iterdir())) == 3


@on_sqlite
def test_a_daemon_that_is_stopped_or_was_killed_is_backed_up_as_well(
    make_engine: MakeEngine, backups: Path, uri: str, journal_path: Path, postgresql: str
) -> None:
    store = Store(uri)
    for second, end in enumerate([abandon, lambda engine: engine.stop(NOW)]):
        engine = make_engine(Ids)
        feed(engine, [second])
        turn(engine)
        end(engine)
        taken = backup.take(store, journal_path, backups, NOW + second)
        with restored(taken, postgresql, backups / f"{second}") as again:
            again.start(NOW + 60)
            assert counted(again.store) == once(range(second + 1))
            again.stop(NOW + 60)
    store.close()


@pytest.mark.slow
@on_sqlite
def test_what_cannot_be_read_is_told_and_nothing_is_left(
    command: Command, journal_path: Path, tmp_path: Path, uri: str
) -> None:
    other = Journal(tmp_path / "other.sqlite")
    other.close()
    empty_database = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    for number, (journal, database, cure) in enumerate(
        [
            (tmp_path / "none.sqlite", uri, "set statscache.journal.path"),
            (tmp_path / "statscache.sqlite", uri, "set statscache.journal.path"),
            (other.path, uri, "set statscache.journal.path as the daemon has it"),
            (journal_path, empty_database, "set statscache.sqlalchemy.uri as the daemon has it"),
            (journal_path, "postgresql://nobody@127.0.0.1:9/none", "the database is away"),
        ]
    ):
        assert cure in Command(tmp_path / str(number), journal, database).fails()


@on_sqlite
def test_an_older_copy_of_the_journal_is_not_backed_up(
    make_engine: MakeEngine, backups: Path, tmp_path: Path
) -> None:
    engine = make_engine(Ids)
    feed(engine, range(5))
    older = take(engine, backups) / backup.JOURNAL
    feed(engine, range(5, 9))
    turn(engine)
    with pytest.raises(BackupError, match="it is an older copy; run `statscache journal adopt`"):
        backup.take(engine.store, older, backups, NOW + 1)


@on_sqlite
@pytest.mark.parametrize("what", ["a page", "a letter"])
def test_a_damaged_journal_is_told_and_nothing_is_left(
    command: Command, tmp_path: Path, what: str
) -> None:
    taken = Path(command.run().strip())
    shutil.move(taken, tmp_path / "taken")
    damaged = tmp_path / "taken" / backup.JOURNAL
    content = damaged.read_bytes()
    if what == "a page":
        content = content[: 10 * 4_096] + b"\xff" * 4_096 + content[11 * 4_096 :]
    else:
        content = content.replace(b"kernel", b"Kernel", 1)
    damaged.write_bytes(content)
    beside = Command(
        tmp_path / "damaged", damaged, f"sqlite:///{tmp_path / 'taken' / backup.SQLITE}"
    )
    assert "the copy of the journal is damaged" in beside.fails()


def test_a_target_that_cannot_be_written_is_told(command: Command) -> None:
    (command.folder / "file").write_text("not a directory")
    command.target = command.folder / "file" / "backups"
    assert "name a directory that this user may write" in command.fails("--pg-dump", PG_DUMP)


@pytest.mark.parametrize("limit", [20_000, 400_000])
def test_a_full_disk_is_told_and_nothing_is_left(command: Command, limit: int) -> None:
    """It is full for the journal, or for the database."""
    said = command.fails("--pg-dump", PG_DUMP, limit=limit)
    assert "failed" in said or "make room" in said


@on_postgresql
@pytest.mark.parametrize(
    ("program", "cure"),
    [
        ("none", "install PostgreSQL's client programs, or name the right one with --pg-dump"),
        ("older", "and the server is of version"),
        ("failing", "failed: out of luck"),
    ],
)
def test_a_pg_dump_that_cannot_do_it_is_told(
    command: Command, tmp_path: Path, program: str, cure: str
) -> None:
    failing = f'[ "$1" = --version ] && exec {PG_DUMP} --version; echo out of luck >&2; exit 3'
    programs = {
        "none": str(tmp_path / "none"),
        "older": str(OLD_PROGRAMS / "pg_dump"),
        "failing": script(tmp_path / "failing", failing),
    }
    assert cure in command.fails("--pg-dump", programs[program])


@on_postgresql
def test_pg_dump_hears_the_password_from_its_environment_only(
    make_engine: MakeEngine, tmp_path: Path, backups: Path, uri: str
) -> None:
    engine = make_engine(Ids)
    spy = f'[ "$1" = --version ] || echo "$PGPASSWORD $*" >{tmp_path}/told; exec {PG_DUMP} "$@"'
    url = sa.make_url(uri).set(password="it's secret").update_query_dict({"sslmode": "prefer"})
    store = Store(url.render_as_string(hide_password=False))
    program = script(tmp_path / "spy", spy)
    taken = backup.take(store, engine.journal.path, backups, NOW, program)
    store.close()
    password, told = (tmp_path / "told").read_text().split(" --", 1)
    assert password == "it's secret"
    assert "sslmode=prefer" in told
    assert "secret" not in told + (taken / "manifest.json").read_text()


@pytest.mark.slow
@on_postgresql
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_backup_that_is_killed_leaves_nothing_that_looks_whole(
    command: Command, tmp_path: Path, number: signal.Signals
) -> None:
    slow = f'[ "$1" = --version ] && exec {PG_DUMP} --version; exec sleep 60'
    with command.start("--pg-dump", script(tmp_path / "slow", slow)) as process:
        end = time.monotonic() + 30
        while not list(command.target.glob("*/statscache.dump")):
            assert time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, number)
        process.communicate(timeout=30)
    left = [path.name.partition(".")[2] for path in command.target.iterdir()]
    assert left == (["partial"] if number == signal.SIGKILL else [])
    time.sleep(1)  # a backup is named by the second
    assert command.run("--pg-dump", PG_DUMP)
