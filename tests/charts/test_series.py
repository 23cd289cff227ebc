from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from statscache.charts.series import add, most, ranked

numbers = st.dictionaries(st.integers(0, 3), st.integers(0, 9), min_size=1)
collected = st.dictionaries(st.tuples(st.sampled_from([*"abcdefghijkl", "other"])), numbers)


@given(collected)
def test_nothing_is_lost_where_many_become_one(found):
    before = sum(sum(one.values()) for one in found.values())
    kept = most(found, ("other",))
    assert {*kept} == {*found}
    assert len(kept) <= 8
    assert sum(sum(one.values()) for one in found.values()) == before


def test_the_rest_stands_at_the_end_and_no_key_is_taken_for_it():
    found = {(name,): {0: 100 - index} for index, name in enumerate(["other", *"abcdefghi"])}
    assert most(found, ("other",)) == [("other_",), *(tuple(one) for one in "abcdef"), ("other",)]
    assert found["other",] == {0: 93 + 92 + 91}


def test_those_with_most_come_first_and_of_equals_the_smaller():
    assert ranked({("b",): {0: 1}, ("a",): {0: 1}, ("c",): {0: 1, 1: 1}}) == [
        ("c",),
        ("a",),
        ("b",),
    ]


def test_none_adds_nothing():
    found = {}
    for value in (None, 1, 2):
        add(found, ("a",), 0, value)
    assert found == {("a",): {0: 3}}
