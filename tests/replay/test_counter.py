"""A counter counts as long as it is wanted, and never much longer."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from entries import entry
from guests import Ids, build, counted, emptied, once
from samples import message

from statscache.errors import JournalInUseError, StalledError, StatscacheError
from statscache.journal import Journal, Writer
from statscache.replay.counter import running
from statscache.replay.pace import Pace
from statscache.store import Store

SECONDS = 30

COUNTS = """
import sys
from contextlib import contextmanager
from pathlib import Path
from guests import Ids, build
from samples import NOW
from statscache.replay.counter import serve

@contextmanager
def counting():
    engine = build(sys.argv[1], Path(sys.argv[2]), Ids)
    try:
        engine.start(NOW, listens=False)
        yield engine
    finally:
        engine.stop(NOW)

serve(counting())
"""

STARTS_ONE = """
import sys, time
sys.path = sys.argv.pop(1).split(":")
from statscache.replay.counter import running
with running(sys.argv[1:]):
    print("counts", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'statscache.sqlite'}"


@pytest.fixture
def path(uri: str, tmp_path: Path) -> Path:
    emptied(uri)
    return tmp_path / "journal.sqlite"


@pytest.fixture
def command(uri: str, path: Path) -> list[str]:
    """Starts a counter."""
    return [sys.executable, "-c", COUNTS, uri, str(path)]


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    with closing(Store(uri)) as opened:
        yield opened


def test_it_counts_what_others_bring_and_then_lets_go_of_the_journal(
    command: list[str], path: Path, store: Store
) -> None:
    with running(command) as counter, closing(Writer(path)) as guest:
        with pytest.raises(JournalInUseError):
            Journal(path)
        pace = Pace(guest, store, ["ids-1s"], counter)
        for number in range(3):
            body = json.dumps(message(number)).encode()
            guest.append([entry(number, body=body)])
            pace.settle()
            assert counted(store) == once(range(number + 1))
    Journal(path).close()


def test_where_a_daemon_counts_there_is_none(command: list[str], uri: str, path: Path) -> None:
    with closing(build(uri, path, Ids).journal), running(command) as counter:
        assert counter is None


def test_why_it_cannot_count_is_said_here(command: list[str], path: Path) -> None:
    path.write_text("This is no journal.")
    with pytest.raises(StatscacheError, match="run `statscache journal repair`"), running(command):
        pass


def test_one_that_ends_before_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", "raise SystemExit('it is ill')"]
    with pytest.raises(StalledError, match="before it began"), running(command):
        pass
    assert capsys.readouterr().err == "it is ill\n"


def test_one_that_is_killed_is_missed(command: list[str]) -> None:
    with running(command) as counter:
        assert counter
        counter.require()
        counter._process.kill()
        counter._process.wait()
        with pytest.raises(StalledError, match="by signal 9"):
            counter.require()


def test_when_who_started_it_is_killed_the_journal_is_free(command: list[str], path: Path) -> None:
    arguments = [":".join(sys.path), *command]
    with Popen([sys.executable, "-c", STARTS_ONE, *arguments], stdout=PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "counts\n"
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        until = time.monotonic() + SECONDS
        while not is_free(path):
            assert time.monotonic() < until
            time.sleep(0.01)


def is_free(path: Path) -> bool:
    try:
        Journal(path).close()
    except JournalInUseError:
        return False
    return True
