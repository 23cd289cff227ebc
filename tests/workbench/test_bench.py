"""The scratch place: it counts as a daemon does, and touches nothing of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from statscache.config import Config
from statscache.errors import PluginError
from statscache.message import Entry, entry
from statscache.plugins import Count
from statscache.registry import Given, Statistic
from statscache.testing import Bus
from statscache.workbench import candidates
from statscache.workbench.bench import Bench


class Fussy(Count):
    name, by, interval = "bench fussy", ("name",), timedelta(hours=1)

    def count(self, message: dict[str, Any]) -> Iterator[str]:
        yield message["msg"]["name"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        {
            "statscache.journal.path": tmp_path / "mine" / "journal.sqlite",
            "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'mine' / 'statscache.sqlite'}",
        }
    )


@pytest.fixture
def statistics(config: Config) -> list[Statistic]:
    return [*candidates.load(config, [Given("tests", "tests", [Fussy])]).enabled.values()]


def entries(*names: str | None) -> list[Entry]:
    bus = Bus()
    msgs = [{} if name is None else {"name": name} for name in names]
    sent = [bus.message("org.example.prod.a", msg) for msg in msgs]
    return [entry(one, one["timestamp"], maximum_future=0, maximum_bytes=1 << 20) for one in sent]


def test_nothing_of_the_user_is_touched_and_nothing_is_left(
    statistics: list[Statistic], config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Bench(statistics, config) as bench:
        bench.count(entries("a", "b"))
        assert [path.name.rpartition("-")[0] for path in tmp_path.iterdir()] == [
            "statscache-plugin"
        ]
    assert [*tmp_path.iterdir()] == []


def test_each_id_is_counted_once_also_by_the_engine_that_comes_after(
    statistics: list[Statistic], config: Config
) -> None:
    with Bench(statistics, config) as bench:
        bench.count(entries("a", "b"))
        bench.restart(statistics)
        bench.count(entries("a", "b", "b"))
        assert bench.rows("bench-fussy-1h") == {
            ("2026-01-01 00:00:00", "a", 1): 1,
            ("2026-01-01 00:00:00", "b", 2): 1,
        }


def test_what_the_engine_says_is_kept_and_nobody_else_hears_it(
    statistics: list[Statistic], config: Config, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    with Bench(statistics, config, engine__suspend_after=2) as bench:
        bench.count(entries("a", None, None, "b"))
        assert len(bench.letters("bench-fussy-1h")) == 2
        assert "2 dead letters in a row" in str(bench.suspended("bench-fussy-1h"))
        assert "cannot digest message" in bench.said[0]
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")


def test_one_that_cannot_begin_is_told_with_the_reason(
    statistics: list[Statistic], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def initialize(_self: Any, _session: Any) -> None:
        raise LookupError("nowhere")

    monkeypatch.setattr(Fussy, "initialize", initialize)
    with (
        Bench(statistics, config) as bench,
        pytest.raises(PluginError, match=r"bench-fussy-1h does not get on: .*LookupError: nowhere"),
    ):
        bench.count(entries("a"))
