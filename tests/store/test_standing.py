from __future__ import annotations

import pytest
import sqlalchemy as sa

from statscache.errors import SchemaError
from statscache.store import Store, standing, tables
from statscache.store.tables import BEFORE_THE_PLUGIN, NOT_LISTENING, RECALLED


def test_before_the_daemon_has_run_there_is_nothing_to_tell(store: Store) -> None:
    with store.reading() as connection:
        found = standing.read(connection)
    assert found == ({}, {}, [], {}, None, {})
    assert not found.is_beating(100.0)


def test_refusals_are_summed_over_all_journals(store: Store) -> None:
    one = {"reason": "no topic", "last": 1.0, "example": "x"}
    with store.writing() as connection:
        for journal, number in (("a", 3), ("b", 4)):
            connection.execute(
                sa.insert(tables.refused).values(journal=journal, number=number, **one)
            )
    with store.reading() as connection:
        assert standing.read(connection).refused == {"no topic": 7}


def test_history_that_is_read_is_no_gap(store: Store) -> None:
    with store.writing() as connection:
        for start, reason in enumerate((NOT_LISTENING, BEFORE_THE_PLUGIN, RECALLED)):
            values = {"addressee": "", "start": start, "stop": 9, "opened": 0, "reason": reason}
            connection.execute(sa.insert(tables.owed).values(values))
    with store.reading() as connection:
        found = standing.read(connection)
    assert len(found.debts) == 3
    assert [gap.reason for gap in found.gaps] == [NOT_LISTENING]


@pytest.mark.parametrize(("silence", "beats"), [(0, True), (29, True), (31, False)])
def test_a_daemon_is_alive_while_it_says_so(store: Store, silence: int, beats: bool) -> None:
    row = {"id": 1, "journal": "j", "host": "h", "path": "p", "process": 1, "token": "t"}
    with store.writing() as connection:
        connection.execute(sa.insert(tables.owner).values(beat=1000.0, **row))
    with store.reading() as connection:
        assert standing.read(connection).is_beating(1000.0 + silence) is beats


def test_tables_of_another_version_are_refused(store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE statscache_version SET version_num = '0001'")
    with store.reading() as connection, pytest.raises(SchemaError, match="at revision 0001"):
        standing.read(connection)
