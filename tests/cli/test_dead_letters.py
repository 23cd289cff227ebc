"""`statscache dead-letters`: list, show, retry, drop."""

from __future__ import annotations

import os
import pty
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from guests import checkpoint, counted, letters, on_postgresql, on_sqlite, once
from samples import NOW, message

from statscache.message import entry
from statscache.store import Store, deadletters, progress

from .conftest import FUSSY, Run, count

EVIL = "\x1b[31m\r\n2 volume-1h [bold]\u202e :smile: \x9b2J\ud83d[/nope]"


@pytest.fixture
def three(here: Path) -> None:
    """Three dead letters, the ids of which are 1, 2 and 3; one other message is counted."""
    count("a", "b", "c", "kernel")


def ids(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(deadletters.numbers(connection))


def mend() -> None:
    Path("mended").touch()


# -- list and show ---------------------------------------------------------------------------------


def test_all_are_listed_the_newest_first(run: Run, three: None) -> None:
    done = run("dead-letters", "list")
    assert done.exit_code == 0
    assert re.findall(r"^ (\d) +fussy-1s .* UTC +1 .*ValueError: (.)", done.stdout, re.M) == [
        ("3", "c"),
        ("2", "b"),
        ("1", "a"),
    ]
    assert "fussy-1s: 3 dead letters\n" in done.stdout


@on_sqlite
def test_a_limit_leaves_the_oldest_out_and_says_so(run: Run, three: None) -> None:
    said = run("dead-letters", "list", "--limit", "1").stdout
    assert "ValueError: c" in said
    assert "ValueError: b" not in said
    assert "fussy-1s: 3 dead letters\nthe newest 1 are listed; --limit lists more\n" in said


@on_sqlite
def test_the_letters_of_one_statistic_are_listed(run: Run, three: None, store: Store) -> None:
    add(store, "volume-1h", "topic")
    said = run("dead-letters", "list", "--plugin", "volume-1h").stdout
    assert "ValueError: of volume-1h" in said
    assert "fussy" not in said


def add(store: Store, ident: str, topic: str) -> None:
    made = entry(message(9, topic=topic), NOW, maximum_future=60, maximum_bytes=10_000)
    with store.writing() as connection:
        deadletters.add(connection, ident, made, ValueError(f"of {ident}"), NOW)


@on_sqlite
def test_nothing_is_cut_off_where_nobody_looks(run: Run, three: None, store: Store) -> None:
    topic = "org." + "long" * 60
    add(store, FUSSY, topic)
    assert topic in run("dead-letters", "list").stdout


@on_sqlite
def test_without_any_that_is_said(run: Run) -> None:
    for command in (["list"], ["retry", "--all"], ["drop", "--all"]):
        done = run("dead-letters", *command)
        assert (done.exit_code, done.stdout) == (0, "there are no dead letters\n")


@on_sqlite
def test_all_of_one_is_shown(run: Run, three: None) -> None:
    said = run("dead-letters", "show", "2").stdout
    for line in (
        "plugin     fussy-1s\n",
        f"topic      {message()['topic']}\n",
        "time       2025-12-31 23:59:00 UTC\n",
        "arrived    2026-01-01 00:00:00 UTC\n",
        "set aside  2026-01-01 00:00:00 UTC\n",
        "attempts   1\n",
        "error      ValueError: b\n",
        '\n  "msg": "b",\n',
        "\n  Traceback (most recent call last):\n",
        '\n      raise ValueError(message["msg"])\n  ValueError: b\n',
    ):
        assert line in said


@on_sqlite
def test_what_a_message_holds_forges_no_line_and_steers_no_terminal(run: Run, store: Store) -> None:
    count(EVIL)
    add(store, FUSSY, f"org.{EVIL}")
    for command in (["list"], ["show", "1"], ["show", "2"], ["retry", "1"], ["drop", "1", "--yes"]):
        done = run("dead-letters", *command)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        assert not re.search(r"[^\n\x20-\x7e]", done.stdout)
        assert not re.search(r"^2 volume-1h", done.stdout, re.M)


@on_sqlite
def test_brackets_and_colons_are_shown_as_they_are(run: Run, here: Path) -> None:
    count("[bold] :smile: [/nope]")
    assert "ValueError: [bold] :smile: [/nope]" in run("dead-letters", "list").stdout
    done = run("dead-letters", "retry", "1")
    assert "failed again: ValueError: [bold] :smile: [/nope]" in done.stdout


# -- retry and drop --------------------------------------------------------------------------------


def test_what_a_mended_plugin_counts_is_a_dead_letter_no_more(
    run: Run, three: None, store: Store
) -> None:
    mend()
    done = run("dead-letters", "retry", "--all")
    assert (done.exit_code, done.stdout) == (0, "3 counted\n")
    assert counted(store, FUSSY) == once(range(4))
    assert not letters(store, FUSSY)
    with store.reading() as connection:
        found = progress.read(connection, FUSSY)
    assert found
    assert found.complete_until == checkpoint(store, FUSSY).complete_until == NOW


def test_what_fails_again_is_told_and_gives_the_exit_code_1(
    run: Run, three: None, store: Store
) -> None:
    done = run("dead-letters", "retry", "1", "3")
    assert done.exit_code == 1
    assert done.stdout == (
        "1 of fussy-1s failed again: ValueError: a\n"
        "3 of fussy-1s failed again: ValueError: c\n"
        "2 failed again\n"
    )
    assert "Error: what failed again is kept; see `statscache dead-letters show`" in done.stderr
    assert sorted(letter["attempts"] for letter in letters(store, FUSSY).values()) == [1, 2, 2]


def test_those_that_are_dropped_are_gone_and_no_others(run: Run, three: None, store: Store) -> None:
    revision = checkpoint(store, FUSSY).revision
    done = run("dead-letters", "drop", "1", "3", "--yes")
    assert (done.exit_code, done.stdout) == (
        0,
        "fussy-1s: 2 dead letters\ndropped 2 dead letters\n",
    )
    assert ids(store) == [2]
    assert checkpoint(store, FUSSY).revision == revision + 1
    mend()
    run("dead-letters", "retry", "--all")
    assert counted(store, FUSSY) == once([1, 3])


@on_sqlite
@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", [1, 2, 3]), ("", [1, 2, 3])])
def test_dropping_is_asked_for(
    run: Run, three: None, store: Store, answer: str, left: list[int]
) -> None:
    done = run("dead-letters", "drop", "--plugin", FUSSY, input=answer)
    assert done.exit_code == bool(left)
    assert "fussy-1s: 3 dead letters\nThey will never be counted. Drop them?" in done.stdout
    assert ids(store) == left


@on_sqlite
@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize("choice", [[], ["1", "--all"], ["--plugin", FUSSY, "1"]], ids=str)
def test_a_choice_has_to_be_made_and_only_one(
    run: Run, three: None, store: Store, command: str, choice: list[str]
) -> None:
    done = run("dead-letters", command, *choice)
    assert done.exit_code == 2
    assert "choose: either ids, or --plugin IDENT, or --all" in done.stderr
    assert ids(store) == [1, 2, 3]


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["retry", "1", "77", "78"], "there is no dead letter 77, 78;"),
        (["drop", "--yes", "1", "77"], "there is no dead letter 77;"),
        (["show", "77"], "there is no dead letter 77;"),
        (["retry", "--plugin", FUSSY, "--plugin", "nobody"], "nobody has never counted"),
        (["drop", "--yes", "--plugin", "nobody"], "nobody has never counted"),
        (["list", "--plugin", "nobody"], "nobody has never counted"),
    ],
)
def test_what_nobody_knows_is_named_and_nothing_is_done(
    run: Run, three: None, store: Store, arguments: list[str], named: str
) -> None:
    mend()
    done = run("dead-letters", *arguments)
    assert done.exit_code == 1
    assert named in done.stderr
    assert ids(store) == [1, 2, 3]


