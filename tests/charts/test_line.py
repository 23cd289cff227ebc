from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pictures import chart, parsed, paths, texts

from statscache.charts import draw
from statscache.charts.line import apart


def line(made, width=720, height=280):
    return draw(made, "line", width, height)


def test_a_gap_parts_the_line_and_what_stands_alone_is_a_dot():
    (drawn,) = paths(line(chart([1, 2, None, 4, None, 6, 7])), "line s0")
    assert drawn.count("M") == 3
    assert drawn.count("h.01") == 1


def test_one_line_has_an_area_below_it_several_have_none():
    assert paths(line(chart([1, 2, 3])), "f0")
    assert not paths(line(chart([1, 2, 3], [3, 2, 1])), "f0")


def test_what_is_not_over_is_dashed_and_the_picture_says_so():
    text = line(chart([1, 2, 3, 4], is_open=1))
    key, drawn = paths(text, "line open s0")
    assert (key.count("M"), drawn.count("M")) == (1, 1)
    (over,) = paths(text, "line s0")
    assert over.count("L") == 2
    assert "hour not over yet" in texts(text)
    assert "hour not over yet" not in texts(line(chart([1, 2, 3, 4])))


def test_wide_pictures_name_lines_at_their_ends_and_narrow_ones_above():
    made = chart([1, 2], [2, 1], names=["failed", "canceled"])
    wide, narrow = (parsed(line(made, width)) for width in (720, 300))
    assert [
        len(list(one.iter("{http://www.w3.org/2000/svg}circle"))) for one in (wide, narrow)
    ] == [2, 0]
    for one in (line(made, 720), line(made, 300)):
        assert {"failed", "canceled"} <= {*texts(one)}


def test_without_numbers_it_says_that_there_are_none():
    assert "No numbers in this time" in texts(line(chart()))
    assert "No numbers in this time" in texts(line(chart([None, None])))


@given(st.lists(st.floats(60, 250), max_size=8))
def test_names_stand_apart_within_the_picture(wanted):
    found = apart(sorted(wanted), 60, 250)
    assert all(other - one >= 14 - 1e-6 for one, other in pairwise(found))
    assert all(60 <= one <= 250 for one in found)
