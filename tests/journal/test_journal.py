from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from entries import LARGE, entries, entry, kept, positions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import NOW

from statscache.errors import (
    JournalError,
)
from statscache.journal import Journal, Refusals, Span
from statscache.journal.journal import SPARE_PAGES
from statscache.journal.writer import STEP
from statscache.message import EVERYBODY, Entry


def mode(path):
    return path.stat().st_mode & 0o777


# -- appending and reading -----------------------------------------------------------------------


def test_a_new_journal_is_empty_and_has_a_name_of_its_own(journal, tmp_path):
    assert (journal.begin(), journal.end(), journal.newest()) == (0, 0, None)
    assert kept(journal) == journal.spans() == journal.refused() == []
    assert not journal.addressed()
    with closing(Journal(tmp_path / "other.sqlite")) as other:
        assert other.uuid != journal.uuid


def test_entries_are_read_back_in_order_as_they_were(journal):
    made = [
        Entry("a", NOW + 0.25, NOW - 60, "a.b", b'{"a": "\\u0000"}'),
        Entry(r"\u0000", NOW, NOW, "ü.\U0001f600", '{"msg": "\\ud800"}', "volume-1h"),
        Entry("c", NOW - 9, 946_684_800, "", b"\x00\xff"),
    ]
    assert journal.append(made) == 3
    assert [one.entry for one in kept(journal)] == made
    assert positions(journal) == [1, 2, 3]
    assert [type(one.entry.body) for one in kept(journal)] == [bytes, str, bytes]


def test_an_id_is_kept_once_for_each_addressee(journal):
    assert journal.append([entry(1), entry(1), entry(2)]) == 2
    assert journal.append([entry(2), entry(1, "volume-1h"), entry(1, "volume-1d")]) == 2
    assert journal.append([entry(1, "volume-1h"), entry(1)]) == 0
    assert journal.seen("id-1", EVERYBODY).position == 1
    assert journal.seen("id-1", "volume-1h").position == 3
    assert journal.seen("id-1", "volume-5s") is None
    assert journal.seen("id-9", EVERYBODY) is None


def test_it_knows_whether_anything_was_addressed_to_one_plugin(journal):
    journal.append([entry(1)])
    assert not journal.addressed()
    journal.append([entry(1, "volume-1h")])
    assert journal.addressed()
    journal.trim(2, NOW + 1)
    assert not journal.addressed()


def test_ids_are_compared_by_code_point(journal):
    names = ["a", "A", "é", "e\u0301", "a ", r"\u0000", "1", "01"]
    made = [entry(0)._replace(id=name) for name in names]
    assert journal.append(made) == len(names)


def test_a_slice_is_a_prefix_cut_by_position_number_and_bytes(journal):
    journal.append(entry(number, body=b"x" * 100) for number in range(10))
    cut = [one.position for one in journal.slice(3, 8, LARGE)]
    assert cut == [4, 5, 6, 7, 8]
    assert [one.position for one in journal.slice(3, 8, 2)] == [4, 5]
    assert [one.position for one in journal.slice(0, LARGE, LARGE, 250)] == [1, 2, 3]
    assert [one.position for one in journal.slice(0, LARGE, LARGE, 1)] == [1]
    assert journal.slice(10, LARGE, LARGE) == journal.slice(8, 3, 5) == journal.slice(0, 9, 0) == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.integers(0, 12), max_size=6), max_size=6))
