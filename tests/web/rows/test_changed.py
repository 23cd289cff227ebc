"""The rows that were touched, as they are now."""

from __future__ import annotations

from datetime import datetime

import pytest

from statscache.times import epoch
from statscache.web.query import query
from statscache.web.rows import changed

from ..conftest import serving
from ..guests import FIRST, HOUR

NOON = epoch(datetime(2026, 1, 7, 12))


def read(app, ident, touched, **arguments):
    plugin = serving(app).plugins[ident]
    asked = {name: [value] for name, value in arguments.items()}
    now = datetime(2026, 1, 8)
    wanted = query.parse(plugin, plugin.model, asked, serving(app).config, now)
    with serving(app).store.reading() as connection:
        return changed.read(connection, plugin.model, wanted, touched)


def test_rows_come_as_they_are_and_those_that_are_not_there_are_gone(app):
    touched = [(FIRST, {"state": "failed"}), (FIRST - HOUR, {"state": "failed"})]
    found = read(app, "builds-by-state-1h", touched)
    assert found.columns == ["timestamp", "state", "volume"]
    assert [row[1:] for row in found.rows] == [["failed", 2]]
    assert [place[1] for place in found.gone] == ["failed"]


def test_what_the_filters_of_the_key_leave_out_is_not_even_gone(app):
    touched = [(FIRST - HOUR, {"state": "failed"}), (FIRST - HOUR, {"state": "new"})]
    assert len(read(app, "builds-by-state-1h", touched, state="new").gone) == 1
    assert read(app, "builds-by-state-1h", touched, start=str(FIRST)).gone == []
    assert read(app, "builds-by-state-1h", []) == (["timestamp", "state", "volume"], [], [])


def test_rows_of_a_log_that_share_a_place_come_together(app):
    found = read(app, "event-logs", [(NOON, {"category": "f43"}), (NOON, {"category": "x"})])
    assert [row[1] for row in found.rows] == ["f43"]
    assert [place[1] for place in found.gone] == ["x"]


def test_moments_are_exact(app):
    found = read(app, "event-logs", [(NOON + 0.500001, {"category": "f43"})])
    assert [row[2] for row in found.rows] == ["plain"]


def test_no_category_is_a_place_as_well(app):
    found = read(app, "event-logs", [(NOON, {"category": None}), (NOON, {"category": "f43"})])
    assert len(found.rows) == 1
    assert [place[1] for place in found.gone] == [None]


@pytest.mark.parametrize("key", [{}, {"state": 7}, {"name": "failed"}])
def test_a_note_that_does_not_tell_the_place_tells_nothing(app, key):
    assert read(app, "builds-by-state-1h", [(FIRST, key)]) is None


def test_a_thousand_rows_are_read_at_once(app):
    touched = [(FIRST + number, {"state": str(number)}) for number in range(999)]
    found = read(app, "builds-by-state-1h", [*touched, (FIRST, {"state": "failed"})])
    assert (len(found.rows), len(found.gone)) == (1, 999)
