from __future__ import annotations

from pictures import chart, parsed, paths, texts, told

from statscache.charts import draw


def test_it_is_a_line_without_axes_or_words():
    text = draw(chart([1, 5, 2], is_open=1), "spark", 160, 32)
    assert texts(text) == []
    assert paths(text, "line s0")
    assert paths(text, "line open s0")


def test_it_tells_all_the_same():
    text = draw(chart([1, 5, 2]), "spark", 20, 10)
    assert parsed(text).get("role") == "img"
    assert "Highest: 5 (Jan 1, 2026, 01:00)." in told(text)


def test_what_is_always_the_same_is_a_line_too():
    assert paths(draw(chart([0, 0, 0]), "spark", 160, 32), "line s0")
