"""`statscache replay`: what it tells, and its exit codes."""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from guests import feed, on_sqlite, rows, suspend
from samples import message

from statscache import hubconfig, service
from statscache.cli.replay import INTERRUPTED, SHOWN
from statscache.journal import Journal
from statscache.replay import entrance
from statscache.store import Store

from .conftest import FUSSY, Run

SPEED = r"in [\d,.]+ s, [\d,]+ a second"
SECONDS = 30
COMMAND = [sys.executable, "-c", "from statscache.cli import main; main()", "replay"]


def sent(*numbers: int, **changes: Any) -> list[dict[str, Any]]:
    """Messages of the last minutes that the plugin can digest."""
    now = int(time.time())
    return [message(one, timestamp=now - one % 99, msg="kernel", **changes) for one in numbers]


def record(path: Path, messages: Iterable[Any]) -> str:
    """Write them into a file, one a line; its name."""
    path.write_text("".join(json.dumps(one) + "\n" for one in messages))
    return path.name


def counted(store: Store, ident: str = "volume-1h") -> int:
    return sum(row[0] for row in rows(store, f"stat_{ident.replace('-', '_')}", "volume"))


def said(output: str) -> list[str]:
    """Its lines, without how long it took."""
    return [re.sub(f" {SPEED}", "", line) for line in output.splitlines()]


def test_files_are_counted_once_and_it_says_what_became_of_them(
    run: Run, here: Path, store: Store
) -> None:
    files = [record(here / "a", sent(1, 2, 3)), record(here / "b", sent(3, 4))]
    done = run("replay", *files)
    assert re.match(rf"5 messages {SPEED}\n", done.stdout)
    assert said(done.stdout) == ["5 messages", "4 new, 1 already known", "all are counted"]
    assert (done.exit_code, done.stderr, counted(store)) == (0, "", 4)
    done = run("replay", *files)
    assert said(done.stdout) == ["5 messages", "0 new, 5 already known", "all are counted"]
    assert (done.exit_code, counted(store)) == (0, 4)


@on_sqlite
def test_beside_a_daemon_the_daemon_counts(run: Run, here: Path, store: Store) -> None:
    engine = service.build(hubconfig.read())
    engine.start(time.time())
    feed(engine, [1], time.time(), msg="kernel")
    done = run("replay", record(here / "a", sent(1, 2)))
    assert said(done.stdout)[1:] == ["1 new, 1 already known", "the daemon counts them"]
    assert (done.exit_code, counted(store)) == (0, 0)
    engine.drain(time.time())
    assert counted(store) == 2
    engine.stop(time.time())


@on_sqlite
def test_standard_input_and_packed_files(here: Path) -> None:
    (here / "a.gz").write_bytes(gzip.compress(json.dumps(sent(1)[0]).encode()))
    text = json.dumps(sent(2)[0])
    done = subprocess.run(
        [*COMMAND, "a.gz", "-"], input=text, capture_output=True, text=True, check=True
    )
    assert said(done.stdout)[:2] == ["2 messages", "2 new, 0 already known"]


# -- only tell, only some ------------------------------------------------------------------------


@on_sqlite
def test_a_dry_run_only_tells(run: Run, here: Path, store: Store) -> None:
    files = [record(here / "a", [*sent(1, 2, 2), {"topic": ""}])]
    done = run("replay", "--dry-run", *files)
    account = ["4 messages", "2 new, 1 already known", "1 refused: no topic", "nothing was written"]
    assert said(done.stdout) == account
    assert (done.exit_code, list(here.glob("journal*"))) == (1, [])
    run("replay", *files)
    done = run("replay", "--dry-run", record(here / "b", sent(2, 3)))
    assert said(done.stdout)[1:] == ["1 new, 1 already known", "nothing was written"]
    assert (done.exit_code, counted(store)) == (0, 2)


