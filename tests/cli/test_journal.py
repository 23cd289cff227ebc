"""`statscache journal`: what is in it, and the way back when it is damaged."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from guests import feed, on_sqlite, owed, suspend
from samples import NOW

from statscache import hubconfig, service
from statscache.journal import Journal
from statscache.store import Store
from statscache.store.tables import JOURNAL_DAMAGED

from .conftest import FUSSY, Run, count

WHOLE = "journal.sqlite is whole, and was left as it is\n"


def spoil(journal: Path, *positions: int) -> None:
    """Change the bodies at these positions, as a bad disk would."""
    with closing(sqlite3.connect(journal)) as connection:
        for position in positions:
            connection.execute("UPDATE entry SET body = x'00' WHERE position = ?", (position,))
        connection.commit()


@on_sqlite
def test_it_is_shown_while_a_daemon_runs(run: Run) -> None:
    engine = service.build(hubconfig.read())
    engine.start(NOW)
    feed(engine, range(3))
    said = run("journal", "show").stdout
    engine.stop(NOW)
    assert "positions 1 to 3, " in said
    assert "3 entries wait to be counted or trimmed; 3 ids are known" in said
    assert "listened from 2026-01-01 00:00:00 UTC to 2026-01-01 00:00:00 UTC" in said


@on_sqlite
def test_showing_makes_none_where_there_is_none(run: Run, here: Path) -> None:
    for command in ("show", "repair"):
        done = run("journal", command)
        assert (done.exit_code, "there is no journal" in done.stderr) == (1, True)
    assert not list(here.glob("journal.sqlite*"))


@on_sqlite
def test_a_whole_journal_is_not_repaired(run: Run, here: Path) -> None:
    count("kernel")
    assert run("journal", "repair").stdout.endswith(WHOLE)
    assert not list(here.glob("journal.sqlite.*damaged*"))


def test_repairing_tells_what_is_saved_what_is_lost_and_what_is_owed(
    run: Run, here: Path, store: Store
) -> None:
    count("kernel")
    suspend(store, FUSSY, "it is ill")
    count("kernel", "kernel", start=1)
    suspend(store, "volume-1h", "it is ill, too")
    count("kernel", "kernel", start=3)
    spoil(here / "journal.sqlite", 2, 4)
    said = run("journal", "repair").stdout
    span = "what came from 2026-01-01 00:00:00 UTC to 2026-01-01 00:00:01 UTC"
    damaged, *lines = said.splitlines()
    pattern = (
        r".*/journal\.sqlite was damaged \((.*)\), and is now .*/journal\.sqlite\.damaged-\w+Z"
    )
    assert re.fullmatch(pattern, damaged)[1] == "position 2 is not what was written"
    assert lines == [
        "2 entries and 4 ids are saved",
        "2 entries that not all statistics had counted are lost: position 2, position 4",
        "1 of them no statistic had counted",
        f"{FUSSY}: {span} may be missing, and is owed",
        f"volume-1h: {span} may be missing, and is owed",
    ]
    assert {ident for ident, *_ in owed(store, JOURNAL_DAMAGED)} == {FUSSY, "volume-1h"}
    assert run("journal", "repair").stdout.endswith(WHOLE)


@on_sqlite
def test_a_journal_that_a_daemon_holds_is_not_repaired(run: Run, here: Path) -> None:
    count("kernel")
    with closing(Journal(here / "journal.sqlite")):
        done = run("journal", "repair")
    assert done.exit_code == 1
    assert "is held by" in done.stderr
