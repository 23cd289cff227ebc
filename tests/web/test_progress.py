from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from statscache.store import Store, tables
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING
from statscache.web import progress

from .conftest import CHECKPOINT

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
    insert(store, tables.checkpoint, ident="volume-1h", **{**CHECKPOINT, "complete_until": 1000.0})
    return store


def owe(store, addressee, start, reason=NOT_LISTENING, healed=None):
    span = {"addressee": addressee, "start": start, "stop": start + 1, "opened": 0.0}
    insert(store, tables.owed, reason=reason, healed=healed, **span)


def test_what_was_never_counted_has_no_progress(store):
    assert complete_until(store) is None


def test_without_gaps_it_is_complete_until_the_last_arrival_counted(counted):
    assert complete_until(counted) == 1000.0


def test_a_gap_for_everybody_or_for_it_ends_it_earlier(counted):
    owe(counted, "", 800.0)
    assert complete_until(counted) == 800.0
    owe(counted, "volume-1h", 700.0)
    assert complete_until(counted) == 700.0


def test_gaps_of_others_and_healed_ones_and_the_time_before_it_do_not(counted):
    owe(counted, "volume-1d", 100.0)
    owe(counted, "", 200.0, healed=300.0)
    owe(counted, "volume-1h", 0.0, BEFORE_THE_PLUGIN)
    owe(counted, "", 2000.0)
    assert complete_until(counted) == 1000.0


def test_its_first_dead_letter_ends_it_and_not_that_of_another(counted):
    insert(counted, tables.dead_letter, ident="volume-1d", time=100.0, **LETTER)
    insert(counted, tables.dead_letter, ident="volume-1h", time=600.0, **LETTER)
    insert(counted, tables.dead_letter, ident="volume-1h", time=500.0, **LETTER)
    assert complete_until(counted) == 500.0


def test_a_database_without_our_tables_is_told_from_other_errors(uri):
    store = Store(uri)
    with pytest.raises(DBAPIError) as missing, store.reading() as connection:
        progress.read(connection, "volume-1h")
    with pytest.raises(DBAPIError) as wrong, store.reading() as connection:
        connection.execute(sa.text("SELEC 1"))
    store.close()
    assert progress.is_missing_table(missing.value)
    assert not progress.is_missing_table(wrong.value)
    assert not progress.is_missing_table(ValueError("no such table"))
