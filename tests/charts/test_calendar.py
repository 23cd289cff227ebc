from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from pictures import DAY, SVG, chart, parsed, texts

from statscache.charts import draw
from statscache.charts.calendar import level, quartiles


def squares(text):
    """What the square of each day tells, with its class and place."""
    days = [one for one in parsed(text).iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None]
    found = {one.find(f"{SVG}title").text: one for one in days}
    return {told: one for told, one in found.items() if ", 2026: " in told}


def calendar(values, **others):
    return draw(chart(values, length=DAY, **others), "calendar", 760, 200)


def test_weeks_are_columns_from_monday():
    # 2026-01-01 is a Thursday.
    found = list(squares(calendar([1] * 12)).values())
    places = [(float(one.get("x")), float(one.get("y"))) for one in found]
    (left, thursday), monday = places[0], places[4]
    assert monday[0] > left
    assert monday[1] < thursday
    assert places[7] == (monday[0], thursday)


def test_each_square_says_its_day_and_number():
    found = [*squares(calendar([0, 1_234, None, 2], is_open=1))]
    assert found == [
        "Thu, Jan 1, 2026: 0 builds",
        "Fri, Jan 2, 2026: 1,234 builds",
        "Sat, Jan 3, 2026: not known",
        "Sun, Jan 4, 2026: 2 builds so far",
    ]


def test_there_are_five_steps_of_colour_and_those_for_what_is_unknown_and_not_over():
    found = squares(calendar([0, 1, 2, 3, 4, None, 4], is_open=1)).values()
    assert Counter(one.get("class") for one in found) == Counter(
        ["c0", "c1", "c2", "c3", "c4", "unknown", "c4 now"]
    )


def test_months_and_weekdays_are_named():
    found = texts(calendar([1] * 90))
    assert {"Jan", "Feb", "Mar", "Mon", "Wed", "Fri", "less", "more"} <= {*found}


def test_without_numbers_all_days_are_unknown():
    found = squares(draw(chart(length=DAY), "calendar", 760, 200)).values()
    assert {one.get("class") for one in found} == {"unknown"}


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50))
def test_more_has_no_lighter_colour_and_the_most_of_many_the_darkest(numbers):
    limits = quartiles(numbers)
    found = [level(one, limits) for one in sorted(numbers)]
    assert found == sorted(found)
    assert found[0] == 1
    assert found[-1] == 4 or len({*numbers}) < 4
    assert level(0, limits) == 0
