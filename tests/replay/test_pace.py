"""Who brings much goes no faster than the statistics count."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from guests import Ids, MakeEngine, bad, counted, feed, on_sqlite, once, suspend, turn
from samples import NOW

from statscache.engine import Engine
from statscache.errors import StalledError
from statscache.replay.pace import Pace

pytestmark = on_sqlite


def pace(engine: Engine, counts: bool = False, **options: Any) -> Pace:
    own = engine if counts else None
    return Pace(
        engine.journal, engine.store, engine.registry.enabled, own, now=lambda: NOW, **options
    )


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


def test_an_engine_of_ones_own_counts_meanwhile(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids, bad(), engine__batch=10)
    feed(engine, range(95))
    pace(engine, counts=True).settle()
    assert counted(engine.store) == counted(engine.store, "bad-1s") == once(range(95))


def test_an_engine_of_ones_own_counts_much_at_a_time(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    own = pace(engine, counts=True)
    for number, there in enumerate((1, 1, 3, 3)):
        feed(engine, [number])
        own.keep(1)
        assert counted(engine.store) == once(range(there))


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
