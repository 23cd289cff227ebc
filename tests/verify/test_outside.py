"""What is outside of the comparison, and that nothing of it is taken for a difference."""

from __future__ import annotations

from typing import Any

from faults import DAY, SINCE, Heard
from guests import Ids, bad, on_sqlite
from samples import NOW, message
from worlds import HOUR, SPAN, MakeWorld, World, spread

from statscache.journal import Span
from statscache.verify.completeness import EXPIRED, OPEN, PART, TIMELESS, UNCOUNTED

SOME = int(SINCE) + 1_000


def reasons(world: World, span: Span = SPAN) -> dict[str, set[str]]:
    """Why windows of which statistics are left out; nothing may differ in the others."""
    found = world.compare(span)
    assert found.differences == []
    told: dict[str, set[str]] = {}
    for one in found.left_out:
        told.setdefault(one.reason, set()).add(one.ident)
    return told


def at(number: int, stamp: float | None, **changes: object) -> Heard:
    return Heard(message(number, timestamp=stamp, **changes), SOME)


def test_a_message_without_an_id_is_the_same_under_the_one_that_the_archive_gives_it(
    world: World,
) -> None:
    """The two of the daemon are one; the archive has two."""
    nameless = at(1, SOME)
    del nameless.message["msg_id"]
    world.hear([nameless, nameless])
    world.count()
    assert reasons(world).keys() == {PART}


def test_a_window_with_a_message_without_id_and_time_is_left_out(world: World) -> None:
    odd = Heard(message(1), SOME)
    del odd.message["msg_id"], odd.message["timestamp"]
    assert world.engine.accept(odd.message, SOME)
    world.count()
    assert reasons(world)[TIMELESS] == {one.ident for one in world.statistics}


def test_a_message_without_a_time_counts_where_it_arrived(world: World) -> None:
    """The archive may have it, too, at a time of its own or at none."""
    odd = message(1)
    del odd["timestamp"]
    assert world.engine.accept(odd, SOME)
    world.archive.add({**odd, "timestamp": SOME})
    world.count()
    assert reasons(world).keys() == {PART}


def test_a_dead_letter_is_no_difference(make_world: MakeWorld) -> None:
    poison = [True]

    def process(one: dict[str, Any]) -> None:
        if poison[0] and one["msg"]["new"] == 7:
            raise ValueError(7)

    world = make_world(bad(process=process), Ids)
    world.hear(Heard(message(number, timestamp=SOME), SOME) for number in range(20))
    world.count()
    assert reasons(world).keys() == set()
    poison.clear()
    poison.append(False)
    assert reasons(world).keys() == set()


def test_what_is_not_counted_so_far_is_no_difference(world: World) -> None:
    for number in range(100, 120):
        world.hear([at(number, SOME + number)])
    assert reasons(world).keys() == {PART}
    world.count()
    assert reasons(world).keys() == {PART}


def test_what_is_no_longer_kept_is_left_out(make_world: MakeWorld) -> None:
    world = make_world(retention={"*": 1})
    world.hear(spread(500, seed=3))
    world.count()
    assert reasons(world)[EXPIRED] == {one.ident for one in world.statistics}


@on_sqlite
def test_a_gap_is_told_of_and_is_no_difference(world: World) -> None:
    before = Span(SPAN.start - DAY, SPAN.stop)
    world.archive.add(message(1, timestamp=SPAN.start - HOUR))
    assert reasons(world, before)[OPEN] == {one.ident for one in world.statistics}


@on_sqlite
def test_what_is_to_come_is_left_out(world: World) -> None:
    later = Span(SPAN.start, NOW + DAY)
    assert reasons(world, later)[UNCOUNTED] == {one.ident for one in world.statistics}


@on_sqlite
def test_an_id_that_the_archive_has_twice_counts_where_it_came_first(world: World) -> None:
    one = at(1, SOME)
    world.hear([one])
    world.archive.add({**one.message, "timestamp": SOME + 120})
    world.count()
    assert reasons(world).keys() == {PART}


@on_sqlite
def test_messages_that_are_refused_are_counted_by_reason(world: World) -> None:
    world.archive.add(message(1, timestamp=SOME, topic=""))
    found = world.compare()
    assert found.outside == {"no topic": 1}
    assert found.differences == []


def test_when_ids_are_forgotten_rows_are_compared_all_the_same(make_world: MakeWorld) -> None:
    world = make_world(journal__dedupe_horizon=3_600)
    world.hear(one for one in spread(500, seed=4) if "msg_id" in one.message)
    world.count()
    world.count()
    assert world.engine.journal.known_since() > SPAN.start + DAY
    assert reasons(world).keys() == {PART}
