from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from statscache.errors import QueryError
from statscache.models import count_model
from statscache.text import key
from statscache.web.query import filters

from ..guests import Event, Odd

NOW = datetime(2026, 1, 8)


def read(model, name, *texts):
    ((found, values),) = filters.parse(model, {name: list(texts), "limit": ["5"]}, NOW)
    assert found == name
    return list(values)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("scalar", "-5", -5),
        ("scalar", "9223372036854775807", 2**63 - 1),
        ("ratio", "0.5", 0.5),
        ("price", "12.50", Decimal("12.5")),
        ("done", "true", True),
        ("done", "0", False),
        ("day", "2026-01-31", date(2026, 1, 31)),
        ("seen", "2026-01-31T01:00:00+01:00", datetime(2026, 1, 31)),
        ("timestamp", "-24h", datetime(2026, 1, 7)),
        ("level", "high", "high"),
    ],
)
def test_a_value_is_read_as_its_column_holds_it(name, text, value):
    assert read(Odd, name, text) == [value]


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("scalar", "five", "whole number"),
        ("scalar", "", "whole number"),
        ("scalar", "1.0", "whole number"),
        ("scalar", "٣", "whole number"),
        ("scalar", "9223372036854775808", "whole number"),
        ("scalar", "1" + "0" * 30, "whole number"),
        ("ratio", "nan", "decimal number"),
        ("ratio", "1e400", "decimal number"),
        ("price", "1" * 50, "decimal number"),
        ("done", "maybe", "true or false"),
        ("day", "10000-01-01", "a date"),
        ("day", "٢٠٢٦-01-01", "a date"),
        ("seen", "yesterday", "ISO 8601"),
        ("level", "middle", "low, high"),
        ("extra", "{}", "cannot be asked for"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_column_named(name, text, allowed):
    with pytest.raises(QueryError, match=allowed) as refused:
        read(Odd, name, text)
    assert (refused.value.argument, refused.value.value) == (name, text)


def test_several_values_are_alternatives():
    assert read(Event, "category", "a", "", "b") == ["a", "", "b"]


def test_text_is_looked_up_as_it_is_stored():
    long = "x" * 300
    counts = count_model("filtered", ("topic",))
    assert read(counts, "topic", long, "a\0b") == [key(long), "a\\u0000b"]
    assert read(Event, "message", long, "a\0b") == [long, "a\\u0000b"]
