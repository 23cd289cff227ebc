"""How far a statistic is counted, until when it is complete, and what is read for it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from statscache.store import checkpoints, owed, progress, tables
from statscache.store.checkpoints import Checkpoint
from statscache.store.progress import Reading
from statscache.store.tables import (
    ASKED,
    BEFORE_THE_PLUGIN,
    NOT_LISTENING,
    RECALLED,
    REPLAYED,
)

LETTER = {
    "message_id": "m",
    "arrived": 900.0,
    "topic": "t",
    "body": "{}",
    "error": "e",
    "traceback": "",
    "set_aside": 901.0,
    "attempts": 1,
}


def insert(store, table, **values):
    with store.writing() as connection:
        connection.execute(sa.insert(table).values(values))


def complete_until(store, ident="volume-1h"):
    with store.reading() as connection:
        known = progress.read(connection, ident)
        assert known == progress.read_all(connection).get(ident)
    return known and known.complete_until


@pytest.fixture
def counted(store):
    """A store in which volume-1h is counted until 1000."""
    row = ("volume-1h", "j", 9, 0, 3, "1", 1000.0, 0.0, 9, 1, None, 0.0)
    with store.writing() as connection:
        checkpoints.create(connection, Checkpoint(*row))
    return store


def owe(store, addressee, start, reason=NOT_LISTENING, **changes):
    span = {"addressee": addressee, "start": start, "stop": start + 100, "opened": 0.0}
    insert(store, tables.owed, reason=reason, **(span | changes))


def history(store, ident="volume-1h"):
    with store.reading() as connection:
        return progress.history(owed.still(connection), ident)


def test_what_was_never_counted_has_no_progress(store):
    assert complete_until(store) is None


def test_without_gaps_it_is_complete_until_the_last_arrival_counted(counted):
    assert complete_until(counted) == 1000.0


def test_a_gap_for_everybody_or_for_it_ends_it_earlier(counted):
    owe(counted, "", 800.0)
    assert complete_until(counted) == 800.0
    owe(counted, "volume-1h", 700.0)
    assert complete_until(counted) == 700.0


def test_gaps_of_others_and_those_that_are_healed_or_given_up_do_not(counted):
    owe(counted, "volume-1d", 100.0)
    owe(counted, "", 200.0, healed=300.0)
    owe(counted, "", 300.0, accepted=400.0)
    owe(counted, "", 2000.0)
    assert complete_until(counted) == 1000.0


def test_history_that_is_asked_for_does_not_unless_its_rows_were_deleted(counted):
    owe(counted, "volume-1h", 0.0, BEFORE_THE_PLUGIN)
    owe(counted, "", 100.0, ASKED)
    owe(counted, "", 200.0, REPLAYED)
    assert complete_until(counted) == 1000.0
    owe(counted, "volume-1h", 600.0, RECALLED)
    assert complete_until(counted) == 600.0


def test_its_first_dead_letter_ends_it_and_not_that_of_another(counted):
    insert(counted, tables.dead_letter, ident="volume-1d", time=100.0, **LETTER)
    insert(counted, tables.dead_letter, ident="volume-1h", time=600.0, **LETTER)
    insert(counted, tables.dead_letter, ident="volume-1h", time=500.0, **LETTER)
    assert complete_until(counted) == 500.0


def test_without_history_that_is_owed_nothing_is_read(counted):
    owe(counted, "", 100.0)
    owe(counted, "volume-1h", 100.0, BEFORE_THE_PLUGIN, healed=900.0)
    owe(counted, "volume-1d", 100.0, BEFORE_THE_PLUGIN)
    assert history(counted) is None


def test_history_is_told_from_when_on_how_far_and_how_much(counted):
    owe(counted, "volume-1h", 100.0, BEFORE_THE_PLUGIN)
    assert history(counted) == Reading(100.0, 200.0, 100.0, 0.0, 0)
    owe(counted, "", 200.0, RECALLED, reached=250.0, brought=7)
    assert history(counted) == Reading(100.0, 300.0, 100.0, 0.25, 7)


@pytest.mark.parametrize(
    ("reached", "told", "share"), [(90.0, 100, 0), (150.0, 150, 0.5), (260.0, 200, 1)]
)
def test_the_overlap_on_both_sides_is_no_part_of_it(counted, reached, told, share):
    owe(counted, "", 100.0, RECALLED, reached=reached)
    assert history(counted) == Reading(100.0, 200.0, told, share, 0)