@on_sqlite
def test_into_some_statistics_only(run: Run, here: Path, store: Store) -> None:
    run("replay", record(here / "a", sent(1)))
    files = [record(here / "b", sent(1, 2, 3))]
    done = run("replay", "--plugin", "volume-1h", "--plugin", "volume-1h", *files)
    assert said(done.stdout)[:2] == ["3 messages", "3 new, 0 already known"]
    assert (counted(store), counted(store, FUSSY)) == (3, 1)
    done = run("replay", "--plugin", "volume-1h", "--plugin", FUSSY, *files)
    assert said(done.stdout)[:2] == [
        "3 messages for each of 2 statistics",
        "3 new, 3 already known",
    ]
    assert (counted(store), counted(store, FUSSY)) == (3, 3)


@on_sqlite
def test_a_statistic_that_does_not_run_is_named_before_anything_is_read(
    run: Run, here: Path, store: Store
) -> None:
    files = [record(here / "a", sent(1))]
    run("replay", *files)
    suspend(store, FUSSY, "it is ill")
    refused = {
        "volume-9h": "there is no statistic {}",
        "volume-1d": "{} is off",
        FUSSY: "{} is suspended",
    }
    for ident, reason in refused.items():
        done = run("replay", "--plugin", "volume-1h", "--plugin", ident, *files)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: {reason}".format(ident))
    assert counted(store) == 1


# -- what is left out ----------------------------------------------------------------------------


@on_sqlite
def test_broken_lines_are_named_and_left_out(run: Run, here: Path, store: Store) -> None:
    path = here / "a"
    record(path, sent(1, 2, 3))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{torn", lines[1], "torn}", '"text"', lines[2]]))
    done = run("replay", "a")
    assert said(done.stdout) == [
        "3 messages",
        "3 new, 0 already known",
        "3 could not be read",
        "all are counted",
    ]
    *named, error = done.stderr.splitlines()
    assert [line.split(":")[0] for line in named] == [f"a, line {one}" for one in (2, 4, 5)]
    assert error == "Error: what is named above was left out"
    assert (done.exit_code, counted(store)) == (1, 3)


@on_sqlite
def test_it_stops_at_the_first_broken_line_if_it_is_told_to(
    run: Run, here: Path, store: Store
) -> None:
    path = here / "a"
    record(path, sent(1, 2))
    path.write_text(path.read_text().replace("\n", "\n{torn\n", 1))
    done = run("replay", "--stop", "a")
    assert (done.exit_code, done.stderr.startswith("Error: a, line 2: ")) == (1, True)
    assert said(done.stdout) == ["1 message", "1 new, 0 already known"]
    assert counted(store) == 1


@on_sqlite
def test_very_many_broken_lines_are_not_all_named(run: Run, here: Path) -> None:
    (here / "a").write_text("{torn\n" * (SHOWN + 5))
    done = run("replay", "a")
    assert len(done.stderr.splitlines()) == SHOWN + 2
    assert f"{SHOWN + 5} could not be read" in done.stdout


@on_sqlite
def test_bad_files_are_named(run: Run, here: Path) -> None:
    (here / "folder").mkdir()
    (here / "empty").touch()
    packed = gzip.compress("".join(json.dumps(one) + "\n" for one in sent(1, 2)).encode())
    (here / "cut.gz").write_bytes(packed[:-20])
    (here / "latin").write_bytes('{"topic": "ä"}\n'.encode("latin-1"))
    for name, code in {"folder": 2, "missing": 2, "empty": 1, "cut.gz": 1, "latin": 1}.items():
        done = run("replay", name)
        assert (name, done.exit_code) == (name, code)
        assert name in done.stderr


# -- on a terminal, and interrupted --------------------------------------------------------------


