from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statscache.errors import RefusedError
from statscache.message import (
    EARLIEST,
    EVERYBODY,
    MAXIMUM_DEPTH,
    decode,
    encode,
    entry,
    message_id,
    usable_time,
)
from statscache.text import KEY_LENGTH

NOW = 1_767_225_600.0
HOUR = 3600
MEGABYTE = 1 << 20

MESSAGE = {
    "topic": "org.example.prod.build.done",
    "msg": {"name": "kernel"},
    "timestamp": 1_767_225_500,
    "msg_id": "2026-0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
    "i": 1,
    "username": "apache",
}
UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
ABSENT = object()

any_text = st.text(st.characters(exclude_categories=()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | any_text,
    lambda values: st.lists(values) | st.dictionaries(any_text, values),
    max_leaves=8,
)


def make(arrived=NOW, maximum_future=HOUR, maximum_bytes=8 * MEGABYTE, **changes):
    message = {name: value for name, value in {**MESSAGE, **changes}.items() if value is not ABSENT}
    return entry(message, arrived, maximum_future=maximum_future, maximum_bytes=maximum_bytes)


def nested(depth, innermost=None):
    value = innermost
    for _ in range(depth):
        value = [value]
    return value


def refusal(message, **limits):
    with pytest.raises(RefusedError) as error:
        entry(message, NOW, **{"maximum_future": HOUR, "maximum_bytes": MEGABYTE, **limits})
    return error.value


# -- the entry as a whole ------------------------------------------------------------------------


def test_an_entry_holds_the_message_its_id_and_its_times():
    made = make()
    assert made == (UUID, NOW, 1_767_225_500, MESSAGE["topic"], made.body, EVERYBODY)
    assert decode(made.body) == MESSAGE


def test_the_message_that_came_in_is_left_as_it_was():
    message = {"topic": "a", "msg": {}}
    entry(message, NOW, maximum_future=HOUR, maximum_bytes=MEGABYTE)
    assert message == {"topic": "a", "msg": {}}


def test_an_entry_may_be_addressed_to_one_plugin():
    made = entry(MESSAGE, NOW, maximum_future=HOUR, maximum_bytes=MEGABYTE, addressee="volume-1h")
    assert made.addressee == "volume-1h"


def test_plugins_find_an_id_and_a_time_in_every_message():
    made = make(msg_id=ABSENT, timestamp=ABSENT)
    message = decode(made.body)
    assert message["timestamp"] == made.time == NOW
    assert message["msg_id"] == made.id


@given(st.dictionaries(any_text, json_values), any_text, json_values, json_values)
@example({}, "\ud800", {"a\0b": 10**30}, "\ud800")
@example({}, "a", {"v": [math.nan, math.inf, 2**64, -(2**63) - 1]}, 10**400)
def test_whatever_json_holds_becomes_an_entry_or_is_refused(extra, topic, msg, anything):
    message = {**extra, "topic": topic, "msg": msg, "timestamp": anything, "msg_id": anything}
    if not topic or (usable_time(anything) or 0) > NOW + HOUR:
        assert refusal(message).reason in ("no topic", "stamped in the future")
        return
    made = entry(message, NOW, maximum_future=HOUR, maximum_bytes=MEGABYTE)
    assert made.id
    assert EARLIEST <= made.time <= NOW + HOUR
    for text in (made.id, made.topic):
        text.encode()
        assert "\0" not in text
    assert decode(made.body)["topic"] == topic


# -- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stamp", [EARLIEST, EARLIEST + 0.5, 1_767_225_500, 1_767_225_500.25, NOW + HOUR]
)
def test_a_usable_stamp_is_where_the_message_is_counted(stamp):
    assert make(timestamp=stamp).time == stamp
    assert decode(make(timestamp=stamp).body)["timestamp"] == stamp


@pytest.mark.parametrize(
    "stamp",
    [
        ABSENT, None, "", "1767225500", "2026-01-01T00:00:00Z", True, False, [], {}, [1767225500],
        0, -1, -1767225500, 0.0, 1, 946_684_799, math.nan, math.inf, -math.inf, 10**400, -(10**400),
    ],
)  # fmt: skip
def test_an_unusable_stamp_is_replaced_by_the_time_of_arrival(stamp):
    assert make(timestamp=stamp).time == NOW
    assert decode(make(timestamp=stamp).body)["timestamp"] == NOW


@pytest.mark.parametrize(
    "stamp", [NOW + HOUR + 1, 4_102_444_800, 1_767_225_600_000, 1e300, 10**308]
)
def test_a_stamp_too_far_in_the_future_is_refused(stamp):
    error = refusal({**MESSAGE, "timestamp": stamp})
    assert error.reason == "stamped in the future"
    assert "org.example.prod.build.done" in str(error)
    assert len(str(error)) < 200


@given(st.integers() | st.floats(allow_nan=True))
def test_a_usable_time_is_a_number_since_2000(stamp):
    usable = usable_time(stamp)
    assert usable is None or (usable == stamp and usable >= EARLIEST and math.isfinite(usable))


# -- id ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "2026-", "2012-", "0000-"])
def test_an_id_is_known_without_the_year_that_bridges_add(prefix):
    assert make(msg_id=prefix + UUID).id == UUID


@pytest.mark.parametrize(
    ("given_id", "known"),
    [
        ("2026-2025-a", "2025-a"),
        ("2026-", "2026-"),
        ("2026", "2026"),
        ("20266-a", "20266-a"),
        ("-2026-a", "-2026-a"),
        ("٢٠٢٦-a", "٢٠٢٦-a"),
        ("2026-A", "A"),
        ("\0", r"\u0000"),
        ("2026-\ud800", r"\ud800"),
    ],
)
def test_only_one_year_at_the_start_is_left_out(given_id, known):
    assert make(msg_id=given_id).id == known


