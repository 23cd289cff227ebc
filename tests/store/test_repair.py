"""The way back from a damaged journal: counts are exact, or it is named what is missing."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from signal import SIGKILL

import pytest
from guests import (
    Ids,
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
    suspend,
    turn,
)
from samples import NOW, message, name
from sqlalchemy.exc import DBAPIError

from statscache.engine import Engine
from statscache.errors import JournalDamagedError, JournalError, JournalInUseError, OwnerError
from statscache.journal import Journal, Writer, damage
from statscache.message import EVERYBODY, Entry
from statscache.store import Store, ownership, schema
from statscache.store.repair import Repair, repair
from statscache.store.tables import JOURNAL_DAMAGED

PAGE = 4096
IDENTS = ("ids-1s", "bad-1s")
TRIMMED, COUNTED, ALL = 120, 200, 300
"""So many messages are counted and trimmed, counted by one of two statistics, and there at all."""

LATER = NOW + ALL
Spoil = Callable[[Path, random.Random], None]


class Place:
    """A journal and its database, as a daemon that was killed has left them.

    The journal has a write-ahead log. One message arrives a second.
    """

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri = uri
        self.path = folder / "journal.sqlite"
        store = Store(uri)
        schema.upgrade(store)
        store.close()
        engine = self.build()
        engine.start(NOW)
        self.feed(engine, 0, TRIMMED)
        turn(engine, NOW + TRIMMED)
        suspend(engine.store, "bad-1s", "it is ill")
        self.feed(engine, TRIMMED, COUNTED)
        turn(engine, NOW + COUNTED)
        self.feed(engine, COUNTED, ALL)
        left = [self.path, self.log]
        kept = [shutil.copy(file, f"{file}.kept") for file in left]
        abandon(engine)
        for file, copy in zip(left, kept, strict=True):
            Path(copy).replace(file)

    @property
    def log(self) -> Path:
        return Path(f"{self.path}-wal")

    def build(self) -> Engine:
        return build(self.uri, self.path, Ids, bad(), engine__batch=50)

    def feed(self, engine: Engine, first: int, last: int) -> None:
        for number in range(first, last):
            feed(engine, [number], NOW + number, msg={"text": f"{number} " * 60})

    def repair(self, now: float = LATER) -> Repair | None:
        with closing(Store(self.uri)) as store:
            return repair(store, self.path, now)


@pytest.fixture
def place(uri: str, tmp_path: Path) -> Place:
    return Place(uri, tmp_path)


def recovered(place: Place, caplog: pytest.LogCaptureFixture) -> tuple[Engine, list[str]]:
    """A daemon that has counted all it can, after what the errors told to do; and these."""
    told: list[str] = []
    for attempt in range(6):
        try:
            engine = place.build()
        except JournalDamagedError as error:
            told.append(str(error))
            assert place.repair(LATER + attempt)
            continue
        try:
            engine.start(LATER + 10)
        except OwnerError as error:
            told.append(str(error))
            ownership.adopt(engine.store, engine.journal, LATER + attempt)
            engine.stop(LATER)
            continue
        for ident in IDENTS:
            suspend(engine.store, ident, None)
        caplog.clear()
        turn(engine, LATER + 10)
        damaged = [line for line in caplog.messages if "statscache journal repair" in line]
        if not damaged:
            return engine, told
        assert len(damaged) == len(set(damaged))
        told += damaged
        abandon(engine)
        assert place.repair(LATER + attempt)
    raise AssertionError(told)


def check(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    engine, told = recovered(place, caplog)
    spans = owed(engine.store)
    for ident in IDENTS:
        found = counted(engine.store, ident)
        assert not found - once(range(ALL)), "counted twice"
        for number in range(ALL):
            if message(number)["msg_id"] not in found:
                covering = [
                    one
                    for one in spans
                    if one[0] in ("", ident) and one[1] <= NOW + number <= one[2]
                ]
                assert covering, (ident, number, spans, told)
    engine.stop(LATER + 20)


def flip_bytes(path: Path, numbers: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(numbers.choice([1, 1, 3, 20])):
        content[numbers.randrange(len(content))] ^= numbers.randrange(1, 256)
    path.write_bytes(content)


def truncate(path: Path, numbers: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(numbers.randrange(path.stat().st_size))


def spoil_pages(path: Path, numbers: random.Random) -> None:
    with path.open("r+b") as file:
        for _ in range(numbers.choice([1, 2, 5])):
            file.seek(PAGE * numbers.randrange(path.stat().st_size // PAGE))
            file.write(numbers.choice([bytes(PAGE), numbers.randbytes(PAGE)]))


def checkpointed(place: Place) -> None:
    """Everything is in the file, nothing in its write-ahead log."""
    Journal(place.path).close()


WAYS = {"bytes": flip_bytes, "end": truncate, "pages": spoil_pages}
FILES = ("file", "log", "file without a log")


def spoil(place: Place, what: str, way: str, seed: int) -> None:
    if what == "file without a log":
        checkpointed(place)
    numbers = random.Random(f"{what} {way} {seed}")
    WAYS[way](place.log if what == "log" else place.path, numbers)


@on_sqlite
@pytest.mark.slow
@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_after_any_damage_counts_are_exact_or_what_is_missing_is_owed(
    place: Place, what: str, way: str, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(place, what, way, seed)
    check(place, caplog)


@on_postgresql
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_after_damage_counts_are_exact_on_postgresql(
    place: Place, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(place, "file without a log", way, 1)
    check(place, caplog)


# -- what is saved ---------------------------------------------------------------------------------


def change(place: Place, *statements: str) -> None:
    """Damage rows, and nothing else."""
    with closing(sqlite3.connect(place.path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def journaled(place: Place) -> list[int]:
    with closing(Journal(place.path)) as journal:
        return [one.position for one in journal.slice(0, 10**9, 10**9)]


def seen(place: Place, number: int) -> int | None:
    with closing(Journal(place.path)) as journal:
        known = journal.seen(name(number), EVERYBODY)
        return known.position if known else None


@on_sqlite
def test_a_whole_journal_is_left_as_it_is(place: Place) -> None:
    checkpointed(place)
    before = place.path.read_bytes()
    assert place.repair() is None
    assert place.path.read_bytes() == before


@on_sqlite
def test_each_plugin_is_owed_what_it_had_not_counted(place: Place) -> None:
    """Position 130 was counted by one of them, position 250 by none."""
    change(place, "UPDATE entry SET topic = 'x' WHERE position IN (130, 250)")
    done = place.repair()
    assert done
    assert list(done.salvage.lost) == [(130, 130), (250, 250)]
    assert (done.salvage.entries, done.salvage.uncounted) == (ALL - TRIMMED - 2, 1)
    assert done.owed == {
        "bad-1s": (NOW + TRIMMED, NOW + 250),
        "ids-1s": (NOW + COUNTED, NOW + 250),
    }
    with closing(Store(place.uri)) as store:
        assert sorted(owed(store, JOURNAL_DAMAGED)) == sorted(
            (ident, *span) for ident, span in done.owed.items()
        )
    everything = set(range(TRIMMED + 1, ALL + 1))
    assert journaled(place) == sorted(everything - {130, 250})


@on_sqlite
def test_ids_stay_known_but_for_those_of_messages_that_nobody_has_counted(place: Place) -> None:
    change(place, "UPDATE entry SET topic = 'x' WHERE position IN (130, 250)")
    assert place.repair()
    assert seen(place, 10) == 11
    assert seen(place, 128) == 129
    assert seen(place, 129) == 0
    assert seen(place, 249) is None


@on_sqlite
def test_ids_that_are_lost_are_found_in_their_entries_and_in_the_index(place: Place) -> None:
    change(
        place,
        f"UPDATE seen SET checksum = 0 WHERE id IN ('{name(10)}', '{name(250)}')",
    )
    done = place.repair()
    assert done
    assert done.salvage.ids_lost
    assert (seen(place, 10), seen(place, 250)) == (0, 251)


@on_sqlite
def test_since_when_ids_are_known_stays_known_unless_some_are_lost(place: Place) -> None:
    with closing(Journal(place.path)) as journal:
        journal.trim(TRIMMED, NOW + 5)
    damages = {
        f"UPDATE entry SET checksum = 0 WHERE id = '{name(250)}'": NOW + 5,
        f"UPDATE seen SET checksum = 0 WHERE id = '{name(10)}'": LATER + 1,
        "DELETE FROM forgotten": LATER + 2,
    }
    for number, (statement, since) in enumerate(damages.items()):
        change(place, statement)
        assert place.repair(LATER + number)
        with closing(Journal(place.path)) as journal:
            assert journal.known_since() == since


@on_sqlite
def test_what_was_trimmed_stays_known_whatever_the_database_knows(
    place: Place, tmp_path: Path
) -> None:
    change(place, "UPDATE entry SET topic = 'x' WHERE position = 250")
    with closing(Store(f"sqlite:///{tmp_path / 'other.sqlite'}")) as store:
        schema.upgrade(store)
        done = repair(store, place.path, LATER)
    assert done
    assert (done.salvage.ids, list(done.salvage.lost)) == (ALL - 1, [(250, 250)])
    assert (seen(place, 10), seen(place, 249)) == (11, None)


@on_sqlite
def test_a_mark_of_what_was_trimmed_that_cannot_be_is_not_believed(place: Place) -> None:
    change(place, "UPDATE hole SET last = 100000", "DELETE FROM entry WHERE position = 250")
    done = place.repair()
    assert done
    assert list(done.salvage.lost) == [(250, 250)]
    with closing(Journal(place.path)) as journal:
        assert (journal.begin(), journal.end()) == (TRIMMED, ALL)


@on_sqlite
@pytest.mark.parametrize("at", [0, 30, 100, 2000])
def test_without_its_first_page_all_the_rest_is_saved(place: Place, at: int) -> None:
    checkpointed(place)
    with place.path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * (PAGE - at))
    done = place.repair()
    assert done
    assert (done.salvage.entries, done.salvage.ids, done.owed) == (ALL - TRIMMED, ALL, {})
    assert not done.salvage.doubtful


@on_sqlite
def test_it_goes_on_above_every_position_that_was_ever_used(place: Place) -> None:
    change(place, "DELETE FROM sqlite_sequence", "DELETE FROM entry WHERE position > 150")
    done = place.repair()
    assert done
    assert done.salvage.doubtful
    assert set(done.owed) == {"bad-1s", "ids-1s"}
    with closing(Journal(place.path)) as journal:
        assert journal.end() > COUNTED
        assert journal.append([Entry("new", LATER, LATER, "a.b", b"{}")]) == 1
        assert journal.slice(COUNTED, 10**9, 10**9)[-1].position == journal.end()


@on_sqlite
def test_a_name_that_cannot_be_read_is_taken_from_the_database(place: Place) -> None:
    with closing(Journal(place.path)) as journal:
        uuid = journal.uuid
    change(place, "UPDATE identity SET uuid = 'x'")
    done = place.repair()
    assert done
    assert done.owed == {}
    with closing(Journal(place.path)) as journal:
        assert journal.uuid == uuid


@on_sqlite
def test_damage_that_a_daemon_finds_is_told_once_and_no_bookmark_passes_it(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    change(place, "UPDATE entry SET topic = 'x' WHERE position = 250")
    engine = place.build()
    engine.start(LATER)
    suspend(engine.store, "bad-1s", None)
    for second in range(3):
        feed(engine, [ALL + second], LATER + second)
        turn(engine, LATER + second)
    told = [line for line in caplog.messages if "statscache journal repair" in line]
    assert len(told) == 1
    assert "position 250 is not what was written" in told[0]
    assert {checkpoint(engine.store, ident).position for ident in IDENTS} == {249}
    assert engine.journal.end() == ALL + 3
    engine.stop(LATER + 3)


# -- what it refuses -------------------------------------------------------------------------------


@on_sqlite
def test_while_a_daemon_runs_it_is_refused(place: Place) -> None:
    with closing(Journal(place.path)), pytest.raises(JournalInUseError, match=r"is held by"):
        place.repair()


@on_sqlite
def test_while_a_guest_writes_it_is_refused(place: Place) -> None:
    with (
        closing(Writer(place.path)),
        pytest.raises(JournalInUseError, match="end it first"),
    ):
        place.repair()


@on_sqlite
def test_where_there_is_no_journal_none_is_made(place: Place) -> None:
    place.path = place.path.with_name("other.sqlite")
    with pytest.raises(JournalError, match=r"there is no journal"):
        place.repair()
    assert not place.path.exists()


@on_sqlite
def test_what_never_was_a_journal_is_left_as_it_is(place: Place) -> None:
    place.path = place.path.with_name("letter.txt")
    place.path.write_text("Dear Ada, ...")
    with pytest.raises(JournalError, match=r"nothing of a journal .*statscache\.journal\.path"):
        place.repair()
    assert place.path.read_text() == "Dear Ada, ..."
    assert sorted(path.name for path in place.path.parent.glob("letter*")) == [
        "letter.txt",
        "letter.txt.guests.lock",
        "letter.txt.lock",
    ]


@on_sqlite
def test_while_the_database_is_away_nothing_is_touched(place: Place, tmp_path: Path) -> None:
    change(place, "UPDATE entry SET topic = 'x' WHERE position = 250")
    before = place.path.read_bytes()
    with (
        closing(Store(f"sqlite:///{tmp_path / 'empty.sqlite'}")) as store,
        pytest.raises(DBAPIError),
    ):
        repair(store, place.path, LATER)
    assert place.path.read_bytes() == before
    assert not list(tmp_path.glob("journal.sqlite.*[!k]"))


# -- when it is killed -----------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from contextlib import closing
from pathlib import Path
from statscache.journal import replacement
from statscache.store import Store
from statscache.store.repair import repair

calls, last = 0, int(sys.argv[3])
def counting(work):
    def counted(*arguments, **options):
        global calls
        calls += 1
        if calls > last:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*arguments, **options)
    return counted
for name in ("link", "replace", "open", "fsync"):
    setattr(os, name, counting(getattr(os, name)))
os.unlink = counting(os.unlink)
with closing(Store(sys.argv[1])) as store:
    repair(store, Path(sys.argv[2]), float(sys.argv[4]))
"""


@on_sqlite
@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """After each kill the next one goes a step further."""
    change(place, "UPDATE entry SET topic = 'x' WHERE position IN (130, 250)")
    for last in range(40):
        arguments = [place.uri, str(place.path), str(last), str(LATER + last)]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
        if not done.returncode:
            break
        assert done.returncode == -SIGKILL
        found = damage.find_anywhere(place.path)
        assert found in (None, "position 130 is not what was written")
    assert last > 5
    assert place.repair() is None
    aside = [path.name for path in place.path.parent.glob("journal.sqlite.damaged-*Z")]
    assert aside
    check(place, caplog)
