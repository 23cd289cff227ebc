from __future__ import annotations

import re

import pytest
from pictures import DAY, chart, paths, texts

from statscache.charts import draw


def bars(text, class_):
    """From where to where each bar reaches: left, right, lower and upper end, in pixels."""
    (drawn,) = paths(text, class_)
    found = re.findall(r"M(\S+) (\S+?)V(\S+?)H(\S+?)V\S+?Z", drawn)
    return [
        tuple(float(one) for one in (left, right, low, high)) for left, low, high, right in found
    ]


def test_bars_begin_at_zero_and_are_as_high_as_their_number():
    one, other = bars(draw(chart([10, 5]), "bar", 720, 280), "f0")
    assert one[2] == other[2]
    assert one[2] - one[3] == pytest.approx(2 * (other[2] - other[3]), abs=0.2)


def test_what_is_below_zero_hangs():
    one, other = bars(draw(chart([10, -10]), "bar", 720, 280), "f0")
    assert one[3] < one[2] == other[2] < other[3]


def test_series_stand_side_by_side():
    text = draw(chart([1, 1], [1, 1]), "bar", 720, 280)
    first, second = bars(text, "f0"), bars(text, "f1")
    assert first[0][1] <= second[0][0] < second[0][1] <= first[1][0]


def test_stacked_series_stand_on_one_another():
    text = draw(chart([1, None], [2, 3]), "stacked", 720, 280)
    (first,), second = bars(text, "f0"), bars(text, "f1")
    assert second[0][:2] == first[:2]
    assert second[0][2] == first[3]
    assert second[1][2] == first[2]


@pytest.mark.parametrize("kind", ["bar", "stacked"])
def test_what_is_not_over_is_hatched_and_the_picture_says_so(kind):
    text = draw(chart([1, 2, 3, 4], [1, 1, 1, 1], is_open=1), kind, 720, 280)
    assert text.count('fill="url(#builds-hatch)"') == 2
    assert "hour not over yet" in texts(text)
    assert "hatch" not in draw(chart([1, 2]), kind, 720, 280).partition("</style>")[2]


def test_many_bars_are_no_less_than_a_pixel_wide():
    found = bars(draw(chart([1] * 300, length=DAY), "bar", 720, 280), "f0")
    assert min(right - left for left, right, *_ in found) >= 1
    assert len(found) == 300


def test_each_series_is_named():
    made = chart([1], [2], names=["failed", "canceled"])
    for kind in ("bar", "stacked"):
        assert {"failed", "canceled"} <= {*texts(draw(made, kind, 300, 200))}
    assert "only" not in texts(draw(chart([1], names=["only"]), "bar", 300, 200))
