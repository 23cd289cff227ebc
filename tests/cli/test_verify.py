"""`statscache verify`: what it says, and with which exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from datagrepper import Archive, Datagrepper
from guests import on_sqlite
from samples import message

from statscache import hubconfig, service
from statscache.journal import Span
from statscache.store import Store

from .conftest import Run

HOUR = 3_600
IDENT = "volume-1h"


@pytest.fixture
def hour() -> int:
    """The start of a whole hour that ended long enough ago."""
    return int(time.time() - 2 * HOUR) // HOUR * HOUR


@pytest.fixture
def archive(here: Path, hour: int) -> Iterator[Archive]:
    """It has three messages of that hour, and so has the daemon, which has ended."""
    sent = [message(number, msg="kernel", timestamp=hour + 60 * number) for number in range(3)]
    with Datagrepper(Archive(sent)) as served:
        engine = service.build(hubconfig.read())
        engine.start(hour - HOUR)
        for one in sent:
            assert engine.accept(one, one["timestamp"])
        engine.journal.append((), Span(hour - HOUR, time.time()))
        assert engine.drain(time.time())
        engine.stop(time.time())
        # Not before: the engine would begin to read what is older.
        file = here / "fedmsg.d" / "history.py"
        file.write_text(f"config = {{'statscache.datagrepper.endpoint': {served.url!r}}}")
        yield served.archive


def spoil(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE stat_volume_1h SET volume = 7"))


def volumes(store: Store) -> list[int]:
    with store.reading() as connection:
        return [*connection.execute(sa.text("SELECT volume FROM stat_volume_1h")).scalars()]


def asked(hour: int) -> list[str]:
    return ["--since", str(hour), "--until", str(hour + HOUR)]


def test_where_all_is_equal_that_is_said(run: Run, archive: Archive, hour: int) -> None:
    done = run("verify", *asked(hour))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "3,601 windows of 2 statistics compared, from " in done.stdout
    assert done.stdout.endswith("\nnothing differs\n")


def test_a_row_that_differs_is_shown_and_mended(
    run: Run, archive: Archive, hour: int, store: Store
) -> None:
    spoil(store)
    done = run("verify", *asked(hour))
    assert done.exit_code == 1
    assert done.stderr == "Error: what differs is named above; --repair mends it\n"
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(hour))
    assert f"{IDENT}, {stamp}: volume is 7, should be 3\n" in done.stdout
    assert "\n1 rows differ\n" in done.stdout
    done = run("verify", *asked(hour), "--repair")
    assert done.exit_code == 0
    assert "\n1 rows were mended\n" in done.stdout
    assert volumes(store) == [3]


def test_a_message_that_was_never_heard_is_named_and_let_in(
    run: Run, archive: Archive, hour: int, store: Store
) -> None:
    lost = message(77, msg="kernel", timestamp=hour + 300)
    archive.add(lost)
    done = run("verify", IDENT, *asked(hour))
    assert done.exit_code == 1
    assert "volume is 3, should be 4\n  not counted: 00000000-0000-0000-0000-00000000004d\n" in (
        done.stdout
    )
    done = run("verify", IDENT, *asked(hour), "--repair")
    assert done.exit_code == 0, done.output
    assert "\n1 messages were let in, and are counted\n" in done.stdout
    assert volumes(store) == [4]


@on_sqlite
def test_totals_lead_to_the_hours_that_differ(
    run: Run, archive: Archive, hour: int, store: Store
) -> None:
    wide = ["--since", str(hour - HOUR), "--until", str(hour + HOUR), "--totals"]
    done = run("verify", *wide)
    assert done.exit_code == 0
    assert "the totals of 0 of 2 hours differ\n" in done.stdout
    spoil(store)
    done = run("verify", *wide)
    assert done.exit_code == 1
    assert "7 messages are stored in that hour, 3 are in the archive\n" in done.stdout
    assert "volume is 7, should be 3\n" in done.stdout


@on_sqlite
def test_files_serve_as_well(run: Run, archive: Archive, hour: int, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    sent = [message(number, msg="kernel", timestamp=hour + 60 * number) for number in range(4)]
    file.write_text("\n".join(map(json.dumps, sent)))
    done = run("verify", *asked(hour), "--file", str(file))
    assert done.exit_code == 1
    assert "volume is 3, should be 4\n" in done.stdout
    file.write_text("no message\n")
    done = run("verify", *asked(hour), "--file", str(file))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {file}, line 1: ")


@on_sqlite
def test_no_more_rows_are_shown_than_asked_for(
    run: Run, archive: Archive, hour: int, store: Store
) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE stat_fussy_1s SET volume = 7"))
    said = run("verify", *asked(hour), "--limit", "1").stdout
    assert said.count("should be") == 1
    assert "\n2 more rows differ; --limit shows more\n" in said


@on_sqlite
def test_a_gap_is_said_and_has_an_exit_code_of_its_own(
    run: Run, archive: Archive, hour: int
) -> None:
    done = run("verify", "--since", str(hour - 3 * HOUR), "--until", str(hour + HOUR))
    assert done.exit_code == 3
    assert "not compared, a gap is open there: run `statscache backlog run`: " in done.stdout
    assert done.stdout.endswith("\nnothing differs\n")


@on_sqlite
def test_an_archive_that_is_away_is_one_line(
    run: Run, here: Path, archive: Archive, hour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statscache.service.PATIENCE", 0.1)
    file = here / "fedmsg.d" / "history.py"
    file.write_text("config = {'statscache.datagrepper.endpoint': 'http://127.0.0.1:9/'}")
    for way in ([], ["--totals"], ["--repair"]):
        done = run("verify", *asked(hour), *way)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: the history from ")
        assert done.stderr.count("\n") == 1


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ([], 1, "set statscache.datagrepper.endpoint to the base URL"),
        (["--totals"], 2, "--totals asks datagrepper"),
        (["--since", "yesterday"], 2, "'yesterday' is no time"),
        (["nobody", "--file", __file__], 1, "there is no statistic nobody"),
        (["--since", "now", "--file", __file__], 2, "nothing lies between"),
    ],
    ids=str,
)
def test_a_wrong_call_is_told(run: Run, arguments: list[str], code: int, named: str) -> None:
    done = run("verify", *arguments)
    assert done.exit_code == code
    assert named in done.stderr
