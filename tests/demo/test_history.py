"""The days before the demo, as they are counted."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from statscache import service
from statscache.config import Config
from statscache.demo import history
from statscache.demo.traffic import DAY, messages
from statscache.journal import Journal, Span
from statscache.message import message_id, usable_time

HOUR = 3600
START = 1_767_571_200 + 1_234.5  # 2026-01-05, a Monday


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return service.configure(
        {
            "statscache.journal.path": tmp_path / "journal.sqlite",
            "statscache.sqlalchemy.uri": f"sqlite:///{tmp_path / 'statscache.sqlite'}",
        }
    )


def rows(config: Config, statement: str) -> list[Any]:
    engine = sa.create_engine(config["statscache.sqlalchemy.uri"])
    with engine.connect() as connection:
        found = connection.execute(sa.text(statement)).all()
    engine.dispose()
    return [tuple(row) for row in found]


def journal_spans(config: Config) -> list[Span]:
    journal = Journal(config["statscache.journal.path"])
    spans = journal.spans()
    journal.close()
    return spans


def expected(stop: float) -> Counter[int]:
    """The messages of each hour (epoch hours), each id once."""
    seen: dict[str, int] = {}
    for at, message in messages(START, stop, rate=history.RATE, seed=1):
        heard = min(START + ((at - START) // HOUR + 1) * HOUR, stop)
        stamp = usable_time(message.get("timestamp"))
        seen.setdefault(message_id(message, stamp), int((stamp or heard) // HOUR))
    return Counter(seen.values())


def counted(config: Config) -> dict[int, int]:
    found = rows(config, "SELECT CAST(timestamp / 3600 AS INTEGER), volume FROM stat_volume_1h")
    return dict(found)


def test_every_message_is_counted_once_in_its_own_hour(config):
    stop = START + 1.3 * DAY
    steps = list(history.fill(config, START, stop, seed=1))
    assert counted(config) == expected(stop)
    assert steps[-1].number == sum(1 for _ in messages(START, stop, rate=history.RATE, seed=1))


def test_each_step_tells_how_far_it_is(config):
    steps = list(history.fill(config, START, START + 5.5 * HOUR, seed=1))
    assert [(step.until - START) / HOUR for step in steps] == [1, 2, 3, 4, 5, 5.5]
    assert [step.number for step in steps] == sorted(step.number for step in steps)


def test_the_hub_is_as_good_as_listening_until_it_takes_over(config):
    stop = START + 2 * HOUR
    assert list(history.fill(config, START, stop, seed=1, now=lambda: stop + 10))
    hub = service.build(config)
    hub.start(stop + 15)
    hub.turn(60, stop + 75)
    assert hub.drain(stop + 75)
    hub.stop(stop + 75)
    gaps = rows(config, "SELECT * FROM statscache_owed WHERE reason != 'before the plugin'")
    assert gaps == []


def test_the_coverage_ends_where_the_filling_in_was_ended(config):
    with contextlib.closing(history.fill(config, START, START + 2 * HOUR, seed=1)) as steps:
        next(steps)
    assert journal_spans(config) == [Span(START, START + HOUR)]


def test_what_was_filled_in_is_kept_when_it_ends_early(config):
    with contextlib.closing(history.fill(config, START, START + 30 * DAY, seed=1)) as steps:
        last = [next(steps) for _ in range(30)][-1]
    engine = service.build(config)
    engine.start(last.until)
    assert engine.drain(last.until)
    engine.stop(last.until)
    assert counted(config) == expected(last.until)


def test_no_days_make_the_tables_and_no_rows(config):
    assert list(history.fill(config, START, START, seed=1)) == []
    assert counted(config) == {}
