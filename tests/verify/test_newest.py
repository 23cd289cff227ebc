"""Statistics of the newest event: what has taken the place of older ones is no difference."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from faults import SINCE
from guests import on_sqlite
from samples import NOW, message
from worlds import HOUR, SPAN, Heard, MakeWorld, World, spread

from statscache.builtin.latest import LatestMessagePerTopic
from statscache.journal import Span
from statscache.times import moment

IDENT = "latest-message-per-topic"


@pytest.fixture
def newest(make_world: MakeWorld) -> World:
    """Heard a thousand messages in two days, on few topics; the last hour is not compared."""
    world = make_world(LatestMessagePerTopic)
    world.hear(spread(1_000, seed=1))
    world.count()
    return world


def model(world: World) -> Any:
    return world.engine.registry.enabled[IDENT].model


def old(world: World, number: int, hours: int, topic: str) -> str:
    """Let a message be the last one of its topic, so long after the beginning."""
    stamp = int(SINCE) + hours * HOUR
    world.hear([Heard(message(number, topic=topic, timestamp=stamp), stamp + 1)])
    world.count()
    return topic


def change(world: World, topic: str, **values: Any) -> None:
    with world.engine.store.writing() as connection:
        statement = sa.update(model(world)).where(model(world).topic == topic)
        connection.execute(statement.values(**values))


def test_events_that_were_taken_the_place_of_are_no_difference(newest: World) -> None:
    old(newest, 1_001, 30, "org.example.prod.old.a")
    for span in (
        SPAN,
        Span(SPAN.start, SPAN.start + 24 * HOUR),
        Span(SPAN.start + HOUR, SPAN.start + 2 * HOUR),
    ):
        found = newest.compare(span)
        assert found.differences == []
        assert found.windows[IDENT]


@on_sqlite
def test_rows_that_are_wrong_are_told_of_and_counted_anew(newest: World) -> None:
    topics = [
        old(newest, 1_001 + place, 20 + place, f"org.example.prod.old.{name}")
        for place, name in enumerate("abc")
    ]
    with newest.engine.store.writing() as connection:
        connection.execute(sa.delete(model(newest)).where(model(newest).topic == topics[0]))
    change(newest, topics[1], payload='{"msg_id":"x"}')
    change(newest, topics[2], timestamp=moment(SINCE + 21.5 * HOUR))
    found = newest.compare()
    told = sorted((one.key[2], one.start, one.stored is None) for one in found.differences)
    starts = [int(SINCE) + hours * HOUR for hours in (20, 21, 22)]
    assert told == [
        (topics[0], starts[0], True),
        (topics[1], starts[1], False),
        (topics[1], starts[1], True),
        (topics[2], starts[1], False),
        (topics[2], starts[2], True),
    ]
    done = newest.repair(found)
    assert done.left == []
    assert done.recalled == {IDENT: Span(starts[0], NOW)}


@on_sqlite
def test_a_message_that_is_missing_is_named_and_let_in(newest: World) -> None:
    lost = message(1_001, topic="org.example.prod.lost", timestamp=int(SINCE) + 30 * HOUR)
    newest.archive.add(lost)
    (difference,) = newest.compare().differences
    assert (difference.key[2], difference.stored) == ("org.example.prod.lost", None)
    assert list(difference.missing) == [lost["msg_id"].partition("-")[2]]
    done = newest.repair(newest.compare())
    assert (done.left, done.recalled, done.brought.new) == ([], {}, 1)
    assert newest.compare().differences == []
