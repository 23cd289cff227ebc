from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from statscache.errors import QueryError
from statscache.plugins import Count
from statscache.schedule import Schedule
from statscache.web.query import every, shape
from statscache.web.query.shape import MOST_KEYS, PLAIN, Shape

from .. import guests, summing

HOUR = 3_600
SUMMED = summing.Summed(Schedule(timedelta(minutes=1)), {})
EVENTS = guests.Events(None, {})


class Alone(Count):
    name, interval = "alone", timedelta(hours=1)


ALONE = Alone(Schedule(timedelta(hours=1)), {})


def parse(plugin=SUMMED, **asked):
    return shape.parse(plugin, plugin.model, {name: [value] for name, value in asked.items()})


def refusal(plugin=SUMMED, **asked):
    with pytest.raises(QueryError) as refused:
        parse(plugin, **asked)
    return refused.value


def test_nothing_asked_leaves_rows_as_they_are():
    assert parse(EVENTS) == PLAIN
    assert parse() == Shape(interval=60, by=("arch", "state"), sums=("volume", "late"))
    assert not parse().is_summed


def test_fields_come_in_the_order_of_the_model_however_they_are_asked_for():
    asked = {"fields": ["volume,state", "timestamp"]}
    assert shape.parse(SUMMED, SUMMED.model, asked).fields == ("timestamp", "state", "volume")
    assert parse(EVENTS, fields="message").fields == ("message",)


@pytest.mark.parametrize("text", ["", "id", "volume,", "volume;late", "Volume"])
def test_a_field_that_is_no_column_is_refused_with_those_that_are(text):
    error = refusal(fields=text)
    assert error.argument == "fields"
    assert error.allowed == "columns, which are timestamp, arch, late, state, volume"


@pytest.mark.parametrize(
    "asked", [{"every": "1h"}, {"pivot": "arch"}, {"top": "1"}, {"fields": "volume", "fill": "0"}]
)
def test_rows_are_summed_where_windows_or_keys_are_others(asked):
    assert parse(**asked).is_summed


@pytest.mark.parametrize("asked", [{"fields": "volume"}, {"open": "0"}, {"tz": "Europe/Berlin"}])
def test_rows_are_not_summed_for_less(asked):
    assert not parse(**asked).is_summed


def test_key_columns_that_no_field_names_are_summed_over():
    found = parse(every="1h", fields="late,arch")
    assert (found.by, found.sums) == (("arch",), ("late",))


def test_a_pivot_is_of_one_key_column_and_of_the_first_sum():
    found = parse(pivot="state")
    assert (found.by, found.sums, found.is_row_a_window) == (("state",), ("volume",), True)
    assert parse(pivot="state", fields="late").sums == ("late",)


def test_windows_are_the_own_ones_unless_others_are_asked_for():
    assert parse(pivot="state").windows == every.own(60)
    asked = parse(every="1d", tz="Europe/Berlin")
    assert asked.windows == every.parse("1d", ZoneInfo("Europe/Berlin"), 60)


@pytest.mark.parametrize("name", shape.SUMMING)
def test_what_sums_is_refused_for_statistics_that_do_not_add_up(name):
    error = refusal(EVENTS, **{name: "1"})
    assert (error.argument, error.value) == (name, "1")
    assert "count in windows only" in error.allowed


def test_only_a_key_column_can_be_pivoted():
    assert refusal(pivot="volume").allowed == "a key column: arch, state"
    assert refusal(ALONE, pivot="volume").allowed == "nothing: there are no keys"


def test_a_sum_has_to_be_left_to_show():
    assert refusal(every="1h", fields="timestamp,state").argument == "fields"
    assert refusal(pivot="state", fields="state").argument == "fields"
    assert parse(fields="timestamp,state").fields == ("timestamp", "state")


def test_keys_that_are_not_shown_cannot_be_ranked():
    assert refusal(ALONE, top="3").allowed == "where a key column is shown"
    assert refusal(top="3", fields="volume").argument == "top"


def test_what_is_filled_in_has_no_keys():
    error = refusal(every="1h", fill="0")
    assert error.allowed == "with pivot, or with fields that leave out arch, state"
    assert parse(every="1h", fill="0", fields="volume").fill == 0
    assert parse(pivot="state", fill="-3").fill == -3
    assert parse(ALONE, fill="0").fill == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("every", "often"),
        ("tz", "Mars"),
        ("fill", "none"),
        ("fill", "1.5"),
        ("fill", "9" * 16),
        ("open", "no"),
        ("top", "0"),
        ("top", str(MOST_KEYS + 1)),
        ("time", "us"),
        ("links", "yes"),
    ],
)
def test_an_unusable_value_is_refused_by_name(name, value):
    error = refusal(**{name: value})
    assert (error.argument, error.value) == (name, value)
