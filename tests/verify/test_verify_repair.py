"""What a repair leaves alone, and what it does where nothing can be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import faults
import pytest
import sqlalchemy as sa
from faults import SINCE
from guests import checkpoint, on_sqlite, owed
from samples import NOW, message
from sqlalchemy.orm import Session
from worlds import HOUR, SPAN, Heard, MakeWorld, World

from statscache.errors import JournalInUseError
from statscache.journal import Span, lock
from statscache.models import CategorizedLogModel
from statscache.plugins import BasePlugin, Count, Distinct, Histogram, Schedule
from statscache.store import checkpoints, tables
from statscache.store.tables import RECALLED
from statscache.times import moment
from statscache.verify.mending import mend

STAMP = int(SINCE) + 3 * HOUR


class Said(CategorizedLogModel):
    """A row for each message, and nothing to add to."""

    __tablename__ = "data_said"


class Says(BasePlugin):
    """Keeps what was said."""

    name, model = "says", Said

    def __init__(self, schedule: Schedule | None, config: Mapping[str, Any]) -> None:
        super().__init__(schedule, config)

    def handle(self, session: Session, messages: Sequence[dict[str, Any]]) -> None:
        for one in messages:
            said = f"number {one['msg']['new']}"
            time = moment(one["timestamp"])
            session.add(Said(timestamp=time, category=one["topic"], message=said))


class Unsorted(Count):
    """Its key columns are not in the order of the alphabet."""

    name, by, interval = "unsorted", ("name", "half"), timedelta(hours=1)

    def count(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield f"name {message['msg']['new']}", f"half {message['msg']['new'] % 2}"


class Halves(Distinct):
    """The different numbers, by half."""

    name, by, interval = "halves", ("half",), timedelta(hours=1)

    def count(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield f"half {message['msg']['new'] % 2}", str(message["msg"]["new"])


class Sizes(Histogram):
    """The numbers as sizes."""

    name, interval = "sizes", timedelta(hours=1)

    def count(self, message: dict[str, Any]) -> Iterator[int]:
        yield message["msg"]["new"]


def spoil(world: World, ident: str, key: faults.Key, sums: faults.Sums | None) -> None:
    (one,) = (one for one in world.statistics if one.ident == ident)
    faults.write(world.engine.store, one, key, sums)


def test_a_statistic_to_which_nothing_can_be_added_counts_anew(make_world: MakeWorld) -> None:
    world = make_world(Says)
    world.hear(Heard(message(one, timestamp=STAMP + 10 * one), STAMP + 100) for one in range(20))
    world.count()
    assert world.compare().differences == []
    with world.engine.store.writing() as connection:
        connection.execute(sa.update(Said).where(Said.message == "number 7").values(message="?"))
    found = world.compare()
    assert [(one.key[2], one.stored, one.recomputed) for one in found.differences] == [
        ("?", (1,), None),
        ("number 7", None, (1,)),
    ]
    done = world.repair(found)
    assert (done.rows, done.left) == (0, [])
    assert done.recalled.keys() == {"says"}
    assert [(ident, start) for ident, start, _ in owed(world.engine.store, RECALLED)] == [
        ("says", float(STAMP))
    ]


def test_rows_are_mended_by_their_keys_also_by_those_that_are_hidden(
    make_world: MakeWorld,
) -> None:
    world = make_world(Unsorted, Halves, Sizes)
    world.hear(Heard(message(one, timestamp=STAMP + 10 * one), STAMP + 100) for one in range(20))
    world.count()
    truth = world.stored()
    for ident, rows in truth.items():
        keys = sorted(rows)
        spoil(world, ident, keys[0], None)
        spoil(world, ident, keys[1], (7,))
        spoil(world, ident, (*keys[2][:-1], "never heard of"), (1,))
    assert world.repair(world.compare()).left == []
    assert world.stored() == truth


def test_a_window_that_has_only_just_ended_is_left_as_it_is(world: World) -> None:
    late = Span(SPAN.start, NOW)
    minute = NOW - 300
    world.hear([Heard(message(1, timestamp=minute), minute)])
    world.count()
    spoil(world, "volume-1m", (minute,), (9,))
    found = world.compare(late)
    assert [one.stored for one in found.differences] == [(9,)]
    done = world.repair(found)
    assert (done.rows, len(done.left)) == (0, 1)
    assert world.stored()["volume-1m"][minute,] == (9,)


@on_sqlite
def test_rows_that_have_expired_meanwhile_are_not_begun_again(world: World) -> None:
    key = next(key for key in world.stored()["volume-1h"] if key[0] >= SPAN.start)
    spoil(world, "volume-1h", key, None)
    found = world.compare()
    store = world.engine.store
    with store.writing() as connection:
        checkpoints.set_horizon(connection, "volume-1h", key[0] + HOUR)
    assert mend(world.case, found.differences[0].part.statistic, found.differences) == 0
    assert key not in world.stored()["volume-1h"]


@on_sqlite
def test_rows_that_were_recalled_meanwhile_are_left_to_history(world: World) -> None:
    key = next(key for key in world.stored()["volume-1h"] if key[0] >= SPAN.start)
    spoil(world, "volume-1h", key, None)
    found = world.compare()
    with world.engine.store.writing() as connection:
        connection.execute(
            sa.insert(tables.owed).values(
                **{"addressee": "volume-1h", "start": 1.0, "stop": 2.0, "reason": RECALLED},
                **{"opened": NOW + 1, "healed": NOW + 2, "brought": 0},
            )
        )
    assert mend(world.case, found.differences[0].part.statistic, found.differences) == 0


def test_a_repair_raises_the_revision_and_tells_of_the_rows(world: World) -> None:
    keys = [key for key in world.stored()["volume-by-topic-1h"] if key[0] >= SPAN.start][:2]
    spoil(world, "volume-by-topic-1h", keys[0], None)
    spoil(world, "volume-by-topic-1h", (keys[1][0], "never heard of"), (5,))
    store = world.engine.store
    before = checkpoint(store, "volume-by-topic-1h")
    assert world.repair(world.compare()).rows == 2
    after = checkpoint(store, "volume-by-topic-1h")
    assert (after.revision, after.position) == (before.revision + 1, before.position)
    query = sa.select(tables.change.c["timestamp", "key"]).where(
        tables.change.c.ident == "volume-by-topic-1h", tables.change.c.revision == after.revision
    )
    with store.reading() as connection:
        noted = [(row.timestamp, row.key) for row in connection.execute(query)]
    assert sorted(noted) == sorted(
        [(keys[0][0], f'{{"topic":"{keys[0][1]}"}}'), (keys[1][0], '{"topic":"never heard of"}')]
    )


@on_sqlite
def test_only_one_mends_at_a_time(world: World) -> None:
    path = world.engine.journal.path
    with (
        closing(lock.mend(path)),
        pytest.raises(JournalInUseError, match="another `statscache verify --repair`"),
    ):
        lock.mend(path)
    lock.mend(path).close()
