from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statscache.formats.value import Document, canonical, flat, plain

any_text = st.text(st.characters(exclude_categories=()))
odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | any_text
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes()
    | st.datetimes(timezones=st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers(),
    lambda values: (
        st.lists(values)
        | st.lists(values).map(tuple)
        | st.dictionaries(any_text | st.integers() | st.none(), values)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (-5, -5),
        (0.5, 0.5),
        ("grün\n", "grün\n"),
        ("a\0\ud800", r"a\u0000\ud800"),
        (datetime(2026, 1, 1), 1_767_225_600),
        (datetime(2026, 1, 1, microsecond=250_000), 1_767_225_600.25),
        (datetime(2026, 1, 1, tzinfo=UTC), 1_767_225_600),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 1_767_225_600),
        (datetime(1969, 12, 31, 23, 59, 59), -1),
        (date(2026, 1, 31), "2026-01-31"),
        (time(12, 30), "12:30:00"),
        (timedelta(hours=1), "1:00:00"),
        (Decimal("12.50"), 12.5),
        (Decimal("12.00"), 12),
        (Decimal("-Infinity"), -math.inf),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (10**30, "1" + "0" * 30),
        (-(10**30), "-1" + "0" * 30),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (b"x", "b'x'"),
        ([1, (2,)], [1, [2]]),
        ({"a": datetime(2026, 1, 1), 5: {"\ud800": "\0"}}, {
            "a": 1_767_225_600, "5": {r"\ud800": r"\u0000"},
        }),
    ],
)  # fmt: skip
def test_a_value_is_written_with_the_types_that_json_has(value, written):
    assert plain(value) == written
    assert type(plain(value)) is type(written)


@given(odd_values)
@example(10**400)
@example([{"\ud800": -(10**30)}])
def test_no_value_spoils_an_answer(value):
    orjson.dumps([{"column": plain(value)}])


@given(odd_values)
def test_what_is_plain_stays_as_it_is(value):
    assert json.dumps(plain(plain(value))) == json.dumps(plain(value))


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_a_datetime_is_written_to_the_microsecond(moment):
    written = plain(moment)
    assert datetime.fromtimestamp(written, UTC).replace(tzinfo=None) == moment
    assert isinstance(written, int) == (moment.microsecond == 0)


def test_a_float_that_is_no_number_is_left_to_the_format():
    assert math.isnan(plain(math.nan))
    assert math.isnan(plain(Decimal("NaN")))
    assert plain(math.inf) == math.inf


@pytest.mark.parametrize(
    ("moment", "milliseconds", "iso"),
    [
        (datetime(2026, 1, 1), 1_767_225_600_000, "2026-01-01T00:00:00Z"),
        (
            datetime(2026, 1, 1, microsecond=250_000),
            1_767_225_600_250,
            "2026-01-01T00:00:00.250000Z",
        ),
        (datetime(1969, 12, 31, 23, 59, 59), -1_000, "1969-12-31T23:59:59Z"),
        (
            datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
            1_767_225_600_000,
            "2026-01-01T00:00:00Z",
        ),
    ],
)
def test_a_moment_is_written_in_the_way_that_is_asked_for(moment, milliseconds, iso):
    assert plain(moment, "ms") == milliseconds
    assert isinstance(plain(moment, "ms"), int)
    assert plain(moment, "iso") == iso
    assert plain({"a": [moment]}, "iso") == {"a": [iso]}


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_all_ways_to_write_a_moment_mean_the_same(moment):
    milliseconds, iso = plain(moment, "ms"), plain(moment, "iso")
    assert datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds) == moment
    assert datetime.fromisoformat(iso) == moment.replace(tzinfo=UTC)
    assert iso.endswith("Z")


def test_what_has_parts_is_json_where_fields_have_none():
    assert flat({"a": [datetime(2026, 1, 1), 1]}, "iso") == '{"a":["2026-01-01T00:00:00Z",1]}'
    assert flat("text") == "text"
    assert flat(None) is None


@given(st.dictionaries(any_text | st.integers() | st.none(), odd_values))
@example({"b": 1, "a": {"d": [Decimal(1)], "c": "\ud800"}})
def test_the_canonical_text_does_not_depend_on_the_order_of_members(value):
    shown = plain(value)
    if len(shown) == len(value):
        assert canonical(dict(reversed(value.items()))) == canonical(value)
    assert orjson.loads(canonical(value)) == orjson.loads(orjson.dumps(shown))


def test_a_document_is_what_it_holds_in_json_and_its_text_where_fields_have_no_parts():
    document = Document(canonical({"b": [1.5, None], "a": "é"}))
    assert orjson.dumps({"it": plain(document)}) == '{"it":{"a":"é","b":[1.5,null]}}'.encode()
    assert flat(document) == '{"a":"é","b":[1.5,null]}'
    assert type(flat(document)) is str
