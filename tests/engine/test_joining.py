"""Where a plugin begins, and which history it is owed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from guests import Ids, MakeEngine, checkpoint, counted, feed, on_sqlite, owed, turn
from samples import NOW, message

from statscache.config import Config
from statscache.engine import joining
from statscache.journal import Span
from statscache.message import EARLIEST, EVERYBODY
from statscache.plugins import Count
from statscache.registry import Statistic
from statscache.schedule import Schedule
from statscache.store.tables import BEFORE_THE_PLUGIN

HOUR, DAY = 3_600, 86_400


def statistic(ident: str = "a", **attributes: Any) -> Statistic:
    """One that counts by the hour."""
    plugin = type("Some", (Count,), {"name": ident, "interval": timedelta(hours=1), **attributes})
    return Statistic(ident, plugin, Schedule(plugin.interval), "tests", None)


def config(**settings: Any) -> Config:
    return Config({f"statscache.{key.replace('__', '.')}": each for key, each in settings.items()})


@pytest.mark.parametrize(
    ("useful", "settings", "begins"),
    [
        (None, {}, NOW - 30 * DAY),
        (None, {"datagrepper__backlog": 90}, NOW - HOUR),
        (None, {"consumer__epoch": NOW - 100 * DAY}, NOW - 100 * DAY),
        (None, {"consumer__epoch": 0}, EARLIEST),
        (timedelta(days=7), {}, NOW - 7 * DAY),
        (timedelta(days=7), {"consumer__epoch": NOW - 100 * DAY}, NOW - 7 * DAY),
        (timedelta(days=700), {"consumer__epoch": NOW - 100 * DAY}, NOW - 100 * DAY),
        (timedelta(days=70_000), {}, EARLIEST),
        (timedelta(0), {}, NOW),
        (timedelta(seconds=1), {}, NOW - HOUR),
        (timedelta(days=7), {"retention": {"*": 2}}, NOW - 2 * DAY),
    ],
)
def test_history_begins_with_a_whole_window(
    useful: timedelta | None, settings: dict[str, Any], begins: float
) -> None:
    one = statistic(backlog_delta=useful)
    assert joining.begins(one, config(**settings), NOW) == begins


def owed_to(*statistics: Statistic, first: bool = True) -> dict[str, tuple[float, float]]:
    found = joining.owed_to(statistics, config(), first, NOW)
    return {
        whom: ((NOW - start) / DAY, (NOW - stop) / DAY) for whom, (start, stop) in found.items()
    }


def test_what_the_first_want_together_is_owed_to_everybody() -> None:
    a, b = statistic("a"), statistic("b", backlog_delta=timedelta(days=40))
    assert owed_to(a, b) == {EVERYBODY: (40, 0)}


def test_who_wants_few_topics_for_long_does_not_make_all_come() -> None:
    a, b = statistic("a"), statistic("b", backlog_delta=timedelta(days=40), topics=["x"])
    assert owed_to(a, b) == {EVERYBODY: (30, 0), "b": (40, 30)}
    assert owed_to(b) == {"b": (40, 0)}


def test_who_joins_later_is_owed_its_own() -> None:
    a, b = statistic("a"), statistic("b", backlog_delta=timedelta(days=40))
    assert owed_to(a, b, first=False) == {"a": (30, 0), "b": (40, 0)}


def test_what_says_nothing_of_history_has_rows_as_old_as_they_are_kept() -> None:
    assert joining.horizon(statistic(), config(retention={"*": 2}), NOW) == NOW - 2 * DAY
    assert joining.horizon(statistic(), config(), NOW) < NOW - 30 * DAY


@pytest.mark.parametrize(
    ("asked", "horizon"), [(-5 * DAY, -5 * DAY), (-HOUR, -2 * HOUR), (-50 * DAY, -10 * DAY)]
)
@on_sqlite
def test_who_asks_for_more_history_begins_earlier_but_never_later_and_keeps_its_retention(
    make_engine: MakeEngine, asked: float, horizon: float
) -> None:
    class Recent(Ids):
        name, backlog_delta = "recent", timedelta(hours=2)

    engine = make_engine(Recent, retention={"recent-1s": 10})
    statistics = [engine.registry.enabled["recent-1s"]]
    joining.ask(engine.store, statistics, engine.config, Span(NOW + asked, NOW), NOW)
    assert checkpoint(engine.store, "recent-1s").horizon == NOW + horizon


@on_sqlite
def test_no_row_is_begun_before_the_history_that_is_useful(make_engine: MakeEngine) -> None:
    class Recent(Ids):
        name, backlog_delta = "recent", timedelta(minutes=5)

    engine = make_engine(Ids, Recent)
    feed(engine, [1], timestamp=int(NOW) - 301)
    feed(engine, [2], timestamp=int(NOW) - 300)
    turn(engine)
    assert counted(engine.store, "recent-1s") == {message(2)["msg_id"]: 1}
    assert checkpoint(engine.store, "recent-1s").expired == 1
    assert checkpoint(engine.store).counted == 2


@on_sqlite
def test_all_joined_at_once_are_owed_one_span(make_engine: MakeEngine) -> None:
    engine = make_engine()
    assert {one[0] for one in owed(engine.store, BEFORE_THE_PLUGIN)} == {EVERYBODY}