@on_sqlite
def test_letters_of_a_plugin_that_is_off_can_only_be_dropped(
    run: Run, three: None, here: Path, store: Store
) -> None:
    mend()
    file = here / "fedmsg.d" / "statscache.py"
    file.write_text(file.read_text().replace('"fussy-*", ', ""))
    done = run("dead-letters", "retry", "--all")
    assert done.exit_code == 1
    assert "fussy-1s is switched off, or not installed, or skipped" in done.stderr
    assert ids(store) == [1, 2, 3]
    assert run("dead-letters", "drop", "--all", "--yes").exit_code == 0
    assert not letters(store, FUSSY)


@on_sqlite
def test_a_database_that_is_away_is_said_and_nothing_is_changed(
    run: Run, three: None, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend()
    monkeypatch.setattr("statscache.store.database.BUSY_SECONDS", 0.1)
    other = sqlite3.connect(store.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = run("dead-letters", "retry", "--all")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the database is away: database is locked" in done.stderr
    other.close()
    assert ids(store) == [1, 2, 3]


@on_postgresql
def test_a_database_without_our_tables_is_an_error_that_names_the_cure(
    run: Run, store: Store
) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("DELETE FROM statscache_version"))
    done = run("dead-letters", "list")
    assert done.exit_code == 1
    assert "run `statscache db upgrade`" in done.stderr


@on_sqlite
def test_a_bar_shows_the_progress_on_a_terminal_only(here: Path, three: None) -> None:
    mend()
    ours, theirs = pty.openpty()
    command = [Path(sys.executable).parent / "statscache", "dead-letters", "retry", "--all"]
    packages = str(here.parent / "packages")
    environment = {**os.environ, "PYTHONPATH": packages, "TERM": "xterm"}
    done = subprocess.run(command, stdout=theirs, env=environment, check=False, timeout=60)
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "Retrying" in said
    assert said.endswith("3 counted\r\n")
