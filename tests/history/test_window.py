from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from statscache.errors import RefusedError
from statscache.history.window import LONGEST, cut, next_length, strays, window


def found(*messages):
    return dict(enumerate(messages))


def at(*times):
    return [{"topic": "a", "msg": None, "timestamp": time} for time in times]


def test_a_message_at_the_stop_belongs_to_the_next_window():
    made = window(10, 20, found(*at(20, 19.999, 10, 15)), set())
    assert [one["timestamp"] for one in made.messages] == [10, 15, 19.999]


def test_what_does_not_tell_its_time_is_in_the_first_of_two_windows():
    odd = [*at("x", None, 5, 99), {"topic": "a", "msg": None}, RefusedError("no topic")]
    everything = found(*odd, *at(20))
    assert strays(10, 20, everything) == set(range(len(odd)))
    first = window(10, 20, everything, set())
    assert (len(first.messages), len(first.refused)) == (len(odd) - 1, 1)
    second = window(20, 30, everything, strays(10, 20, everything))
    assert (second.messages, second.refused) == (at(20), [])


@given(st.integers(0, 10**10), st.integers(2, 10**6), st.integers(1, 10**13))
def test_parts_tile_the_window(start, length, number):
    parts = cut(start, start + length, number)
    assert 2 <= len(parts) <= 16
    assert parts[0][0] == start
    assert parts[-1][1] == start + length
    assert all(first < last for first, last in parts)
    assert all(one[1] == other[0] for one, other in pairwise(parts))


@given(st.integers(1, LONGEST), st.integers(0, 10**6))
def test_windows_become_longer_where_little_happens_and_shorter_where_much_does(length, number):
    following = next_length(length, number)
    assert 1 <= following <= min(LONGEST, 2 * length)
    if number > 70:
        assert following < length or length == 1
