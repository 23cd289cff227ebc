"""`statscache backlog`: what is owed is listed, asked for, worked off, and given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datagrepper import Archive, Datagrepper
from guests import feed, on_sqlite, owed, rows, turn
from samples import NOW, message

from statscache import hubconfig, service
from statscache.store import Store
from statscache.store.tables import ASKED, NOT_LISTENING

from .conftest import Run, count

HOUR = 3_600
DATAGREPPER = """
config = {{
    "statscache.datagrepper.endpoint": {url!r},
    "statscache.datagrepper.overlap": 60,
    "statscache.datagrepper.backlog": 3600,
}}
"""


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def stand_in(archive: Archive, here: Path) -> Iterator[Datagrepper]:
    """A datagrepper that the settings name, after a daemon has left a gap."""
    leave_a_gap()
    with Datagrepper(archive) as serving:
        configure(here, serving.url)
        yield serving


def configure(here: Path, url: str) -> None:
    (here / "fedmsg.d" / "datagrepper.py").write_text(DATAGREPPER.format(url=url))


def sent(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    """Messages, one a minute from `NOW` on."""
    stamps = {"timestamp": int(NOW) + 60}
    return [message(number, msg="kernel", **(stamps | changes)) for number in numbers]


def volumes(store: Store) -> list[tuple[float, int]]:
    return rows(store, "stat_volume_1h", "timestamp", "volume")


def leave_a_gap() -> None:
    """Let a daemon listen, and another one after half an hour in which nobody does."""
    count("kernel")
    engine = service.build(hubconfig.read())
    engine.start(NOW + HOUR / 2)
    feed(engine, [1], NOW + HOUR / 2, msg="kernel")
    turn(engine, NOW + HOUR / 2)
    engine.stop(NOW + HOUR / 2)


@on_sqlite
def test_without_debts_nothing_is_owed(run: Run) -> None:
    assert run("backlog").stdout == "nothing is owed\n"


@on_sqlite
def test_it_lists_what_is_owed_and_to_whom(run: Run, store: Store) -> None:
    leave_a_gap()
    row = " ".join(run("backlog").stdout.splitlines()[1].split())
    span = "2026-01-01 00:00:00 UTC 2026-01-01 00:30:00 UTC"
    assert row.endswith(f" everybody {span} not listening waiting 0")
    assert "endpoint is not set" in run("backlog").stderr


@on_sqlite
def test_without_a_datagrepper_there_is_nothing_to_run(run: Run) -> None:
    done = run("backlog", "run")
    assert done.exit_code == 1
    assert "set statscache.datagrepper.endpoint" in done.stderr


def test_where_no_daemon_runs_it_does_the_work(
    run: Run, store: Store, archive: Archive, stand_in: Datagrepper
) -> None:
    assert sum(volume for _, volume in volumes(store)) == 2
    archive.add(*sent(*range(2, 50)))
    done = run("backlog", "run")
    assert (done.exit_code, done.exception) == (0, None)
    assert sum(volume for _, volume in volumes(store)) == 50
    (late,) = done.stdout.splitlines()
    assert late.endswith("UTC (not listening): read, its end once more for what comes late")
    assert late.startswith("still owed to everybody: 2026-01-01 00:30:00 UTC to ")
    assert "healed at" in run("backlog", "--all").stdout
    assert done.stderr == ""


@on_sqlite
def test_where_the_daemon_runs_it_waits_for_that(
    run: Run, store: Store, archive: Archive, stand_in: Datagrepper
) -> None:
    archive.add(*sent(*range(2, 50)))
    engine = service.build(hubconfig.read())
    engine.start(time.time())
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(0.05):
            engine.drain(time.time())

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        done = run("backlog", "run")
    finally:
        ended.set()
        ticking.join()
        engine.stop(time.time())
    assert done.stdout.startswith("the daemon runs, and works it off\n")
    assert sum(volume for _, volume in volumes(store)) == 50


@on_sqlite
def test_a_plugin_begins_as_early_as_is_asked_for(
    run: Run, store: Store, archive: Archive, stand_in: Datagrepper
) -> None:
    count("kernel")
    run("backlog", "run")
    archive.add(
        *sent(7, 8, timestamp=int(NOW) - 20 * HOUR), *sent(9, timestamp=int(NOW) - 30 * HOUR)
    )
    since = str(NOW - 24 * HOUR)
    done = run("backlog", "run", "--plugin", "volume-1h", "--since", since, "--until", str(NOW))
    assert done.exit_code == 0
    assert volumes(store)[0] == (NOW - 20 * HOUR, 2)
    assert owed(store, ASKED) == [("volume-1h", NOW - 24 * HOUR, NOW)]
    again = run("backlog", "run", "--plugin", "volume-1h", "--since", since)
    assert again.exit_code == 0
    assert volumes(store)[0] == (NOW - 20 * HOUR, 2)


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "soon"], "'soon' is no time; allowed: epoch seconds"),
        (["--since", "-1h", "--until", "-2h"], "nothing lies between"),
        (["--until", "-2h"], "give it, too"),
        (["--plugin", "volume-1h"], "give it, too"),
        (["--plugin", "nothing-1h", "--since", "-1h"], "there is no statistic nothing-1h"),
    ],
)
def test_nonsense_is_refused(
    run: Run, stand_in: Datagrepper, arguments: list[str], said: str
) -> None:
    done = run("backlog", "run", *arguments)
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert not stand_in.asked


@on_sqlite
def test_an_archive_that_is_none_is_named(run: Run, here: Path, archive: Archive) -> None:
    with Datagrepper(archive, paths=()) as none:
        leave_a_gap()
        configure(here, none.url)
        done = run("backlog", "run")
    assert done.exit_code == 1
    assert "is no datagrepper" in done.stderr


@on_sqlite
def test_what_is_given_up_is_not_waited_for(run: Run, store: Store) -> None:
    leave_a_gap()
    number = run("backlog").stdout.splitlines()[1].split()[0]
    assert run("backlog", "drop", number, "--yes").stdout == "given up: 1\n"
    assert number not in [line.split()[0] for line in run("backlog").stdout.splitlines()]
    assert "given up at" in run("backlog", "--all").stdout
    assert owed(store, NOT_LISTENING)
    done = run("backlog", "drop", number, "--yes")
    assert (done.exit_code, f"nothing is owed under {number}" in done.stderr) == (1, True)
    assert run("backlog", "drop", "--yes").exit_code == 2
    assert run("backlog", "drop", "--all", "--yes").exit_code == 0
    assert run("backlog").stdout == "nothing is owed\n"