def test_the_message_itself_keeps_the_id_it_came_with():
    assert decode(make(msg_id="2026-a").body)["msg_id"] == "2026-a"


def test_long_ids_are_cut_and_stay_different():
    ids = {make(msg_id="x" * 10_000 + end).id for end in "abc"}
    assert len(ids) == 3
    assert {len(name) for name in ids} == {KEY_LENGTH}


@pytest.mark.parametrize("given_id", [ABSENT, None, "", 5, 0, [], {}, ["a"], True])
def test_an_id_that_is_no_text_is_derived(given_id):
    assert make(msg_id=given_id).id == make(msg_id=ABSENT).id
    assert make(msg_id=given_id).id.startswith("derived-")


def test_a_derived_id_rests_on_topic_whole_second_and_msg_and_nothing_else():
    name = make(msg_id=ABSENT).id
    assert make(msg_id=ABSENT, i=9, username="other", signature="s").id == name
    assert make(msg_id=ABSENT, timestamp=1_767_225_500.75, arrived=NOW + 9).id == name
    assert make(msg_id=ABSENT, timestamp=1_767_225_501).id != name
    assert make(msg_id=ABSENT, topic="org.example.prod.build.start").id != name
    assert make(msg_id=ABSENT, msg={"name": "glibc"}).id != name
    assert make(msg_id=ABSENT, msg=ABSENT).id == make(msg_id=ABSENT, msg=None).id != name


@given(st.dictionaries(any_text, st.dictionaries(any_text, st.integers())))
def test_a_derived_id_does_not_depend_on_the_order_of_keys(msg):
    backwards = dict(reversed(msg.items()))
    one, other = ({"topic": "a", "msg": value} for value in (msg, backwards))
    assert message_id(one, 5) == message_id(other, 5)


def test_a_derived_id_is_the_same_for_ever():
    message = {"topic": "a.b", "msg": {"z": 1, "a": [None, 1.5, "ü", True]}}
    assert message_id(message, 1_767_225_500) == "derived-376cb80ec33a2618f5aad5527e021a9b"


def test_without_id_and_stamp_each_arrival_is_a_message_of_its_own():
    ids = {make(msg_id=ABSENT, timestamp=stamp).id for stamp in (ABSENT, ABSENT, "x", 0, 10**400)}
    assert len(ids) == 5


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [None, [], "text", 5, [MESSAGE], nested(10_000)])
def test_what_is_no_object_is_refused(message):
    assert refusal(message).reason == "not a JSON object"


@pytest.mark.parametrize("topic", [None, "", 5, [], ["a"], nested(10_000), True])
def test_what_has_no_topic_is_refused(topic):
    assert refusal({**MESSAGE, "topic": topic}).reason == "no topic"
    assert refusal({"msg": {}}).reason == "no topic"


def test_a_body_longer_than_allowed_is_refused():
    length = len(make().body)
    assert make(maximum_bytes=length)
    assert refusal(MESSAGE, maximum_bytes=length - 1).reason == "too long"


@pytest.mark.parametrize("character", ["x", "\0", "\ud800", "é", "\U0001f600"])
def test_five_megabytes_are_kept_where_they_are_allowed(character):
    text = character * (5 * MEGABYTE // len(json.dumps(character)))
    assert decode(make(msg=text).body)["msg"] == text
    assert refusal({**MESSAGE, "msg": text}).reason == "too long"


@pytest.mark.parametrize("innermost", [None, 10**30, "\ud800"])
@pytest.mark.parametrize("msg_id", ["a", ABSENT])
def test_two_hundred_levels_are_kept_and_ten_thousand_are_refused(innermost, msg_id):
    deep = nested(MAXIMUM_DEPTH - 2, innermost)
    assert decode(make(msg=deep, msg_id=msg_id).body)["msg"] == deep
    changes = {"msg": nested(10_000, innermost)}
    if msg_id is not ABSENT:
        changes["msg_id"] = msg_id
    message = {"topic": "a", "timestamp": NOW, **changes}
    assert refusal(message).reason == "nested too deeply"


def test_deep_objects_are_refused_like_deep_lists():
    deep = {}
    for _ in range(10_000):
        deep = {"a": deep}
    assert refusal({**MESSAGE, "msg": deep}).reason == "nested too deeply"


@pytest.mark.parametrize("depth", range(MAXIMUM_DEPTH - 3, MAXIMUM_DEPTH + 70))
def test_whatever_depth_is_kept_is_read_back(depth):
    try:
        body = encode({"msg": nested(depth)})
    except RefusedError:
        assert depth > MAXIMUM_DEPTH
    else:
        assert decode(body) == {"msg": nested(depth)}


def test_refusals_tell_no_lies_in_the_log():
    error = refusal({"topic": ["\n2026 CRITICAL forged" * 50]})
    assert "\n" not in str(error)
    assert len(str(error)) < 100


# -- text and bytes ------------------------------------------------------------------------------


@given(json_values)
def test_what_is_encoded_is_read_back(value):
    decoded = decode(encode({"msg": value}))["msg"]
    assert decoded == value or json.dumps(decoded).count("null") > json.dumps(value).count("null")


def test_numbers_beyond_64_bits_and_lone_surrogates_are_kept_exactly():
    msg = {"\ud800": [10**30, -(10**30), 2**64, 2**63, "a\0\udfff"]}
    body = encode({"msg": msg})
    assert isinstance(body, str)
    assert decode(body) == {"msg": msg}


def test_each_decoding_is_a_new_object():
    body = encode({"msg": {}})
    assert decode(body) is not decode(body)


def test_of_two_equal_keys_the_last_counts_in_bytes_and_in_text():
    for body in (b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'):
        assert decode(body) == {"a": 2}
