"""Spans, and which windows can be compared."""

from __future__ import annotations

import math
from itertools import pairwise

from guests import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW
from worlds import DAY, HOUR, SPAN, World

from statscache.journal import Span
from statscache.message import EVERYBODY
from statscache.store import owed
from statscache.store.tables import REPLAYED
from statscache.verify.completeness import account, inwards, outwards, subtract, union

spans = st.builds(lambda a, b: Span(min(a, b), max(a, b)), *2 * [st.integers(0, 40)])
lists = st.lists(spans, max_size=6)


def seconds(those: list[Span]) -> set[int]:
    return {one for start, stop in those for one in range(int(start), int(stop))}


@given(lists)
def test_a_union_has_every_second_and_no_span_twice(those: list[Span]) -> None:
    joined = union(those)
    assert seconds(joined) == seconds(those)
    assert all(one.stop < two.start for one, two in pairwise(joined))


@given(lists, lists)
def test_what_is_subtracted_is_gone_and_no_more(those: list[Span], without: list[Span]) -> None:
    left = subtract(union(those), without)
    assert seconds(left) == seconds(those) - seconds(without)
    assert all(one.start < one.stop for one in left)


@given(spans, st.integers(1, 9))
def test_windows_inside_and_windows_touched(span: Span, length: int) -> None:
    starts = range(0, 60, length)
    touched = [at for at in starts if at < span.stop and at + length > span.start]
    inside = [at for at in starts if span.start <= at and at + length <= span.stop]
    assert seconds([inwards(span, length)]) == seconds([Span(at, at + length) for at in inside])
    if span.start < span.stop:
        assert seconds([outwards(span, length)]) == seconds(
            [Span(at, at + length) for at in touched]
        )


def test_hours_that_were_replayed_count_as_whole(world: World) -> None:
    before = SPAN.start - 40 * DAY
    with world.engine.store.writing() as connection:
        for start in (before, before + HOUR):
            stop = math.nextafter(start + HOUR, 0)
            owed.cover(connection, EVERYBODY, start, stop, REPLAYED, NOW)
        found = account(connection, checkpoint(world.engine.store, "volume-1h"))
    assert Span(before, before + 2 * HOUR) in found.whole
