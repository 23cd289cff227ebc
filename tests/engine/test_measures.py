from __future__ import annotations

from guests import Ids, MakeEngine, abandon, feed, on_sqlite, suspend, turn
from samples import NOW, message

from statscache.engine import Engine
from statscache.store import meters


def told(engine: Engine) -> dict[str, dict[str, float]]:
    """What other processes are told, by the name of the meter."""
    with engine.store.reading() as connection:
        return {meter.name: values for meter, values in meters.read(connection).items()}


def test_what_came_in_and_was_known_already_is_told(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    feed(engine, range(1, 5))
    turn(engine)
    found = told(engine)
    assert found["statscache_messages_accepted_total"] == {"": 7}
    assert found["statscache_messages_duplicate_total"] == {"": 2}
    assert found["statscache_journal_entries"] == {"": 5}
    assert found["statscache_journal_bytes"][""] > 0
    assert "statscache_queue_messages" not in found
    assert "statscache_history_requests_total" not in found


def test_turns_and_the_time_of_counting_are_told(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    turn(engine)
    tell(engine, NOW)
    found = told(engine)
    assert found["statscache_turns_total"] == {"1s": 1, "5s": 1, "60s": 1}
    (ident,) = engine.registry.enabled
    assert found["statscache_counting_seconds_total"][ident] > 0


def test_the_oldest_that_is_not_counted_is_told_while_there_is_one(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(Ids)
    engine.accept(message(1), NOW)
    tell(engine, NOW + 40)
    assert told(engine)["statscache_journal_waiting_seconds"] == {"": 40}
    turn(engine, NOW + 50)
    tell(engine, NOW + 60)
    assert told(engine)["statscache_journal_waiting_seconds"] == {"": 0}


def test_nothing_waits_for_a_statistic_that_is_suspended(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    engine.accept(message(1), NOW)
    (ident,) = engine.registry.enabled
    suspend(engine.store, ident, "tired")
    tell(engine, NOW + 40)
    assert told(engine)["statscache_journal_waiting_seconds"] == {"": 0}


def test_a_gauge_is_asked_when_it_is_told_of(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    queue = [1, 2]
    engine.measures.watch(meters.QUEUE, lambda: len(queue))
    queue.append(3)
    tell(engine, NOW)
    assert told(engine)["statscache_queue_messages"] == {"": 3}


@on_sqlite
def test_counters_begin_anew_with_each_daemon(make_engine: MakeEngine) -> None:
    engine = make_engine(Ids)
    feed(engine, range(3))
    turn(engine)
    abandon(engine)
    again = make_engine(Ids)
    turn(again)
    assert told(again)["statscache_messages_accepted_total"] == {"": 0}


def tell(engine: Engine, now: float) -> None:
    engine.measures.tell(engine.store, engine.journal, engine.registry.enabled, now)
