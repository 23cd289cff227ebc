"""Real daemons, killed at every step."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from fate import COMMIT, Place, Report
from history import NewDatabase, play, prove
from life import Life, begin, feed, made, new_report, statistics
from reading import differences, reckoned

from statscache.journal import Journal
from statscache.store import Store, schema

KILLS = 150
SEED = 1
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
WRITERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL
"""

SECONDS = 60
"""For what is waited for, at the most."""


@pytest.mark.slow
def test_no_kill_loses_a_message_or_doubles_one(new_database: NewDatabase, tmp_path: Path) -> None:
    outcome = prove(new_database, tmp_path, KILLS, SEED, play)
    assert outcome.wrong == ()
    assert outcome.kills.total() >= KILLS
    assert len({place.phase for place in outcome.kills}) >= 8


@pytest.mark.slow
def test_who_waits_for_the_journal_goes_on_exactly_when_its_daemon_is_killed(
    uri: str, tmp_path: Path
) -> None:
    report, sent = new_report(), feed(SEED)
    first = Life(uri, tmp_path / "journal.sqlite", SEED, 1, len(sent))
    killed = begin(first, report)
    wait_until(lambda: report.acknowledged > len(sent) / 4)
    # It cannot end before the other one has come.
    os.kill(killed.pid, signal.SIGSTOP)
    waiting = begin(first._replace(count=2, wait=SECONDS), report)
    wait_until(lambda: f"is held by process {killed.pid}" in first.log.read_text())
    killed.kill()
    killed.join()
    waiting.join(SECONDS)

    assert (killed.exitcode, waiting.exitcode) == (-signal.SIGKILL, 0)
    assert wrong_with(first, report) == []


@pytest.mark.slow
@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_commit_that_is_on_its_way_when_the_daemon_is_killed_is_not_repeated(
    uri: str, tmp_path: Path
) -> None:
    report, sent = new_report(), feed(SEED)
    first = Life(uri, tmp_path / "journal.sqlite", SEED, 1, len(sent))
    place = Place("counting", f"before {COMMIT}")
    killed = begin(first._replace(place=place, number=20, sent=signal.SIGSTOP), report)
    wait_until(lambda: "(stopped)" in Path(f"/proc/{killed.pid}/status").read_text())
    with stopped_server(uri):
        os.kill(killed.pid, signal.SIGCONT)
        time.sleep(0.5)  # it sends its COMMIT, and waits for the answer
        killed.kill()
        killed.join()
        second = begin(first._replace(count=2), report)
        wait_until(lambda: asked(uri, WAITING) != [(0,)])
    second.join(SECONDS)

    assert (killed.exitcode, second.exitcode) == (-signal.SIGKILL, 0)
    assert wrong_with(first, report) == []


@pytest.mark.slow
@pytest.mark.parametrize("copied", [False, True], ids=["other journals", "copies of a journal"])
def test_of_two_first_starts_in_the_same_instant_one_is_refused(
    uri: str, tmp_path: Path, copied: bool
) -> None:
    sides = [tmp_path / side / "journal.sqlite" for side in ("a", "b")]
    lives = [Life(uri, journal, SEED, 1, len(feed(SEED))) for journal in sides]
    for life in lives:
        life.journal.parent.mkdir()
    if copied:
        Journal(lives[0].journal).close()
        shutil.copy(lives[0].journal, lives[1].journal)
    reports = [new_report() for _ in lives]
    with nobody_owns(uri) as both_wait:
        processes = [begin(*each) for each in zip(lives, reports, strict=True)]
        both_wait()
    for process in processes:
        process.join(SECONDS)

    won, lost = sorted(range(2), key=lambda side: processes[side].exitcode)
    assert (processes[won].exitcode, processes[lost].exitcode) == (0, 1)
    assert "OwnerError" in lives[lost].log.read_text()
    assert str(lives[won].journal) in lives[lost].log.read_text()
    assert wrong_with(lives[won], reports[won]) == []


def wrong_with(life: Life, report: Report) -> list[str]:
    """How what stands there in the end differs from what `life` has been sent."""
    engine = made(life.uri, life.journal, statistics())
    sent = feed(life.seed)
    found = differences(engine, sent, reckoned(sent, report.now))
    engine.journal.close()
    engine.store.close()
    return found


@contextmanager
def nobody_owns(uri: str) -> Iterator[Callable[[], None]]:
    """Nobody can become the owner of the database; gives what returns when two wait for that."""
    store = Store(uri)
    schema.upgrade(store)
    with store.writing() as connection:
        if store.is_sqlite:
            yield lambda: time.sleep(1)
        else:
            connection.execute(sa.text("LOCK TABLE statscache_owner IN SHARE MODE"))
            yield partial(wait_until, lambda: asked(uri, WAITING) == [(2,)])
    store.close()


@contextmanager
def stopped_server(uri: str) -> Iterator[None]:
    """The server's processes that are in a writing transaction go on in the end only."""
    processes = [pid for (pid,) in asked(uri, WRITERS)]
    assert processes
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def asked(uri: str, query: str) -> list[tuple[int, ...]]:
    store = Store(uri)
    with store.reading() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text(query))]
    store.close()
    return rows


def wait_until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.01)
