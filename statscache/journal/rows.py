"""What stands in a journal, and the checksums by which a row is known to be what was written."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..message import Entry

ENTRY = "position, id, arrived, time, topic, body, addressee, checksum"
SEEN = "id, addressee, position, arrived, checksum"

NOBODY = " "
"""The addressee of an entry that no plugin is to count any more; no plugin has such an ident."""

_place = struct.Struct("<qd").pack
_time = struct.Struct("<d?").pack


class Kept(NamedTuple):
    """An entry at its position."""

    position: int
    entry: Entry


class Span(NamedTuple):
    """A stretch of time, epoch seconds."""

    start: float
    stop: float


class Refusals(NamedTuple):
    """How many messages were refused for one reason, when the last one came, and an example."""

    reason: str
    number: int
    last: float
    example: str


class Seen(NamedTuple):
    """An id that is known, and where and when (epoch seconds) it came in.

    The position is 0 where the entry was lost after some plugins had counted it.
    """

    id: str
    addressee: str
    position: int
    arrived: float


def seen_checksum(name: str, addressee: str, position: int, arrived: float) -> int:
    """CRC-32 (as in zlib) of an id's row."""
    return zlib.crc32(f"{name}\0{addressee}".encode() + _place(position, arrived))


def entry_checksum(time: float, topic: str, body: bytes | str, seen: int) -> int:
    """CRC-32 of an entry's row, going on from `seen`, the checksum of its id's."""
    is_text = isinstance(body, str)
    head = zlib.crc32(topic.encode() + _time(time, is_text), seen)
    return zlib.crc32(body.encode() if isinstance(body, str) else body, head)


def rows(position: int, entry: Entry) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The values of the columns `SEEN`, and those of `ENTRY`, for an entry at `position`."""
    name, arrived, time, topic, body, addressee = entry
    seen = seen_checksum(name, addressee, position, arrived)
    checksum = entry_checksum(time, topic, body, seen)
    return (name, addressee, position, arrived, seen), (position, *entry, checksum)


def seen_row(seen: Seen) -> tuple[Any, ...]:
    """The values of the columns `SEEN`."""
    return *seen, seen_checksum(*seen)


def is_seen(row: Sequence[Any]) -> bool:
    """Whether the row of the columns `SEEN` is what was written."""
    name, addressee, position, arrived, checksum = row
    try:
        return bool(seen_checksum(name, addressee, position, arrived) == checksum)
    except (TypeError, struct.error):
        return False  # damage may also turn a number into a text


def whole_entry(row: Sequence[Any]) -> Kept | None:
    """The entry in a row of the columns `ENTRY`; None where it is not what was written."""
    position, name, arrived, time, topic, body, addressee, checksum = row
    try:
        seen = seen_checksum(name, addressee, position, arrived)
        if entry_checksum(time, topic, body, seen) != checksum:
            return None
    except (TypeError, AttributeError, struct.error):
        return None
    return Kept(position, Entry(name, arrived, time, topic, body, addressee))
