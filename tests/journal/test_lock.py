"""One journal, one daemon."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from entries import entry

from statscache.errors import JournalError, JournalInUseError
from statscache.journal import Journal

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
