"""Who brings much goes no faster than the statistics count."""

from __future__ import annotations

import sys
import threading
from subprocess import Popen
from typing import Any

import pytest
from guests import Ids, MakeEngine, bad, counted, feed, on_sqlite, suspend, turn
from samples import NOW

from statscache.engine import Engine
from statscache.errors import StalledError
from statscache.replay.counter import Counter
from statscache.replay.pace import Pace

pytestmark = on_sqlite


def pace(engine: Engine, **options: Any) -> Pace:
    return Pace(engine.journal, engine.store, engine.registry.enabled, **options)


def test_as_long_as_few_wait_nobody_is_held_up(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(5))
    pace(engine, patience=0).keep(5)
    assert counted(engine.store) == {}


def test_it_waits_until_the_slowest_has_counted(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    feed(engine, range(5))
    counting = threading.Timer(0.3, engine.drain, [NOW])
    counting.start()
    pace(engine, patience=30).keep(4)
    assert len(counted(engine.store)) >= 1
    counting.join()


def test_where_the_counter_has_ended_it_does_not_wait(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    with Popen([sys.executable, "-c", "raise SystemExit(3)"], text=True) as process:
        process.wait()
    with pytest.raises(StalledError, match=r"ended with exit code 3: .* run this again"):
        pace(engine, counter=Counter(process)).keep()


def test_when_nothing_is_counted_any_more_it_says_for_whom(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    turn(engine)
    feed(engine, range(3))
    with pytest.raises(StalledError, match=r"(bad|ids)-1s has counted nothing .* 3 messages wait"):
        pace(engine, patience=0.2).keep(2)


def test_one_that_is_suspended_holds_nobody_up(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad())
    suspend(engine.store, "bad-1s", "it is ill")
    feed(engine, range(3))
    turn(engine)
    pace(engine, patience=0).settle()
    suspend(engine.store, "ids-1s", "it is ill, too")
    feed(engine, range(3, 9))
    pace(engine, patience=0).settle()
