"""`statscache plugins`: what is installed, how far it is, and rows that are counted anew."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from datagrepper import Archive, Datagrepper
from guests import counted, letters, on_sqlite, once, rows, suspend
from samples import NOW, message

from statscache.store import Store, tables
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING

from .conftest import FUSSY, Run, count

ENDPOINT = 'config = {{"statscache.datagrepper.endpoint": {!r}}}'


@pytest.fixture
def stand_in(here: Path) -> Iterator[Datagrepper]:
    """A datagrepper that the settings name, with what the daemon had heard."""
    archive = Archive([message(number, msg="kernel") for number in range(3)])
    with Datagrepper(archive) as serving:
        configure(here, serving.url)
        yield serving


def configure(here: Path, endpoint: str) -> None:
    (here / "fedmsg.d" / "datagrepper.py").write_text(ENDPOINT.format(endpoint))


def owe(store: Store, **values: Any) -> None:
    with store.writing() as connection:
        connection.execute(sa.insert(tables.owed).values(opened=0, **values))


def columns(said: str, ident: str) -> list[str]:
    """The words of the line of that statistic."""
    return next(line.split() for line in said.splitlines() if line.split()[0] == ident)


def test_each_statistic_tells_how_far_it_is(run: Run) -> None:
    count("kernel", "a", "b")
    said = run("plugins").stdout
    assert said.splitlines()[0].split() == [
        *("ident", "from", "version", "state", "counted", "expired"),
        *("dead", "letters", "lag", "complete", "until", "history"),
    ]
    ours = version("statscache")
    assert columns(said, FUSSY)[:7] == [FUSSY, "fussy-statistics", "1", "on", "1", "0", "2"]
    assert columns(said, "volume-1h")[:7] == ["volume-1h", "statscache", ours, "on", "3", "0", "0"]
    assert columns(said, "volume-1d")[:4] == ["volume-1d", "statscache", ours, "off:"]


@on_sqlite
def test_what_is_off_says_why(run: Run, here: Path) -> None:
    for enabled, disabled, reason in [
        (["fussy-*"], [], "statscache.plugins.enabled does not name it"),
        (["*"], [], "the defaults leave it out"),
        (
            ["*", "volume-*"],
            ["volume-1?", "*user-1d"],
            "statscache.plugins.disabled has '*user-1d'",
        ),
    ]:
        values = {"enabled": enabled, "disabled": disabled}
        settings = {f"statscache.plugins.{name}": value for name, value in values.items()}
        (here / "fedmsg.d" / "which.py").write_text(f"config = {settings!r}")
        said = columns(run("plugins").stdout, "volume-by-user-1d")
        assert " ".join(said[3:]) == f"off: {reason}"


@on_sqlite
def test_how_far_counting_lags_is_told_beside_what_is_not_complete(run: Run, store: Store) -> None:
    count("kernel", "a")
    said, now = run("plugins").stdout, time.time()
    lag = float(re.findall(r" ([\d,]+) s  ", next(
        line for line in said.splitlines() if FUSSY in line
    ))[0].replace(",", ""))  # fmt: skip
    # A dead letter ends what is complete, a minute before that was counted.
    assert lag == pytest.approx(now - NOW, abs=20)
    assert ages(said, FUSSY) == pytest.approx(lag + 60, abs=20)


@on_sqlite
def test_single_files_are_listed_by_their_names(run: Run, here: Path) -> None:
    (here / "files").mkdir()
    lone = "from statscache.plugins import *\nclass Lone(BasePlugin):\n    name = 'fussy-lone'\n"
    (here / "files" / "lone.py").write_text(lone)
    (here / "files" / "broken.py").write_text("1 / 0")
    where = "config = {'statscache.plugins.dir': 'files'}"
    (here / "fedmsg.d" / "files.py").write_text(where)
    said = run("plugins").stdout
    assert columns(said, "fussy-lone") == ["fussy-lone", "lone.py", "new"]
    assert " ".join(columns(said, "broken")) == (
        "broken broken.py skipped: it cannot be imported (ZeroDivisionError: division by zero)"
    )


@on_sqlite
def test_settings_that_plugins_declare_are_told(run: Run, here: Path) -> None:
    (here / "files").mkdir()
    (here / "files" / "lone.py").write_text(
        "from statscache.plugins import *\n"
        "class Lone(BasePlugin):\n"
        "    name = 'fussy-lone'\n"
        "    settings = (Setting('least', 3, checks.whole_number(0, 9), 'the least [bold]'),)\n"
    )
    values = {"statscache.plugins.dir": "files", "statscache.lone.least": 5}
    (here / "fedmsg.d" / "files.py").write_text(f"config = {values!r}")
    assert columns(run("plugins", "settings").stdout, "statscache.lone.least") == [
        *("statscache.lone.least", "5", "3", "the", "least", "[bold]")
    ]


def test_one_that_has_never_counted_is_new(run: Run) -> None:
    assert columns(run("plugins").stdout, FUSSY) == [FUSSY, "fussy-statistics", "1", "new"]


@on_sqlite
def test_what_is_skipped_or_suspended_says_why_in_its_own_words(
    run: Run, here: Path, store: Store
) -> None:
    count("kernel")
    suspend(store, FUSSY, "ValueError: [bold] :smile: [/nope]")
    packages = here.parent / "packages"
    point = packages / "fussy-1.dist-info" / "entry_points.txt"
    point.write_text(point.read_text() + "evil = evil:Evil\n")
    (packages / "evil.py").write_text("raise ImportError('\\x1b[31m [/nope]')")
    said = run("plugins").stdout
    assert "suspended: ValueError: [bold] :smile: [/nope]" in said
    assert r"skipped: it cannot be imported (ImportError: \x1b[31m [/nope])" in said


def ages(said: str, ident: str) -> float:
    """How long ago it was complete, in seconds."""
    line = next(one for one in said.splitlines() if one.split()[0] == ident)
    return float(re.findall(r"([\d,]+) s ago", line)[0].replace(",", ""))


def test_a_gap_and_a_dead_letter_end_what_is_complete(run: Run, store: Store) -> None:
    count("kernel", "a")
    owe(store, addressee="volume-1h", start=NOW - 5_000, stop=NOW, reason=NOT_LISTENING)
    said, now = run("plugins").stdout, time.time()
    # A message of the tests was sent a minute before.
    assert ages(said, FUSSY) == pytest.approx(now - NOW + 60, abs=20)
    assert ages(said, "volume-1h") == pytest.approx(now - NOW + 5_000, abs=20)


@on_sqlite
def test_history_that_is_read_is_told_where_there_is_any(
    run: Run, here: Path, store: Store
) -> None:
    count("kernel")
    with store.writing() as connection:
        connection.execute(sa.delete(tables.owed))
    span = {"start": NOW - 1_000, "stop": NOW, "reached": NOW - 380}
    owe(store, addressee="volume-1h", reason=BEFORE_THE_PLUGIN, **span)
    assert "%" not in run("plugins").stdout
    configure(here, "http://localhost:1/datagrepper")
    said = run("plugins").stdout
    assert said.count("62 % (to 2025-12-31 23:53:40 UTC)") == 1
    assert "%" in next(line for line in said.splitlines() if "volume-1h" in line)


# -- reset -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--since", str(NOW - 100)]])
def test_rows_are_deleted_and_counted_anew(
    run: Run, store: Store, stand_in: Datagrepper, options: list[str]
) -> None:
    count("kernel", "kernel", "kernel")
    before = rows(store, "stat_volume_1h", "timestamp", "volume")
    done = run("plugins", "reset", FUSSY, "volume-1h", "--yes", *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert re.fullmatch(
        r"(fussy-1s|volume-1h): what was sent from .* UTC on is owed to it\n"
        r"(fussy-1s|volume-1h): what was sent from .* UTC on is owed to it\n",
        done.stdout,
    )
    assert counted(store, FUSSY) == once([])
    assert rows(store, "stat_volume_1h", "timestamp", "volume") == []
    assert run("backlog", "run").exit_code == 0
    assert counted(store, FUSSY) == once(range(3))
    assert rows(store, "stat_volume_1h", "timestamp", "volume") == before


@on_sqlite
def test_nothing_is_deleted_without_a_yes(run: Run, store: Store, stand_in: Datagrepper) -> None:
    count("kernel")
    done = run("plugins", "reset", FUSSY, input="n\n")
    assert "Delete all rows of fussy-1s?" in done.stdout
    assert done.exit_code == 1
    assert counted(store, FUSSY) == once([0])


@on_sqlite
def test_nothing_is_deleted_without_a_history_unless_that_is_what_is_wanted(
    run: Run, here: Path, store: Store
) -> None:
    count("kernel", "a")
    done = run("plugins", "reset", FUSSY, "--yes")
    assert done.exit_code == 1
    assert "set statscache.datagrepper.endpoint" in done.stderr
    assert counted(store, FUSSY) == once([0])
    assert run("plugins", "reset", FUSSY, "--yes", "--without-history").exit_code == 0
    assert counted(store, FUSSY) == once([])
    assert letters(store, FUSSY) == {}


@on_sqlite
def test_what_a_replay_had_brought_can_be_replayed_again(
    run: Run, here: Path, store: Store
) -> None:
    count("kernel")
    lines = (here / "messages.jsonl").open("w")
    with lines:
        for number in range(3):
            lines.write(f"{json.dumps(message(number, msg='kernel'))}\n")
    for _ in range(2):
        assert run("replay", "--plugin", FUSSY, "messages.jsonl").exit_code == 0
        assert counted(store, FUSSY) == once(range(3))
        assert run("plugins", "reset", FUSSY, "--yes", "--without-history").exit_code == 0
        assert counted(store, FUSSY) == once([])


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Missing argument"),
        (["nobody-1h"], 1, "nobody-1h does not count here"),
        ([FUSSY, "volume-1d"], 1, "volume-1d does not count here"),
        ([FUSSY, "--since", "soon"], 2, "'soon' is no time"),
        ([FUSSY, "--since", "2999-01-01"], 2, "nothing was sent since 2999-01-01 00:00:00 UTC"),
    ],
)
def test_a_call_that_cannot_be_meant_deletes_nothing(
    run: Run, store: Store, stand_in: Datagrepper, arguments: list[str], code: int, said: str
) -> None:
    count("kernel")
    done = run("plugins", "reset", "--yes", *arguments)
    assert (done.exit_code, said in done.stderr) == (code, True)
    # While it was counted, some of the history may have been brought.
    assert counted(store, FUSSY) >= once([0])
