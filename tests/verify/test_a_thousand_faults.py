"""A thousand faults in several stores: all are found and mended, while messages flow in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from uuid import UUID

import faults
import pytest
from faults import DAY, MESSAGE_FAULTS, ROW_FAULTS, Fault, Heard, Tables
from guests import on_postgresql, on_sqlite
from samples import NOW, message
from worlds import SPAN, MakeWorld, World, deltas_of, first_arrivals, in_both, spread

FAULTS = 200
"""In each of the five stores."""

EACH = 34
"""Messages that are only in the archive, that are not counted, or that are counted twice."""

LOST = "lost"


@pytest.mark.slow
@on_sqlite
@pytest.mark.parametrize("seed", range(4))
def test_all_are_found_named_and_mended_on_sqlite(make_world: MakeWorld, seed: int) -> None:
    find_and_mend(make_world(), seed)


@pytest.mark.slow
@on_postgresql
def test_all_are_found_named_and_mended_on_postgresql(make_world: MakeWorld) -> None:
    find_and_mend(make_world(), 4)


def find_and_mend(world: World, seed: int) -> None:
    random = Random(1_000 + seed)
    world.hear(spread(2_000, seed))
    world.count()
    truth, spoilt = world.stored(), world.stored()
    done = list(spoil(world, random, truth, spoilt))
    assert len(done) == FAULTS
    world.write(spoilt)
    wanted = deltas_of(truth, spoilt)
    with flow(world, random) as flowed:
        found = world.compare()
        assert not found.more
        # What flows in meanwhile changes both sides of a row, and so not the difference.
        assert {(one.ident, one.key): one.delta for one in found.differences} == wanted
        for fault in done:
            assert fault.is_named(found.differences), fault
        repaired = world.repair(found)
        assert repaired.left == []
        assert repaired.brought.new == sum(fault.kind == LOST for fault in done)
        assert world.compare().differences == []
    world.count()
    for heard in flowed:
        for one in world.statistics:
            faults.add(truth[one.ident], faults.rows_of(heard, one))
    # What was lost came late when it was let in.
    lost = {fault.key: (0, 1, 0, 0) for fault in done if fault.kind == LOST}
    faults.add(truth["audit-1m"], lost)
    assert len(flowed) > 100
    assert deltas_of(truth, world.stored()) == {}


def spoil(world: World, random: Random, truth: Tables, spoilt: Tables) -> Iterator[Fault]:
    """Put the faults into `spoilt`, those with messages each in a minute of its own.

    What is lost belongs into `truth`.
    """
    taken: set[float] = set()
    for kind in (LOST, *MESSAGE_FAULTS):
        for one in of_own_minutes(world, random, kind, taken):
            tables, times = (truth, 1) if kind == LOST else (spoilt, MESSAGE_FAULTS[kind])
            for statistic in world.statistics:
                rows = faults.rows_of(one, statistic)
                faults.add(tables[statistic.ident], rows, times)
            yield Fault(kind, "audit-1m", (one.minute,), one.id)
    # The others have few rows, and the messages have spoilt them all.
    many = ("audit-1m", "volume-1m", "volume-by-topic-1h")
    statistics = [one for one in world.statistics if one.ident in many]
    for number in range(FAULTS - 3 * EACH):
        kind, one = [*ROW_FAULTS][number % 3], random.choice(statistics)
        yield faults.in_a_row(random, kind, one, truth[one.ident], spoilt[one.ident])


def of_own_minutes(world: World, random: Random, kind: str, taken: set[float]) -> Iterator[Heard]:
    """Messages of the first day that were heard, or that only the archive has."""
    known = [one for one in first_arrivals(world) if in_both(one)]
    number = 0
    while number < EACH:
        one = some(random) if kind == LOST else random.choice(known)
        if one.minute not in taken:
            taken.add(one.minute)
            number += 1
            if kind == LOST:
                world.archive.add(one.message)
                one = one._replace(arrived=one.message["timestamp"])
            yield one


def some(random: Random) -> Heard:
    """A message of the first day."""
    name = UUID(int=random.getrandbits(128), version=4)
    stamp = int(SPAN.start) + random.randrange(DAY)
    return Heard(message(random.getrandbits(30), timestamp=stamp, msg_id=f"2026-{name}"), NOW)


@contextmanager
def flow(world: World, random: Random) -> Iterator[list[Heard]]:
    """Meanwhile both hear more, of which half belongs to the time that is compared."""
    flowed: list[Heard] = []
    ended = threading.Event()
    own = Random(random.random())

    def hear() -> None:
        while not ended.wait(0.02):
            one = some(own)
            if own.random() < 0.5:
                one = Heard({**one.message, "timestamp": int(NOW) - own.randrange(3_600)}, NOW)
            first, second = own.sample([world.archive.add, world.engine.accept], 2)
            for each in (first, second):
                each(one.message, *([NOW] if each == world.engine.accept else []))
            flowed.append(one)
            world.engine.turn(own.choice([60, 5, 1]), NOW)

    thread = threading.Thread(target=hear)
    thread.start()
    try:
        yield flowed
    finally:
        ended.set()
        thread.join(30)
