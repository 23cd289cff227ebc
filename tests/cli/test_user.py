"""`statscache user`: export, erase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from guests import feed, on_sqlite, rows, turn
from samples import NOW

from statscache import hubconfig, service
from statscache.store import Store

from .conftest import Run

CONFIG = """
config = {
    "statscache.plugins.enabled": ["fussy-*", "volume-1h", "volume-by-user-1d"],
}
"""
BY_USER = "stat_volume_by_user_1d"


@pytest.fixture
def two(here: Path) -> None:
    """Two messages about kevin and one about mina, counted; one of his is a dead letter, too."""
    (here / "fedmsg.d" / "users.py").write_text(CONFIG)
    engine = service.build(hubconfig.read())
    engine.start(NOW)
    for number, who in enumerate(("kevin", "mina", "kevin")):
        feed(engine, [number], topic="org.fedoraproject.prod.fas.user.update", msg={"user": who})
    turn(engine)
    engine.stop(NOW)


def users(store: Store) -> list[tuple[str, int]]:
    return rows(store, BY_USER, '"user"', "volume")


def test_what_is_kept_is_printed_as_json_lines(run: Run, two: None) -> None:
    done = run("user", "export", "kevin")
    assert done.exit_code == 0
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0] == {
        "from": "volume-by-user-1d",
        "row": {"timestamp": NOW - 86_400, "user": "kevin", "volume": 2},
    }
    letter = next(one["letter"] for one in told if one["from"] == "dead letters")
    assert letter["ident"] == "fussy-1s"
    assert letter["message"]["msg"] == {"user": "kevin"}
    assert "ValueError" in letter["traceback"]
    assert {one["from"] for one in told} >= {"volume-by-user-1d", "dead letters"}


def test_an_erasure_asks_says_what_went_and_leaves_nothing(
    run: Run, two: None, store: Store
) -> None:
    refused = run("user", "erase", "kevin", input="n\n")
    assert refused.exit_code == 1
    assert "about kevin there are: 2 dead letters, " in refused.stdout
    assert "1 row of volume-by-user-1d" in refused.stdout
    assert users(store) == [("kevin", 2), ("mina", 1)]
    done = run("user", "erase", "kevin", input="y\n")
    assert done.exit_code == 0
    assert "erased kevin: 2 dead letters, " in done.stdout
    assert "backups that were taken before hold it still" in done.stdout
    assert users(store) == [("mina", 1)]
    assert run("user", "export", "kevin").stdout == ""
    assert run("dead-letters", "list").stdout.count("ValueError: ") == 1


def test_an_account_that_nobody_knows_is_put_on_the_list_too(
    run: Run, two: None, store: Store
) -> None:
    assert run("user", "erase", "zoe", "--yes").stdout.startswith("erased zoe: nothing\n")
    assert len(rows(store, "statscache_erased", "mark")) == 1


@on_sqlite
@pytest.mark.parametrize("name", ["", " ", "(erased)", "x" * 256, "a\nb", "\udc80"])
def test_what_is_no_account_is_refused(run: Run, two: None, name: str) -> None:
    done = run("user", "erase", name, "--yes")
    assert done.exit_code == 2
    assert "is no account" in done.stderr


@on_sqlite
def test_rows_that_cannot_be_looked_into_are_named(run: Run, two: None, store: Store) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE statscache_checkpoint SET ident = 'x' || ident"))
    done = run("user", "export", "kevin")
    assert "not looked into: the rows of xfussy-1s, xvolume-1h, xvolume-by-user-1d" in done.stderr


@on_sqlite
def test_without_a_journal_nothing_is_erased(run: Run, two: None, store: Store) -> None:
    Path("journal.sqlite").rename("elsewhere")
    done = run("user", "erase", "kevin", "--yes")
    assert done.exit_code == 1
    assert "there is no journal" in done.stderr
    assert users(store) == [("kevin", 2), ("mina", 1)]
    assert rows(store, "statscache_erased", "mark") == []