@on_sqlite
def test_it_shows_how_far_it_is_on_a_terminal_only(here: Path) -> None:
    record(here / "a", sent(*range(3_000)))
    ours, theirs = pty.openpty()
    command = subprocess.Popen([*COMMAND, "a"], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    output, _ = command.communicate(timeout=SECONDS)
    assert command.returncode == 0
    assert b"3,000 messages, " in shown
    assert said(output.decode())[1:] == ["3,000 new, 0 already known", "all are counted"]


@on_sqlite
def test_ctrl_c_ends_it_and_what_was_brought_is_said(here: Path, store: Store) -> None:
    read, write = os.pipe()
    command = start("-", stdin=read)
    os.close(read)
    with open(write, "w") as pipe:
        pipe.writelines(json.dumps(one) + "\n" for one in sent(*range(30_000)))
        pipe.flush()
        until = time.monotonic() + SECONDS
        while not counted_by_now(store):
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(command.pid, signal.SIGINT)  # as a terminal does
        output, errors = command.communicate(timeout=SECONDS)
    assert (command.returncode, errors) == (INTERRUPTED, "")
    number, brought, ending = said(output)
    assert re.fullmatch(r"\d+,000 messages", number)
    assert brought == f"{number.split()[0]} new, 0 already known"
    assert ending == "interrupted: run it again for the rest"
    with closing(Journal(here / "journal.sqlite")) as journal:
        untold = journal.ids() - int(number.split()[0].replace(",", ""))
    # The step that was under way may have been written already.
    assert untold in (0, entrance.TOGETHER)


# -- who counts ----------------------------------------------------------------------------------


@on_sqlite
def test_what_is_wrong_where_it_is_counted_is_said_once(run: Run, here: Path) -> None:
    files = [record(here / "a", sent(1))]
    assert run("replay", *files).exit_code == 0
    (here / "journal.sqlite").unlink()
    done = run("replay", *files)
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: .* is fed from the journal .*\n", done.stderr)


@on_sqlite
def test_what_the_counting_process_has_to_say_is_passed_on(run: Run, here: Path) -> None:
    (poison,) = sent(1)
    done = run("replay", record(here / "a", [poison | {"msg": "coffee"}]))
    assert "fussy-1s cannot digest message" in done.stderr
    assert (done.exit_code, said(done.stdout)[-1]) == (0, "all are counted")


@on_sqlite
def test_the_time_of_it_is_no_time_of_listening(run: Run, here: Path) -> None:
    run("replay", record(here / "a", sent(1)))
    with closing(Journal(here / "journal.sqlite")) as journal:
        ((start, stop),) = journal.spans()
    assert start == stop


@on_sqlite
def test_when_the_counting_process_is_killed_it_says_so_and_the_next_one_counts(
    run: Run, here: Path, store: Store
) -> None:
    read, write = os.pipe()
    command = start("-", stdin=read)
    os.close(read)
    with open(write, "w") as pipe:
        pipe.write(json.dumps(sent(1)[0]) + "\n")
        pipe.flush()
        os.kill(child_of(command), signal.SIGKILL)
    output, errors = command.communicate(timeout=SECONDS)
    assert command.returncode == 1
    assert "ended by signal 9" in errors or "before it began" in errors
    assert "all are counted" not in output
    assert run("replay", record(here / "a", sent(1, 2))).exit_code == 0
    assert counted(store) == 2


@pytest.mark.slow
@on_sqlite
def test_whatever_is_killed_each_message_is_counted_once(here: Path, store: Store) -> None:
    record(here / "a", sent(*range(20_000)))
    random, cut_off = Random(5), 0
    for number in range(12):
        command = start("a")
        child = child_of(command)
        time.sleep(random.uniform(0, 5))
        for victim in ((command.pid,), (child,), (child, command.pid))[number % 3]:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        output, _ = command.communicate(timeout=SECONDS)
        cut_off += "all are counted" not in output
    assert cut_off
    output, errors = start("a").communicate(timeout=SECONDS)
    assert (said(output)[-1], errors) == ("all are counted", "")
    assert counted(store) == 20_000


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start it in a group of its own, as a shell does."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*COMMAND, *arguments], text=True, process_group=0, **pipes, **options)


def child_of(command: subprocess.Popen[str]) -> int:
    """The process that counts for it, as soon as there is one."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for task in Path(f"/proc/{command.pid}/task").iterdir():
            children = (task / "children").read_text().split()
            if children:
                return int(children[0])
        time.sleep(0.01)
    raise AssertionError("it has started no process")


def counted_by_now(store: Store) -> int:
    with suppress(Exception):
        return counted(store)
    return 0
