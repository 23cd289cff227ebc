"""What is found in stores that are sound, and in others; and what a repair makes of them."""

from __future__ import annotations

from random import Random

import faults
import pytest
from faults import DAY, MESSAGE_FAULTS, ROW_FAULTS, Heard
from samples import NOW, message
from worlds import World, deltas_of, first_arrivals, in_both

from statscache.verify.verification import Comparison


def deltas(found: Comparison) -> dict[tuple[str, faults.Key], faults.Sums]:
    """What has to be added to which row."""
    return {(one.ident, one.key): one.delta for one in found.differences}


def test_in_a_sound_store_nothing_differs(world: World) -> None:
    found = world.compare()
    assert found.differences == []
    assert not found.more
    assert found.windows == {
        **{"audit-1m": 47 * 60, "volume-1m": 47 * 60, "volume-1h": 47, "volume-by-topic-1h": 47},
        **{"volume-1d": 1, "volume-by-package-1d": 1},
    }


@pytest.mark.parametrize("kind", ROW_FAULTS)
def test_a_row_that_is_not_what_it_should_be_is_found_and_mended(world: World, kind: str) -> None:
    random, truth, spoilt = Random(1), world.stored(), world.stored()
    for one in world.statistics:
        ROW_FAULTS[kind](random, spoilt[one.ident], one)
    world.write(spoilt)
    found = world.compare()
    assert deltas(found) == deltas_of(truth, spoilt) != {}
    done = world.repair(found)
    assert (done.rows, done.left) == (len(found.differences), [])
    assert deltas_of(truth, world.stored()) == {}


@pytest.mark.parametrize("kind", MESSAGE_FAULTS)
def test_a_message_that_is_not_counted_once_is_named(world: World, kind: str) -> None:
    truth, spoilt = world.stored(), world.stored()
    one = next(one for one in first_arrivals(world) if in_both(one))
    for statistic in world.statistics:
        faults.add(spoilt[statistic.ident], faults.rows_of(one, statistic), MESSAGE_FAULTS[kind])
    world.write(spoilt)
    found = world.compare()
    assert deltas(found) == deltas_of(truth, spoilt) != {}
    for each in found.differences:
        named = each.missing if kind == "uncounted" else each.surplus
        assert [*named] == [one.id], each
    assert world.repair(found).left == []
    assert deltas_of(truth, world.stored()) == {}


def test_a_message_that_only_the_archive_has_is_named_and_let_in(world: World) -> None:
    lost = Heard(message(1, timestamp=int(NOW) - DAY - 100), NOW)
    truth = world.stored()
    for statistic in world.statistics:
        faults.add(truth[statistic.ident], faults.rows_of(lost, statistic))
    world.archive.add(lost.message)
    found = world.compare()
    assert {ident for ident, _ in deltas(found)} == truth.keys()
    assert {(*one.missing, *one.unknown) for one in found.differences} == {(lost.id, lost.id)}
    done = world.repair(found)
    assert (done.brought.new, done.rows, done.left) == (1, 0, [])
    assert deltas_of(truth, world.stored()) == {}
