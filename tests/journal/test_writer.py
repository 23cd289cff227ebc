"""Guests of a journal: they append while a daemon may hold it."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from entries import LARGE, entries, entry, kept, positions
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW

from statscache.errors import (
    JournalDamagedError,
    JournalError,
    JournalInUseError,
    JournalWriteError,
)
from statscache.journal import Journal, Writer, damage
from statscache.journal.lock import keep_out
from statscache.journal.rows import NOBODY
from statscache.journal.writer import CACHE, CHECKPOINT_PAGES, STEP
from statscache.message import EVERYBODY

IDENT = "volume-1h"


def test_a_guest_appends_beside_the_daemon_and_each_id_is_kept_once(journal: Journal) -> None:
    with closing(Writer(journal.path)) as guest:
        assert guest.uuid == journal.uuid
        assert journal.append(entries(1, 2)) == 2
        assert guest.append(entries(2, 3)) == 1
        assert journal.append(entries(3, 4)) == 1
        assert positions(guest) == positions(journal) == [1, 2, 3, 4]


def test_daemon_and_guests_in_other_processes_share_the_positions(path, child) -> None:
    script = """
import sys
from pathlib import Path
from statscache.journal import Writer
from statscache.message import Entry
writer = Writer(Path(sys.argv[1]))
for number in range(40):
    ids = [f"id-{number * 5 + n}" for n in range(7)]
    writer.append(Entry(name, 1e9, 1e9, "a.b", b"{}") for name in ids)
