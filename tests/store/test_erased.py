"""Who was erased: asked by name, and not to be read."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from samples import NOW

from statscache.errors import MovedError
from statscache.message import ERASED
from statscache.store import Store, erased


def test_those_on_the_list_are_known_and_nobody_else(store: Store) -> None:
    with store.writing() as connection:
        assert "kevin" not in erased.read(connection)
        for name in ("kevin", "kevin", "x" * 300):
            erased.add(connection, name, NOW)
        found = erased.read(connection)
    assert "kevin" in found
    assert "x" * 300 in found
    assert "ada" not in found
    assert 7 not in found
    assert len(found.marks) == 2


def test_what_stands_for_an_erased_name_counts_as_nobody_from_the_start(store: Store) -> None:
    with store.reading() as connection:
        assert ERASED in erased.read(connection)


def test_no_name_is_in_the_database_and_the_key_is_its_own(store: Store) -> None:
    with store.writing() as connection:
        erased.add(connection, "kevin", NOW)
        first = erased.read(connection)
        rows = connection.execute(sa.text("SELECT * FROM statscache_erased")).all()
        assert "kevin" not in repr(rows)
        connection.execute(sa.text("DELETE FROM statscache_erased_key"))
        connection.execute(sa.text("DELETE FROM statscache_erased"))
        erased.add(connection, "kevin", NOW)
        assert erased.read(connection).marks.isdisjoint(first.marks)


def test_a_list_that_has_grown_since_it_was_read_is_refused(store: Store) -> None:
    with store.writing() as connection:
        known = erased.read(connection)
        erased.require(connection, known)
        erased.add(connection, "kevin", NOW)
        with pytest.raises(MovedError, match="erased while"):
            erased.require(connection, known)
