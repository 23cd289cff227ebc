"""Stretches of time: when the daemon listened, and what is owed because it did not."""

from __future__ import annotations

from itertools import pairwise

from guests import on_sqlite, owed, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import NOW

from statscache.journal import Refusals, Span
from statscache.message import EVERYBODY
from statscache.store import Store, spans
from statscache.store.owed import still
from statscache.store.tables import NOT_LISTENING


def mirror(store: Store, *listened: tuple[float, float], journal: str = "j") -> None:
    with store.writing() as connection:
        spans.mirror(connection, journal, [Span(*span) for span in listened], NOW)


def covered(store: Store) -> list[tuple[str, float, float]]:
    return rows(store, "statscache_coverage", "journal", "start", "stop")


def test_what_lies_between_two_spans_of_listening_is_owed_to_everybody(store: Store) -> None:
    mirror(store, (0, 10))
    mirror(store, (0, 15))
    assert covered(store) == [("j", 0, 15)]
    assert owed(store) == []
    mirror(store, (0, 18), (25, 30), (40, 41))
    assert covered(store) == [("j", 0, 18), ("j", 25, 30), ("j", 40, 41)]
    assert owed(store, NOT_LISTENING) == [(EVERYBODY, 18, 25), (EVERYBODY, 30, 40)]


@on_sqlite
def test_each_journal_has_its_own_coverage(store: Store) -> None:
    mirror(store, (0, 10))
    mirror(store, (5, 7), (50, 60), journal="k")
    assert covered(store) == [("j", 0, 10), ("k", 5, 7), ("k", 50, 60)]
    assert owed(store) == [(EVERYBODY, 7, 50)]


@on_sqlite
def test_a_gap_that_was_healed_is_not_owed_again(store: Store) -> None:
    mirror(store, (0, 10), (20, 30))
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE statscache_owed SET healed = 1")
    mirror(store, (0, 10), (20, 35))
    mirror(store, (0, 10), (20, 35), (50, 60))
    with store.reading() as connection:
        assert [debt.start for debt in still(connection)] == [35]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=16), st.data())
def test_gaps_and_listening_together_are_the_whole_time(
    store: Store, lengths: list[int], data: st.DataObject
) -> None:
    """However often, and at whatever moment, the table is brought up to what the journal noted."""
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM statscache_coverage")
        connection.exec_driver_sql("DELETE FROM statscache_owed")
    ends = [sum(lengths[: place + 1]) for place in range(len(lengths))]
    whole = list(zip(ends[::2], ends[1::2], strict=False))
    seen = 1
    while seen < len(whole):
        *before, (start, stop) = whole[:seen]
        mirror(store, *before, (start, data.draw(st.integers(start, stop))))
        seen = data.draw(st.integers(seen, len(whole)))
        if data.draw(st.booleans()):
            seen += 1
    mirror(store, *whole)
    mirror(store, *whole)
    assert covered(store) == [("j", start, stop) for start, stop in whole]
    gaps = [(stop, start) for (_, stop), (start, _) in pairwise(whole)]
    assert sorted(owed(store)) == [(EVERYBODY, *gap) for gap in gaps]


def test_refusals_are_what_the_journal_noted(store: Store) -> None:
    columns = ("journal", "reason", "number", "last", "example")
    for refusals in ([Refusals("no topic", 1, NOW, "an example")], [], [Refusals("r", 2, 3, "e")]):
        with store.writing() as connection:
            spans.mirror_refused(connection, "j", refusals)
            spans.mirror_refused(connection, "k", [Refusals("x", 1, 1, "e")])
        found = rows(store, "statscache_refused", *columns)
        assert found == [*(("j", *one) for one in refusals), ("k", "x", 1, 1, "e")]