"""
    with closing(Journal(path)) as journal:
        guests = [child(script, path) for _ in range(2)]
        for number in range(202):
            journal.append(entries(number))
        for guest in guests:
            output, _ = guest.communicate(timeout=60)
            assert guest.returncode == 0, output
        assert positions(journal) == list(range(1, 203))
        assert {one.entry.id for one in kept(journal)} == {f"id-{n}" for n in range(202)}


def test_where_no_daemon_runs_a_guest_appends_by_itself(path: Path) -> None:
    Journal(path).close()
    with closing(Writer(path)) as guest, closing(Writer(path)) as other:
        assert guest.append(entries(1)) == other.append(entries(2)) == 1
    with closing(Journal(path)) as journal:
        assert positions(journal) == [1, 2]


def test_a_guest_makes_no_journal(path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Writer(path)
    assert not path.parent.exists()


def test_a_guest_that_is_closed_is_not_used_by_accident(journal: Journal) -> None:
    guest = Writer(journal.path)
    guest.close()
    with pytest.raises(JournalError, match="is closed"):
        guest.append(entries(1))


def test_the_daemon_never_waits_long_for_a_guest(journal: Journal) -> None:
    stop = threading.Event()

    def flood() -> None:
        with closing(Writer(journal.path)) as guest:
            number = 0
            while not stop.is_set():
                guest.append(entries(*range(number, number + 500)))
                number += 500

    guest = threading.Thread(target=flood)
    guest.start()
    waits = []
    for number in range(40):
        began = time.monotonic()
        journal.append([entry(f"live-{number}")])
        waits.append(time.monotonic() - began)
        time.sleep(0.01)
    stop.set()
    guest.join()
    assert sorted(waits)[len(waits) // 2] < 0.5
    assert max(waits) < 5


# -- what guests must not write into -------------------------------------------------------------


def test_a_journal_that_is_being_repaired_has_no_guests(path: Path) -> None:
    Journal(path).close()
    with closing(keep_out(path)), pytest.raises(JournalInUseError, match="repaired or adopted"):
        Writer(path)
    with closing(Writer(path)), pytest.raises(JournalInUseError, match="statscache replay"):
        keep_out(path)
    keep_out(path).close()


def test_a_guest_leaves_a_repair_that_was_cut_off_alone(path: Path, tmp_path: Path) -> None:
    with closing(Journal(path)) as journal:
        journal.append(entries(1))
    with closing(Journal(tmp_path / "new.sqlite")) as new:
        new.append(entries(1, 2))
    (tmp_path / "new.sqlite").rename(f"{path}.mended")
    with pytest.raises(JournalError, match="cut off: run `statscache journal repair` once more"):
        Writer(path)
    with closing(Journal(path)) as journal:
        assert positions(journal) == [1, 2]


def test_a_guest_does_not_write_into_a_file_that_was_replaced(path: Path) -> None:
    Journal(path).close()
    with closing(Writer(path)) as guest:
        guest.append(entries(1))
        for file in path.parent.iterdir():
            file.unlink()
        with pytest.raises(JournalWriteError, match="another file"):
            guest.append(entries(2))
        with closing(Journal(path)) as journal:
            with pytest.raises(JournalWriteError, match="another file"):
                guest.append(entries(2))
            assert positions(journal) == []


def test_a_guest_does_not_let_sqlite_throw_the_log_of_an_emptied_file_away(path: Path) -> None:
    journal = Journal(path)
    journal.append(entries(1))
    log = Path(f"{path}-wal").read_bytes()
    journal.close()
    path.write_bytes(b"")
    Path(f"{path}-wal").write_bytes(log)
    with pytest.raises(JournalDamagedError, match="it is empty, but"):
        Writer(path)
    assert Path(f"{path}-wal").read_bytes() == log


# -- disowning -----------------------------------------------------------------------------------


def test_what_is_disowned_may_come_again_and_is_nobodys_where_it_stands(journal: Journal) -> None:
    journal.append([entry(1, IDENT), entry(2), entry(1), entry(1, "volume-1d"), entry(3, IDENT)])
    assert journal.disown(IDENT, 4) == 1
    assert [one.entry.addressee for one in kept(journal)] == [
        NOBODY, EVERYBODY, EVERYBODY, "volume-1d", IDENT,
    ]  # fmt: skip
    assert journal.seen("id-1", EVERYBODY).position == 3
    assert journal.seen("id-1", IDENT) is None
    assert journal.append([entry(1, IDENT), entry(1), entry(3, IDENT)]) == 1
    assert journal.seen("id-1", IDENT).position == 6
    assert (journal.begin(), journal.end()) == (0, 6)


def test_ids_are_disowned_when_their_entries_are_trimmed(journal: Journal) -> None:
    journal.append([entry(1, IDENT), entry(2), entry(3, IDENT)])
    journal.trim(2, 0)
    assert journal.disown(IDENT, journal.end()) == 2
    assert [(one.position, one.entry.addressee) for one in kept(journal)] == [(3, NOBODY)]
    journal.trim(3, 0)
    assert (journal.begin(), journal.entries(), journal.ids()) == (3, 0, 1)


@pytest.mark.parametrize("number", [STEP - 1, STEP, STEP + 1, 2 * STEP + 1])
def test_disowning_goes_in_steps_to_the_end(journal: Journal, number: int) -> None:
    journal.append(entries(*range(number), addressee=IDENT))
    journal.append(entries("last", addressee=IDENT))
    assert journal.disown(IDENT, number) == number
    assert journal.ids() == 1
    assert kept(journal)[-1].entry == entry("last", IDENT)


def test_what_is_rewritten_stands_where_it_stood_and_its_id_is_known(journal: Journal) -> None:
    journal.append([entry(1), entry(2, IDENT), entry(3)])
    first, second, third = kept(journal)
    journal.disown(IDENT, 2)
    journal.trim(1, 0)
    others = [one._replace(entry=one.entry._replace(body=b"{}")) for one in (first, second, third)]
    assert journal.rewrite(others) == 2
    disowned = second.entry._replace(body=b"{}", addressee=NOBODY)
    assert kept(journal) == [second._replace(entry=disowned), others[2]]
    assert journal.append([entry(1), entry(3)]) == 0
    assert damage.find_anywhere(journal.path) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 9), st.sampled_from(["", "a", "b"])),
        st.tuples(st.just("disown"), st.integers(0, 30), st.sampled_from(["a", "b"])),
        st.tuples(st.just("trim"), st.integers(0, 30), st.just("")),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_is_disowned_and_trimmed_the_journal_is_whole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str]]
) -> None:
    path = tmp_path_factory.mktemp("disowned") / "journal.sqlite"
    known: dict[tuple[str, str], int] = {}
    with closing(Journal(path)) as journal:
        for what, number, addressee in steps:
            if what == "append":
                if journal.append([entry(number, addressee)]):
                    assert (f"id-{number}", addressee) not in known
                    known[f"id-{number}", addressee] = journal.end()
            elif what == "disown":
                gone = [one for one, at in known.items() if one[1] == addressee and at <= number]
                assert journal.disown(addressee, number) == len(gone)
                for one in gone:
                    del known[one]
            else:
                journal.trim(number, 0)
            assert journal.ids() == len(known)
            found = {
                one.position: one.entry for one in journal.slice(journal.begin(), LARGE, LARGE)
            }
            owned = {at: (e.id, e.addressee) for at, e in found.items() if e.addressee != NOBODY}
            stand = {at: one for one, at in known.items() if at > journal.begin()}
            assert owned == stand
    with closing(Journal(path)):
        pass  # it is looked through for damage


# -- what is known -------------------------------------------------------------------------------


def test_it_is_known_since_when_no_id_was_forgotten(journal: Journal) -> None:
    assert journal.known_since() == 0
    journal.append([entry(1, arrived=NOW), entry(2, arrived=NOW + 9)])
    journal.trim(2, NOW - 5)
    assert journal.known_since() == 0
    journal.trim(2, NOW + 5)
    assert journal.known_since() == NOW + 5
    journal.append([entry(3, arrived=NOW)])
    journal.trim(2, NOW + 1)
    assert journal.known_since() == NOW + 5
    with closing(Writer(journal.path)) as guest:
        assert guest.known_since() == NOW + 5


def test_a_journal_in_the_place_of_another_knows_ids_from_then_on(journal: Journal) -> None:
    journal.forget_all(NOW)
    journal.forget_all(NOW - 60)
    assert journal.known_since() == NOW


def test_it_is_known_whether_an_id_came_in_for_anybody(journal: Journal) -> None:
    assert not journal.has_derived()
    journal.append([entry(1, IDENT), entry(2)._replace(id="derivation")])
    assert journal.knows("id-1")
    assert not journal.knows("id-2")
    assert not journal.has_derived()
    journal.append([entry(3)._replace(id="derived-00ff")])
    assert journal.has_derived()


def test_who_appends_very_much_gets_memory_and_seldom_checkpoints(journal: Journal) -> None:
    journal.expect_much()
    assert journal._value("PRAGMA cache_size") * -1024 == CACHE
    assert journal._value("PRAGMA wal_autocheckpoint") == CHECKPOINT_PAGES
    assert journal.append([entry(1)]) == 1
