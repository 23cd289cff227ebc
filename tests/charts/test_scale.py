"""The laws of round numbers at the side of a chart."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from statscache.charts.scale import Scale, full, short, ticks

numbers = st.integers(-(10**18), 10**18) | st.floats(-1e12, 1e12)


@given(low=numbers, high=numbers, number=st.integers(1, 12))
def test_ticks_cover_the_range_and_are_not_many(low, high, number):
    low, high = sorted((low, high))
    # Where floats end, so do steps.
    assume(high == low or high - low > abs(high) * 1e-9)
    found = ticks(low, high, number)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= number + 2


@given(high=st.integers(1, 10**15) | st.floats(1e-9, 1e15), number=st.integers(1, 12))
def test_ticks_are_evenly_spaced_by_one_two_or_five_times_a_power_of_ten(high, number):
    found = ticks(0, high, number)
    assert found[0] == 0
    step = Fraction(str(found[1]))
    for one, other in pairwise(found):
        assert float(Fraction(str(other)) - Fraction(str(one))) == pytest.approx(float(step))
    digits = f"{found[1]:.12e}".partition("e")[0].rstrip("0").rstrip(".")
    assert digits in ("1", "2", "5")


@given(high=st.integers(0, 50))
def test_what_is_counted_has_whole_numbers(high):
    assert all(isinstance(one, int) for one in ticks(0, high, 8, whole=True))


def test_nothing_at_all_has_ticks_too():
    assert ticks(0, 0, 5, whole=True) == [0, 1]
    assert ticks(7, 7, 2)[-1] > 7


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (1_000, "1k"),
        (12_500, "12.5k"),
        (-3_000_000, "-3M"),
        (2 * 10**9, "2G"),
        (0.25, "0.25"),
        (10**18, "1e+18"),
    ],
)
def test_numbers_at_the_side_are_short(number, text):
    assert short(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1_234_567, "1,234,567"),
        (3.0, "3"),
        (0.125, "0.125"),
        (1_234.5, "1,234.5"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_for_people_have_all_digits(number, text):
    assert full(number) == text


def test_a_scale_is_a_straight_line_that_may_go_upwards():
    scale = Scale(0, 10, 200, 100)
    assert [scale(one) for one in (0, 5, 10)] == [200, 150, 100]
