"""Rows that are older than their retention go, and are never begun again."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from guests import (
    SECOND,
    Ids,
    MakeEngine,
    Message,
    Outside,
    bad,
    checkpoint,
    counted,
    feed,
    on_sqlite,
    once,
    rows,
    turn,
)
from samples import NOW

from statscache.config import Config
from statscache.engine import Engine, retention
from statscache.models import count_model
from statscache.plugins import BasePlugin
from statscache.registry import Statistic
from statscache.schedule import Schedule
from statscache.store import checkpoints, tables

DAY = 86_400
HOUR = 3_600


class Kept(Ids):
    """A row for each message; kept for a day."""

    name, retention = "kept", timedelta(days=1)


class Hourly(Ids):
    name, interval, retention = "hourly", timedelta(hours=1), timedelta(days=1)


def statistic(plugin: type[BasePlugin]) -> Statistic:
    schedule = Schedule(plugin.interval) if plugin.interval else None
    return Statistic("a", plugin, schedule, "tests", None)


def horizon(plugin: type[BasePlugin], now: float, **settings: Any) -> float:
    return retention.horizon(statistic(plugin), Config(settings), now)


def starts(engine: Engine, ident: str) -> set[float]:
    model = count_model(ident, ("name",))
    with engine.store.reading() as connection:
        times = connection.execute(sa.select(model.timestamp)).scalars()
        return {time.replace(tzinfo=UTC).timestamp() for time in times}


def test_the_horizon_moves_by_whole_windows_and_at_least_a_minute() -> None:
    assert horizon(Kept, NOW + 59) == horizon(Kept, NOW) == NOW - DAY
    assert horizon(Kept, NOW + 60) == NOW - DAY + 60
    assert horizon(Hourly, NOW + 3_599) == NOW - DAY
    assert horizon(Hourly, NOW + 3_600) == NOW - DAY + HOUR
    assert horizon(bad(interval=None, retention=SECOND), NOW + 1_800) == NOW


def test_the_setting_goes_before_what_the_plugin_says() -> None:
    assert horizon(Kept, NOW, **{"statscache.retention": {"a": 2}}) == NOW - 2 * DAY
    assert horizon(Kept, NOW, **{"statscache.retention": {"*": None}}) == 0
    assert horizon(Ids, NOW) == 0
    assert horizon(bad(retention=timedelta(days=10**6)), NOW) == 0


def test_old_rows_go_as_the_horizon_rises(make_engine: MakeEngine) -> None:
    engine = make_engine(Kept)
    for age in (DAY, DAY - 60, DAY - 61, 0):
        feed(engine, [age], timestamp=int(NOW) - age)
    turn(engine)
    assert starts(engine, "kept-1s") == {NOW - DAY, NOW - DAY + 60, NOW - DAY + 61, NOW}
    turn(engine, NOW + 59)
    assert len(starts(engine, "kept-1s")) == 4
    turn(engine, NOW + 60)
    assert starts(engine, "kept-1s") == {NOW - DAY + 60, NOW - DAY + 61, NOW}
    assert checkpoint(engine.store, "kept-1s").horizon == NOW - DAY + 60


@on_sqlite
def test_rows_go_though_nothing_arrives_and_whoever_turns(make_engine: MakeEngine) -> None:
    engine = make_engine(Hourly)
    feed(engine, [1], timestamp=int(NOW) - DAY)
    turn(engine)
    assert starts(engine, "hourly-1h") == {NOW - DAY}
    engine.turn(1, NOW + HOUR)
    assert engine._pool.wait(10)
    assert starts(engine, "hourly-1h") == set()
    before = checkpoint(engine.store, "hourly-1h")
    turn(engine, NOW + HOUR + 59)
    assert checkpoint(engine.store, "hourly-1h").revision == before.revision


def test_a_late_message_never_begins_a_row_again(make_engine: MakeEngine) -> None:
    engine = make_engine(Hourly, Ids)
    feed(engine, range(3), timestamp=int(NOW) - DAY + 5)
    turn(engine)
    assert counted(engine.store, "hourly-1h") == once(range(3))
    feed(engine, range(3, 5), NOW + HOUR, timestamp=int(NOW) - DAY + 7)
    feed(engine, range(5, 6), NOW + HOUR, timestamp=int(NOW) - DAY + HOUR)
    turn(engine, NOW + HOUR)
    assert counted(engine.store, "hourly-1h") == once([5])
    found = checkpoint(engine.store, "hourly-1h")
    assert (found.counted, found.expired) == (4, 2)
    assert counted(engine.store) == once(range(6))


@on_sqlite
def test_what_is_older_than_a_new_plugin_keeps_is_expired_from_the_start(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(Hourly)
    feed(engine, range(4), timestamp=int(NOW) - 2 * DAY)
    turn(engine)
    assert counted(engine.store, "hourly-1h") == {}
    assert checkpoint(engine.store, "hourly-1h").expired == 4


def test_many_rows_go_in_steps_of_which_each_raises_the_horizon(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 10)
    engine = make_engine(Kept)
    crowded = int(NOW) - DAY + 20
    for number in range(40):
        feed(engine, [number], timestamp=int(NOW) - DAY + number)
    feed(engine, range(100, 135), timestamp=crowded)
    turn(engine)
    deletions: list[int] = []

    @sa.event.listens_for(engine.store.engine, "after_cursor_execute")
    def see(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM stat_kept"):
            deletions.append(cursor.rowcount)

    turn(engine, NOW + 60)
    assert starts(engine, "kept-1s") == set()
    assert sum(deletions) == 75
    # A window goes as a whole, however many rows it has.
    assert max(deletions) <= 10 + 36
    assert len(deletions) >= 4


@on_sqlite
def test_a_step_that_was_the_last_before_a_crash_is_gone_on_from(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 10)
    engine = make_engine(Kept)
    for number in range(40):
        feed(engine, [number], timestamp=int(NOW) - DAY + number)
    turn(engine)
    args = engine.store, "kept-1s", count_model("kept-1s", ("name",)), NOW - DAY + 60, NOW
    assert retention._expire_step(*args) == NOW - DAY + 10
    assert checkpoint(engine.store, "kept-1s").horizon == min(starts(engine, "kept-1s"))
    feed(engine, [50], timestamp=int(NOW) - DAY + 5)
    feed(engine, [51], timestamp=int(NOW) - DAY + 15)
    turn(engine)
    assert counted(engine.store, "kept-1s") == once([*range(10, 40), 51])


def test_rows_of_outside_packages_go_too(make_engine: MakeEngine) -> None:
    """Their timestamps are texts on SQLite, where ours are numbers."""

    class Yearly(Outside):
        name, interval, retention = "yearly", SECOND, timedelta(days=365)

    engine = make_engine(Yearly, now=NOW - 2 * DAY)
    for number, days in enumerate((364, 365, 366)):
        feed(engine, [number], NOW - 2 * DAY, timestamp=int(NOW) - days * DAY)
    turn(engine, NOW - 2 * DAY)
    assert len(rows(engine.store, "data_scalar", "id")) == 3
    turn(engine, NOW)
    assert len(rows(engine.store, "data_scalar", "id")) == 2
    turn(engine, NOW + 60)
    assert len(rows(engine.store, "data_scalar", "id")) == 1


@on_sqlite
def test_expiry_is_noted_as_a_change(make_engine: MakeEngine) -> None:
    engine = make_engine(Kept)
    feed(engine, range(2), timestamp=int(NOW) - DAY)
    turn(engine)
    turn(engine, NOW + 60)
    change = tables.change.c
    with engine.store.reading() as connection:
        query = sa.select(change.revision, change.timestamp).order_by(change.id)
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [(1, NOW - DAY), (1, NOW - DAY), (2, NOW - DAY + 60)]
    assert checkpoint(engine.store, "kept-1s").revision == 2


@on_sqlite
def test_rows_have_another_tag_when_some_of_them_have_gone(make_engine: MakeEngine) -> None:
    engine = make_engine(Kept)
    feed(engine, range(2), timestamp=int(NOW) - DAY)
    found = []
    for seconds in (0, 30, 60, 120, 180):
        turn(engine, NOW + seconds)
        with engine.store.reading() as connection:
            found.append(checkpoints.tags(connection, ["kept-1s"])["kept-1s"])
    assert found[0] == found[1] != found[2] == found[3] == found[4]


def test_a_retry_that_runs_meanwhile_waits_for_the_expiry(make_engine: MakeEngine) -> None:
    """Counting that began before rows went comes to nothing, and is done again."""
    engine = make_engine(spoilt(lambda: engine))
    feed(engine, range(3), timestamp=int(NOW) - DAY)
    feed(engine, range(3, 5), timestamp=int(NOW))
    turn(engine)
    turn(engine)
    assert counted(engine.store, "bad-1s") == once(range(3, 5))
    found = checkpoint(engine.store, "bad-1s")
    assert (found.counted, found.expired) == (2, 3)


def spoilt(engine: Any) -> type[BasePlugin]:
    """A plugin whose rows expire while it takes its messages in."""

    def expire(_message: Message) -> None:
        running = engine()
        retention.expire(
            running.store, running.registry.enabled["bad-1s"], running.config, NOW + 60
        )

    return bad(process=expire, retention=timedelta(days=1))
