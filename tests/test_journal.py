from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statscache.errors import JournalError, JournalInUseError, JournalWriteError
from statscache.journal import SPARE_PAGES, TRIM_STEP, Journal, Refusals, Span
from statscache.message import EVERYBODY, Entry

LARGE = 10**9
NOW = 1_767_225_600.0


def entry(number, addressee=EVERYBODY, arrived=NOW, body=b"{}"):
    return Entry(f"id-{number}", arrived, arrived - 5, "org.example.prod.a", body, addressee)


def entries(*numbers, **changes):
    return [entry(number, **changes) for number in numbers]


def kept(journal):
    return journal.slice(0, LARGE, LARGE)


def positions(journal):
    return [one.position for one in kept(journal)]


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture
def child():
    """Starts a Python process of its own; `child(script, *arguments)`."""
    started = []

    def start(script, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


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
    assert journal.position_of("id-1", EVERYBODY) == 1
    assert journal.position_of("id-1", "volume-1h") == 3
    assert journal.position_of("id-1", "volume-5s") is None
    assert journal.position_of("id-9", EVERYBODY) is None


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
    with pytest.raises(JournalWriteError):
        journal.append([entry(1), entry(2)._replace(topic=None)])
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
    assert journal.position_of("id-1", EVERYBODY) == 1


def test_ids_from_before_the_horizon_are_forgotten(journal):
    journal.append([entry(1, arrived=NOW), entry(2, arrived=NOW + 1)])
    journal.trim(2, NOW + 1)
    assert journal.newest() == NOW + 1
    assert journal.append(entries(1, 2)) == 1
    assert journal.position_of("id-1", EVERYBODY) == 3


def test_entries_that_are_not_counted_stay_when_their_ids_go(journal):
    journal.append(entries(1, 2))
    assert journal.trim(0, NOW + 1) == 0
    assert positions(journal) == [1, 2]
    assert journal.newest() is None


@pytest.mark.parametrize("number", [TRIM_STEP - 1, TRIM_STEP, TRIM_STEP + 1, 2 * TRIM_STEP + 1])
def test_trimming_goes_in_steps_to_the_end(journal, number):
    journal.append(entries(*range(number + 1)))
    assert journal.trim(number, NOW + 1) == number
    assert positions(journal) == [number + 1]
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
    journal.append(entries(*range(4 * TRIM_STEP)))
    seen = []

    worker = threading.Thread(target=journal.trim, args=(LARGE, NOW + 1))
    worker.start()
    while worker.is_alive():
        journal.append([entry(f"new-{len(seen)}", arrived=NOW + 2)])
        seen.append(journal.begin())
    worker.join()
    assert len({begin // TRIM_STEP for begin in seen}) >= 3


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


# -- one owner -----------------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from statscache.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_and_told_who_holds_it(path, child):
    other = child(HOLD, path)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(JournalInUseError, match=rf"held by process {other.pid} on .*journal\.wait"):
        Journal(path)


def test_the_same_process_is_refused_too(path):
    with closing(Journal(path)), pytest.raises(JournalInUseError, match=f"process {os.getpid()}"):
        Journal(path)


def test_a_link_to_a_held_journal_is_refused(path, tmp_path):
    with closing(Journal(path)) as journal:
        link, folder = tmp_path / "link.sqlite", tmp_path / "folder"
        link.symlink_to(path)
        folder.symlink_to(path.parent)
        for way in (link, folder / path.name, Path(os.path.relpath(path))):
            with pytest.raises(JournalInUseError):
                Journal(way)
        name = journal.uuid
    with closing(Journal(link)) as journal:
        assert journal.uuid == name


def test_one_who_waits_has_it_when_the_other_lets_go(path, child):
    other = child(HOLD, path)
    assert other.stdout.readline() == "held\n"
    release = threading.Timer(0.3, other.stdin.close)
    release.start()
    with closing(Journal(path, wait=30)) as journal:
        assert journal.append([entry(1)]) == 1
        assert f"process {os.getpid()} on " in Path(f"{path}.lock").read_text()
    release.join()


def test_waiting_ends_after_the_time_that_was_allowed_and_says_once_for_whom(path, child, caplog):
    other = child(HOLD, path)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(JournalInUseError):
        Journal(path, wait=0.5)
    (told,) = caplog.messages
    assert f"held by process {other.pid} on " in told


def test_the_lock_of_a_killed_process_is_free(path, child):
    other = child(HOLD, path)
    assert other.stdout.readline() == "held\n"
    other.send_signal(signal.SIGKILL)
    other.wait()
    with closing(Journal(path)) as journal:
        assert journal.append([entry(1)]) == 1


def test_a_shorter_name_of_the_holder_replaces_a_longer_one(path):
    Journal(path).close()
    Path(f"{path}.lock").write_text("x" * 1000)
    with closing(Journal(path)):
        assert Path(f"{path}.lock").read_text().startswith(f"process {os.getpid()} on ")
        assert "x" * 100 not in Path(f"{path}.lock").read_text()


def test_after_closing_it_is_free_and_not_used_by_accident(path):
    journal = Journal(path)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(journal.append, [entry(1)]).result()
        journal.close()
        journal.close()
        with closing(Journal(path)) as other:
            for use in (journal.end, journal.size, lambda: journal.append([entry(2)])):
                with pytest.raises(JournalError, match="is closed"):
                    use()
                with pytest.raises(JournalError, match="is closed"):
                    pool.submit(use).result()
            assert other.end() == 1


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


@pytest.mark.parametrize("content", [b"hello\n", b"x" * 5000, b"\0" * 8192, b"SQLite format 3"])
def test_garbage_is_refused_and_left_as_it_is(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"cannot be opened.*journal adopt") as error:
        Journal(path)
    assert not isinstance(error.value, JournalWriteError)
    assert path.read_bytes() == content


def test_an_empty_file_is_a_new_journal(path):
    path.parent.mkdir()
    path.touch()
    with closing(Journal(path)) as journal:
        assert journal.append([entry(1)]) == 1


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9])
def test_a_truncated_journal_is_refused(path, part):
    with closing(Journal(path)) as journal:
        journal.append(entry(number, body=b"x" * 500) for number in range(1000))
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(JournalError, match=r"cannot be opened: .*malformed.*journal adopt"):
        Journal(path)


def test_damage_that_shows_later_is_a_journal_error(path):
    with closing(Journal(path)) as journal:
        journal.append(entry(number, body=b"x" * 500) for number in range(1000))
    with closing(Journal(path)) as journal:
        with path.open("r+b") as file:
            file.seek(5 * 4096)
            file.write(b"\xff" * (path.stat().st_size - 5 * 4096))
        with pytest.raises(JournalError, match=r"cannot be read: .*malformed.*journal adopt"):
            kept(journal)
        with pytest.raises(JournalWriteError, match=r"cannot be written: .*malformed"):
            journal.trim(LARGE, NOW + 1)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE data_volume (id INTEGER)",
        "CREATE TABLE identity (name TEXT)",
        "CREATE TABLE identity (uuid TEXT, format INTEGER)",
    ],
)
def test_a_database_of_another_kind_is_refused_and_left_as_it_is(path, statement):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
    with pytest.raises(JournalError, match="is no journal of statscache") as error:
        Journal(path)
    assert not isinstance(error.value, JournalWriteError)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)


def test_a_journal_of_another_format_is_refused(path):
    Journal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE identity SET format = 2")
        connection.commit()
    with pytest.raises(JournalError, match="has format 2, this version reads 1"):
        Journal(path)


def test_a_refused_journal_is_not_held_and_no_file_is_left_open(path):
    path.parent.mkdir()
    path.write_bytes(b"garbage" * 999)
    errors = []
    for _ in range(2):
        with pytest.raises(JournalError, match="cannot be opened") as error:
            Journal(path)
        errors.append(error)
    with os.scandir("/proc/self/fd") as numbers:
        opened = [os.readlink(number) for number in numbers if os.path.islink(number)]
    assert [file for file in opened if file.startswith(str(path))] == []


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
