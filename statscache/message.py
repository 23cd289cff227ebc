"""A message of the bus, made ready for the journal: its id, its time, its text."""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from .errors import RefusedError
from .text import key, one_line, storable

Message = dict[str, Any]

EVERYBODY = ""
"""The addressee of an entry that is meant for every plugin."""

ERASED = "(erased)"
"""What stands in a message where the name of an erased account stood; no account is called so."""

EARLIEST = 946_684_800
"""2000-01-01 UTC. No bus is older: an earlier stamp comes from a clock that was never set."""

MAXIMUM_DEPTH = 200
"""Levels of nesting that are always taken; well below what any JSON decoder can follow."""

_YEAR_PREFIX = re.compile(r"^[0-9]{4}-(?=.)")
_sorted_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Entry(NamedTuple):
    """A message as the journal keeps it.

    `arrived` and `time` are epoch seconds: when it came, and where it is counted. `body` is the
    message as JSON; text instead of bytes where only Python's own decoder reads it back
    (`decode` knows).
    """

    id: str
    arrived: float
    time: float
    topic: str
    body: bytes | str
    addressee: str = EVERYBODY


def entry(
    message: Mapping[str, Any],
    arrived: float,
    *,
    maximum_future: float,
    maximum_bytes: int,
    addressee: str = EVERYBODY,
) -> Entry:
    """`message`, as it came from the bus at `arrived` (epoch seconds), made ready to be kept.

    A missing or unusable timestamp becomes the time of arrival, a missing id is derived.

    Raises:
        RefusedError: no JSON object, no topic, stamped more than `maximum_future` seconds after
            its arrival, longer than `maximum_bytes`, or nested too deeply.
    """
    topic = topic_of(message)
    stamp = usable_time(message.get("timestamp"))
    if stamp is not None and stamp > arrived + maximum_future:
        raise RefusedError(
            "stamped in the future", f"{stamp - arrived:.6g} s ahead, topic {one_line(topic, 80)}"
        )
    name = message_id(message, stamp)
    time = arrived if stamp is None else stamp
    body = encode({**message, "timestamp": time, "msg_id": message.get("msg_id") or name})
    if len(body) > maximum_bytes:
        raise RefusedError("too long", f"{len(body)} bytes, topic {one_line(topic, 80)}")
    return Entry(name, arrived, time, storable(topic), body, addressee)


def topic_of(message: object) -> str:
    """The topic of `message`: what has none is no message.

    Raises:
        RefusedError: no JSON object, or no topic.
    """
    if not isinstance(message, Mapping):
        raise RefusedError("not a JSON object", one_line(reprlib.repr(message), 80))
    topic = message.get("topic")
    if not isinstance(topic, str) or not topic:
        raise RefusedError("no topic", one_line(reprlib.repr(topic), 80))
    return topic


def usable_time(stamp: object) -> float | None:
    """`stamp` if it is a number of seconds since 1970 that a bus can have sent, else None."""
    if isinstance(stamp, bool) or not isinstance(stamp, int | float):
        return None
    # Neither NaN, nor infinity, nor an integer that no float can hold is within these bounds.
    return stamp if EARLIEST <= stamp <= sys.float_info.max else None


def message_id(message: Mapping[str, Any], stamp: float | None) -> str:
    """The id by which a message is known once: its own, without the year that bridges add.

    Without one, it is derived.

    Raises:
        RefusedError: nested too deeply to be compared.
    """
    given = message.get("msg_id")
    if isinstance(given, str) and given:
        return key(_YEAR_PREFIX.sub("", given, count=1))
    return derived_id(message, stamp)


def derived_id(message: Mapping[str, Any], stamp: float | None) -> str:
    """The id of a message that was sent without one, also where an archive has invented one since.

    It is derived from topic, whole-second timestamp and canonical `msg`; without a usable timestamp
    every arrival is a message of its own.

    Raises:
        RefusedError: nested too deeply to be compared.
    """
    if stamp is None:
        return f"arrival-{uuid4()}"
    canonical = _canonical([message["topic"], int(stamp), message.get("msg")])
    return f"derived-{hashlib.sha256(canonical).hexdigest()[:32]}"


def encode(message: Message) -> bytes | str:
    """`message` as JSON: bytes, or text where it holds what orjson refuses.

    NaN and the infinities, for which JSON has no number, become null in bytes.

    Raises:
        RefusedError: nested too deeply.
    """
    try:
        return orjson.dumps(message)
    except TypeError:
        if _depth(message) > MAXIMUM_DEPTH:
            raise RefusedError("nested too deeply", f"more than {MAXIMUM_DEPTH} levels") from None
        return json.dumps(message, separators=(",", ":"))


def decode(body: bytes | str) -> Message:
    """The message that `encode` wrote; a new object every time."""
    decoded: Message = orjson.loads(body) if isinstance(body, bytes) else json.loads(body)
    return decoded


def _canonical(value: object) -> bytes:
    """`value` as JSON, the same whatever the order of its keys.

    Raises:
        RefusedError: nested too deeply.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        pass  # it holds what orjson refuses, as in `encode`
    try:
        return _sorted_json(value).encode()
    except RecursionError:
        raise RefusedError("nested too deeply") from None


def _depth(value: object) -> int:
    """How many levels `value` is nested; stops counting just above the maximum."""
    level, values = 0, [value]
    while values and level <= MAXIMUM_DEPTH:
        level += 1
        values = [
            child
            for parent in values
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return level
