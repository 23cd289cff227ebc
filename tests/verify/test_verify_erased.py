"""A verification and a repair after somebody was erased: no alarm, and nobody comes back."""

from __future__ import annotations

from datetime import timedelta

import faults
import pytest
from faults import Table
from samples import NOW
from worlds import SPAN, MakeWorld, World, spread

from statscache.builtin.volume import Volume, VolumeByUser
from statscache.engine import people
from statscache.verify.mending import mend

BY_USER = "volume-by-user-1h"


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    hour = timedelta(hours=1)
    enabled = {"plugins__enabled": ["volume-*"]}
    made = make_world(VolumeByUser.at(hour), Volume.at(hour), **enabled)
    made.hear(spread(300, seed=1))
    made.count()
    return made


def erase(world: World, name: str) -> None:
    engine = world.engine
    plugins = people.personal(engine.registry, engine.config)
    people.erase(engine.store, engine.journal, plugins, name, NOW)


def somebody(world: World) -> str:
    """The account with the most rows."""
    names = [key[1] for key in world.stored()[BY_USER]]
    return str(max(set(names), key=names.count))


def about(world: World, name: str) -> Table:
    return {key: sums for key, sums in world.stored()[BY_USER].items() if key[1] == name}


def test_nothing_differs_after_an_erasure_and_a_repair_brings_nobody_back(world: World) -> None:
    name = somebody(world)
    erase(world, name)
    assert world.compare().differences == []
    stored = world.stored()
    world.write({ident: {} for ident in stored})
    done = world.repair(world.compare())
    assert done.left == []
    assert done.rows > 0
    assert about(world, name) == {}
    whole = {key for key in stored[BY_USER] if SPAN.start <= key[0] <= SPAN.stop - 3_600}
    assert whole <= world.stored()[BY_USER].keys()


def test_who_is_erased_between_comparing_and_mending_is_not_mended(world: World) -> None:
    name = somebody(world)
    spoilt = world.stored()
    spoilt[BY_USER] = {key: one for key, one in spoilt[BY_USER].items() if key[1] != name}
    world.write(spoilt)
    found = world.compare()
    assert {one.key[1] for one in found.differences} == {name}
    erase(world, name)
    by_user = next(one for one in world.statistics if one.ident == BY_USER)
    assert mend(world.case, by_user, found.differences) == 0
    assert about(world, name) == {}
    assert faults.stored(world.engine.store, world.statistics) == spoilt