def test_slices_put_together_are_the_whole(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("slices") / "journal.sqlite"
    with closing(Journal(path)) as journal:
        new = [journal.append(entries(*batch)) for batch in batches]
        assert sum(new) == len({number for batch in batches for number in batch})
        assert positions(journal) == list(range(1, sum(new) + 1))
        at, seen = 0, []
        while part := journal.slice(at, journal.end(), 2, 3):
            at = part[-1].position
            seen += part
        assert seen == kept(journal)


def test_a_body_of_many_megabytes_is_kept(journal):
    journal.append([entry(1, body=b"x" * (20 << 20))])
    assert len(kept(journal)[0].entry.body) == 20 << 20


def test_an_append_that_fails_keeps_nothing(journal):
    def broken():
        yield entry(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        journal.append(broken(), Span(1, 2), [Refusals("too long", 1, NOW, "x")])
    assert kept(journal) == journal.spans() == journal.refused() == []
    assert journal.append([entry(1)]) == 1


# -- listening and refusals ----------------------------------------------------------------------


def test_the_time_of_listening_grows_and_never_shrinks(journal):
    journal.append([], Span(NOW, NOW))
    journal.append([], Span(NOW, NOW + 9))
    journal.append([], Span(NOW, NOW + 5))
    journal.append([], Span(NOW - 60, NOW - 50))
    assert journal.spans() == [Span(NOW - 60, NOW - 50), Span(NOW, NOW + 9)]


def test_refusals_are_added_up_by_reason(journal):
    journal.append([], None, [Refusals("too long", 2, NOW, "a"), Refusals("no topic", 1, NOW, "b")])
    journal.append([], None, [Refusals("too long", 3, NOW + 1, "c")])
    assert sorted(journal.refused()) == [
        Refusals("no topic", 1, NOW, "b"),
        Refusals("too long", 5, NOW + 1, "c"),
    ]


# -- positions -----------------------------------------------------------------------------------


def test_positions_are_never_used_again(path):
    with closing(Journal(path)) as journal:
        journal.append(entries(1, 2, 3))
        journal.trim(3, NOW + 1)
        assert (journal.begin(), journal.end()) == (3, 3)
        journal.append([entry(4)])
        journal.trim(4, NOW + 1)
    with closing(Journal(path)) as journal:
        assert (journal.begin(), journal.end()) == (4, 4)
        journal.append([entry(1)])
        assert positions(journal) == [5]
        assert (journal.begin(), journal.end()) == (4, 5)


def test_positions_continue_above_those_that_others_know(path):
    with closing(Journal(path)) as journal:
        journal.continue_above(1000)
        assert (journal.begin(), journal.end()) == (1000, 1000)
        journal.append([entry(1)])
        journal.continue_above(5)
        assert journal.end() == 1001
    with closing(Journal(path)) as journal:
        journal.append([entry(2)])
        assert positions(journal) == [1001, 1002]


def test_the_journal_keeps_its_name(path):
    with closing(Journal(path)) as journal:
        name = journal.uuid
    with closing(Journal(path)) as journal:
        assert journal.uuid == name


# -- trimming ------------------------------------------------------------------------------------


def test_ids_are_known_longer_than_their_entries(journal):
    journal.append(entries(1, 2, 3))
    assert journal.trim(2, NOW) == 2
    assert positions(journal) == [3]
    assert journal.append(entries(1, 2, 3)) == 0
    assert journal.seen("id-1", EVERYBODY).position == 1


def test_ids_from_before_the_horizon_are_forgotten(journal):
    journal.append([entry(1, arrived=NOW), entry(2, arrived=NOW + 1)])
    journal.trim(2, NOW + 1)
    assert journal.newest() == NOW + 1
    assert journal.append(entries(1, 2)) == 1
    assert journal.seen("id-1", EVERYBODY).position == 3


def test_ids_are_declared_forgotten_and_go_when_all_that_came_in_before_is_counted(journal):
    journal.append(entries(1, 2))
    for counted, dropped in ((0, 0), (1, 1)):
        assert journal.trim(counted, NOW + 1) == dropped
        assert journal.known_since() == NOW + 1
        assert journal.knows("id-1")
    assert journal.trim(2, NOW + 1) == 1
    assert journal.newest() is None


@pytest.mark.parametrize("number", [STEP - 1, STEP, STEP + 1, 2 * STEP + 1])
def test_trimming_goes_in_steps_to_the_end(journal, number):
    journal.append(entries(*range(number + 1)))
    assert journal.trim(number, NOW + 1) == number
    assert positions(journal) == [number + 1]
    assert journal.trim(number + 1, NOW + 1) == 1
    assert journal.newest() is None


def test_what_is_trimmed_is_given_back_to_the_disk_but_for_a_reserve(journal):
    reserve = SPARE_PAGES * 4096
    journal.append(entry(number, body=b"x" * 100_000) for number in range(600))
    full = journal.size()
    assert full > 600 * 100_000 > 3 * reserve
    journal.trim(300, NOW + 1)
    assert full * 0.45 < journal.size() < full * 0.55
    journal.trim(600, NOW + 1)
    assert journal.size() < 100_000
    journal.close()
    assert reserve < journal.path.stat().st_size < reserve + 100_000


def test_an_append_waits_for_one_step_of_trimming_at_most(journal):
    journal.append(entries(*range(4 * STEP)))
    seen = []

    worker = threading.Thread(target=journal.trim, args=(LARGE, NOW + 1))
    worker.start()
    while worker.is_alive():
        journal.append([entry(f"new-{len(seen)}", arrived=NOW + 2)])
        seen.append(journal.begin())
    worker.join()
    assert len({begin // STEP for begin in seen}) >= 3


# -- threads -------------------------------------------------------------------------------------


def test_threads_that_append_the_same_ids_keep_each_once(journal):
    def append(seed):
        numbers = random.Random(seed)
        return sum(
            journal.append(entries(*(numbers.randrange(400) for _ in range(10)))) for _ in range(40)
        )

    with ThreadPoolExecutor(8) as pool:
        new = sum(pool.map(append, range(8)))
    ids = [one.entry.id for one in kept(journal)]
    assert len(set(ids)) == len(ids) == new == 400
    assert positions(journal) == list(range(1, new + 1))


def test_a_reader_never_sees_a_hole_that_is_filled_later(journal):
    done = threading.Event()

    def read():
        at, seen = 0, []
        while True:
            last_round = done.is_set()
            for one in journal.slice(at, journal.end(), 7):
                at = one.position
                seen.append(at)
            if last_round and at == journal.end():
                return seen

    with ThreadPoolExecutor(6) as pool:
        reader = pool.submit(read)
        writers = [
            pool.submit(journal.append, entries(*range(number, number + 5)))
            for number in range(0, 1000, 5)
        ]
        assert sum(writer.result() for writer in writers) == 1000
        done.set()
        assert reader.result(timeout=30) == list(range(1, 1001))


# -- files ---------------------------------------------------------------------------------------


def test_only_the_owner_may_read_it(path):
    before = os.umask(0)
    try:
        journal = Journal(path)
        journal.append([entry(1)])
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    files = {file.name: mode(file) for file in path.parent.iterdir()}
    names = ("journal.sqlite", "journal.sqlite.lock", "journal.sqlite-shm", "journal.sqlite-wal")
    assert files == dict.fromkeys(names, 0o600)
    journal.close()


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o755)
    Journal(tmp_path / "journal.sqlite").close()
    assert mode(tmp_path) == 0o755


def test_an_empty_file_is_a_new_journal(path):
    path.parent.mkdir()
    path.touch()
    with closing(Journal(path)) as journal:
        assert journal.append([entry(1)]) == 1


@pytest.mark.parametrize(
    "place", ["file/journal.sqlite", "folder", "/proc/statscache/journal.sqlite", "loop", "x" * 300]
)
def test_a_place_that_cannot_be_written_is_named_with_the_cure(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(JournalError, match=r"cannot be written: .*statscache\.journal\.path"):
        Journal(tmp_path / place)


# -- a full disk ---------------------------------------------------------------------------------

FULL = """
import resource, sys
from pathlib import Path
from statscache.errors import JournalWriteError
from statscache.journal import Journal
from statscache.message import Entry

def entries(numbers):
    return [Entry(f"id-{n}", 1e9, 1e9, "a.b", b"x" * 1000) for n in numbers]

def files_up_to(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

files_up_to(1 << 20)
journal = Journal(Path(sys.argv[1]))
done, failed = 0, 0
while not failed:
    try:
        journal.append(entries(range(done, done + 50)))
        done += 50
    except JournalWriteError as error:
        failed, sentence = failed + 1, str(error)
for attempt in range(3):
    try:
        journal.append(entries(range(done, done + 50)))
    except JournalWriteError:
        failed += 1
assert len(journal.slice(0, 10**9, 10**9)) == journal.end() == done, (done, journal.end())
files_up_to(resource.RLIM_INFINITY)
assert journal.append(entries(range(done + 50))) == 50
assert len(journal.slice(0, 10**9, 10**9)) == journal.end() == done + 50
journal.close()
print(failed, done, sentence)
"""


def test_a_full_disk_refuses_whole_transactions_and_recovers(path, child):
    process = child(FULL, path)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    failed, done, sentence = output.split(maxsplit=2)
    assert (int(failed), int(done) > 100) == (4, True)
    assert "cannot be written" in sentence
    assert "make room" in sentence


TRIM = """
journal.append(entries(range(2_000)))
end = journal.end()
files_up_to(1)
failed = 0
for attempt in range(2):
    try:
        journal.trim(end, 2e9)
    except JournalWriteError as error:
        failed += 1
assert failed == 2
assert (journal.begin(), len(journal.slice(0, 10**9, 10**9))) == (0, end)
files_up_to(resource.RLIM_INFINITY)
assert journal.trim(end, 2e9) == end
assert (journal.begin(), journal.ids()) == (end, 0)
print("trimmed")
"""


def test_a_full_disk_drops_nothing_half(path, child):
    head, _, _ = FULL.partition("files_up_to(1 << 20)\n")
    process = child(f"{head}journal = Journal(Path(sys.argv[1]))\n{TRIM}", path)
    output, _ = process.communicate(timeout=60)
    assert output == "trimmed\n"


def test_a_full_disk_at_the_start_is_told(path, child):
    script = FULL.replace("files_up_to(1 << 20)", "files_up_to(1)", 1)
    process = child(script, path)
    output, _ = process.communicate(timeout=60)
    assert "statscache.errors.JournalError: the journal" in output
    assert "make room" in output


# -- SIGKILL -------------------------------------------------------------------------------------

BATCH = 7
APPEND = """
import sys
from pathlib import Path
from statscache.journal import Journal
from statscache.message import Entry
journal, size, number = Journal(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
while True:
    number += 1
    journal.append(
        Entry(f"{number}-{n}", 1e9, 1e9, "a.b", b"x" * 3000) for n in range(size)
    )
    print(number, flush=True)
    if number % 5 == 0:
        journal.trim(journal.end() - 10 * size, 0)
"""


def test_a_kill_at_any_moment_leaves_whole_transactions(path, child):
    moments = random.Random(7)
    told, before = 0, 0
    for _ in range(10):
        process = child(APPEND, path, BATCH, told)
        first = process.stdout.readline()
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        told = int((first + process.stdout.read()).split()[-1])
        process.wait()
        with closing(Journal(path)) as journal:
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = [one.entry.id for one in kept(journal)]
            last = int(found[-1].split("-")[0])
            assert last in (told, told + 1)
            first = int(found[0].split("-")[0])
            whole = [f"{n}-{i}" for n in range(first, last + 1) for i in range(BATCH)]
            assert found == whole
            assert journal.end() == last * BATCH > before
            assert positions(journal)[-1] == journal.end()
            before, told = journal.end(), last
