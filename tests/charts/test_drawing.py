"""Each kind of chart as a whole."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import DAY, HOUR, START, SVG, chart, parsed, texts, told

from statscache.charts import KINDS, draw, room

GOLDEN = Path(__file__).parent / "golden"

LEAST, MOST = -(10**18), 10**18
values = st.none() | st.integers(LEAST, MOST) | st.floats(allow_nan=True, allow_infinity=True)
names = st.text(st.characters(exclude_categories=()), max_size=60)


def example(kind):
    length = DAY if kind == "calendar" else 6 * HOUR
    first = [round(50 + 40 * math.sin(index / 3)) for index in range(40)]
    second = [None if index in (7, 8) else index for index in range(40)]
    several = [first] if kind == "calendar" else [first, second]
    given = {"names": ["<complete>", "failed & more"][: len(several)], "per": "6 hours"}
    if kind == "calendar":
        given["per"] = "day"
    return chart(*several, length=length, is_open=1, **given)


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_is_what_it_has_been(kind):
    text = draw(example(kind), kind, *KINDS[kind].usual)
    assert text == (GOLDEN / f"{kind}.svg").read_text()


@pytest.mark.parametrize("kind", KINDS)
@given(
    found=st.lists(st.tuples(names, st.lists(values, min_size=5, max_size=5)), max_size=8),
    title=names,
    unit=names,
    note=names,
    is_open=st.integers(0, 5),
)
@settings(max_examples=40)
def test_whatever_it_shows_it_is_well_formed_and_within_its_size(
    kind, found, title, unit, note, is_open
):
    made = chart(
        *(numbers for _, numbers in found),
        names=[name for name, _ in found],
        borders=[START + index * DAY for index in range(6)],
        title=title,
        unit=unit,
        notes=[note],
        is_open=is_open,
    )
    width, height = KINDS[kind].least
    root = parsed(draw(made, kind, width, height))
    assert (root.get("width"), root.get("viewBox")) == (str(width), f"0 0 {width} {height}")
    known = {
        "title",
        "desc",
        "style",
        "defs",
        "pattern",
        "g",
        "path",
        "rect",
        "circle",
        "text",
        "svg",
    }
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= known


@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_see_it_is_told_and_nothing_is_fetched_or_run(kind):
    text = draw(example(kind), kind, *KINDS[kind].usual)
    root = parsed(text)
    ids = {one.get("id") for one in root if one.get("id")}
    assert root.get("role") == "img"
    assert {*root.get("aria-labelledby").split()} == ids
    assert root.find(f"{SVG}title").text == "Builds"
    assert "Highest: 90" in told(text)
    assert "prefers-color-scheme:dark" in root.find(f"{SVG}style").text
    assert "script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"spark"}))
def test_title_unit_range_and_zone_are_seen(kind):
    found = texts(draw(example(kind), kind, *KINDS[kind].usual))
    assert found[0] == "Builds"
    assert "builds per" in found[1]
    assert found[1].endswith("2026 UTC")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wider_picture_has_room_for_more_and_no_window_is_less_than_a_pixel(kind):
    few, many = (room(kind, width, 3) for width in (300, 900))
    assert 0 < few < many
    assert many <= (900 if kind != "calendar" else 7 * 900)


@pytest.mark.parametrize("kind", ["line", "bar", "stacked"])
@pytest.mark.parametrize("size", [(240, 160), (480, 160), (300, 200), (720, 160)])
def test_however_many_names_there_are_numbers_have_room(kind, size):
    made = chart(*[[1, 2, 3]] * 8, names=[f"a name of some length {index}" for index in range(8)])
    root = parsed(draw(made, kind, *size))
    (grid,) = [one.get("d") for one in root.iter(f"{SVG}path") if one.get("class") == "grid"]
    (base,) = [
        one.get("d")
        for one in root.iter(f"{SVG}path")
        if one.get("class") == "base" and "H" in one.get("d")
    ]
    highest = min(int(line.split()[1].partition(".")[0]) for line in grid[1:].split("M"))
    lowest = int(base.split()[1].partition(".")[0])
    assert lowest - highest >= 36
    assert all(0 < float(one.get("y")) < size[1] for one in root.iter(f"{SVG}text"))


def test_names_without_room_are_counted():
    names = [f"a name of some length {index}" for index in range(8)]
    found = texts(draw(chart(*[[1, 2, 3]] * 8, names=names), "stacked", 240, 160))
    assert any(re.fullmatch(r"\+ [1-8] more", one) for one in found)
