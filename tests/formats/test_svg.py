from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pictures import paths, texts, told

from statscache.errors import ChartError
from statscache.formats import svg

START = datetime(2026, 1, 1)


def at(hours):
    return START + timedelta(hours=hours)


def test_each_column_of_numbers_is_a_line():
    text = svg.dumps(["timestamp", "p50", "p90"], [[at(0), 1, 5], [at(1), 2, None], [at(3), 3, 6]])
    assert "2 series: p50, p90." in told(text)
    (drawn,) = paths(text, "line s0")
    assert drawn.count("M") == 2


def test_with_keys_each_of_them_is_one_and_the_least_are_together():
    rows = [[at(hour), f"<{key}>", 10 - key] for key in range(10) for hour in range(3)]
    text = svg.dumps(["timestamp", "state", "volume"], rows, ["state"])
    assert {"<0>", "<6>", "other"} <= {*texts(text)}
    assert "<7>" not in texts(text)
    assert "volume per hour" in told(text)


def test_rows_of_one_window_are_added_up():
    text = svg.dumps(["timestamp", "volume"], [[at(0), 2], [at(0), 3], [at(1), 1]])
    assert "Highest: 5" in told(text)


def test_many_moments_are_fewer_windows():
    rows = [[START + timedelta(seconds=second), 1] for second in (0, 1, 100_000)]
    text = svg.dumps(["timestamp", "volume"], rows)
    assert "Highest: 2" in told(text)


@pytest.mark.parametrize("rows", [[], [[START, None]]])
def test_without_numbers_there_is_nothing_to_draw(rows):
    with pytest.raises(ChartError, match="no row has a number"):
        svg.dumps(["timestamp", "volume"], rows)
