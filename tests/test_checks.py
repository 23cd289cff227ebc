"""What each check makes of a value; which setting is checked by which: `test_config.py`."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from statscache import checks
from statscache.errors import ConfigError


@pytest.mark.parametrize(
    "epoch",
    [
        1_767_225_600,
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1, tzinfo=UTC),
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T01:00:00+01:00",
    ],
)
def test_the_epoch_may_be_told_in_many_ways_and_is_utc(epoch: Any) -> None:
    assert checks.epoch(epoch) == 1_767_225_600


def test_patterns_and_retentions_are_copies() -> None:
    patterns, days = ["a"], {"a": 5}
    made = checks.patterns(patterns), checks.retention(days)
    patterns.append("b")
    days["b"] = 6
    assert made == (("a",), {"a": 5})


def test_a_url_may_be_an_object_and_keeps_its_password() -> None:
    url = sa.make_url("postgresql://ada:secret@localhost/statscache")
    assert checks.uri(url) == "postgresql://ada:secret@localhost/statscache"


@pytest.mark.parametrize(
    "uri", ["postgres://ada:secret@db/x", "mysql://a:secret@h/x", "pg://:secret@h"]
)
def test_a_refused_uri_does_not_tell_its_password(uri: str) -> None:
    with pytest.raises(ValueError, match=r"^sqlite:") as error:
        checks.uri(uri)
    assert "secret" not in str(error.value)


# -- places --------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def places() -> tuple[str, str]:
    return str(checks.path(None)), checks.uri(None)


def test_state_is_kept_where_systemd_says(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOME", "/home/ada")
    environment.setenv("XDG_STATE_HOME", "/state")
    environment.setenv("STATE_DIRECTORY", "/var/lib/statscache:/var/lib/other")
    assert places() == (
        "/var/lib/statscache/journal.sqlite",
        "sqlite:////var/lib/statscache/statscache.sqlite",
    )


def test_or_where_xdg_says(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOME", "/home/ada")
    environment.setenv("XDG_STATE_HOME", "/state")
    assert places() == (
        "/state/statscache/journal.sqlite",
        "sqlite:////state/statscache/statscache.sqlite",
    )


def test_or_in_the_home_directory(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOME", "/home/ada")
    environment.setenv("XDG_STATE_HOME", "")
    environment.setenv("STATE_DIRECTORY", "")
    assert places() == (
        "/home/ada/.local/state/statscache/journal.sqlite",
        "sqlite:////home/ada/.local/state/statscache/statscache.sqlite",
    )


@pytest.mark.parametrize("relative", ["state", "./state", "../state", "~/state"])
def test_a_relative_place_is_none(environment: pytest.MonkeyPatch, relative: str) -> None:
    """The hub and the web application may run in different directories."""
    environment.setenv("HOME", "/home/ada")
    environment.setenv("XDG_STATE_HOME", relative)
    assert places()[0] == "/home/ada/.local/state/statscache/journal.sqlite"
    environment.setenv("HOME", relative)
    with pytest.raises(ConfigError, match="there is no home directory"):
        places()


def test_a_home_that_is_not_set_is_looked_up_and_the_root_is_one_too(
    environment: pytest.MonkeyPatch,
) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert places()[0] == f"{home}/.local/state/statscache/journal.sqlite"
    environment.setenv("HOME", "/")
    assert places()[0] == "/.local/state/statscache/journal.sqlite"


def test_without_a_home_directory_both_places_have_to_be_set(
    environment: pytest.MonkeyPatch,
) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError("uid not found")

    environment.setattr(pwd, "getpwuid", nobody)
    for check in (checks.path, checks.uri):
        with pytest.raises(ConfigError, match=r"set statscache\.journal\.path and statscache\.sql"):
            check(None)
    assert checks.path("/x/journal.sqlite") == Path("/x/journal.sqlite")


def test_the_journal_may_be_told_from_home_or_from_here(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOME", "/home/ada")
    assert checks.path("~/j.sqlite") == Path("/home/ada/j.sqlite")
    assert checks.path("j.sqlite") == Path(os.getcwd()) / "j.sqlite"
