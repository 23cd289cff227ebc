"""Cursors: opaque, URL-safe marks of where in a query a page lies.

A cursor is the Base64 of a checksum over the query and of the place. It belongs to that one query
and page; the checksum tells a mistake, it keeps no secret.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from ... import times
from ...errors import QueryError
from .filters import INTEGER_LIMIT
from .query import Query

ALLOWED = "a cursor from the Link header of this very query, all other arguments as they are there"

_CHECKSUM_LENGTH = 6
_PLACE = struct.Struct(">BqI")
_BACKWARDS, _PLACED = 1, 2


class Place(NamedTuple):
    """Where a row stands in the order; the timestamp is naive, in UTC.

    `key` tells the rows of one moment apart: the id of a row as it is stored, or the texts that a
    sum is for.
    """

    timestamp: datetime
    key: tuple[int | str, ...]


class Cursor(NamedTuple):
    """The `size` rows that come after `place`, or, `backwards`, those that come before it.

    Without a place: the last rows of all (and backwards).
    """

    backwards: bool
    place: Place | None
    size: int


def encode(cursor: Cursor, query: Query) -> str:
    """The text of `cursor`, good for `query` only."""
    place = cursor.place or Place(times.EPOCH, ())
    flags = _BACKWARDS * cursor.backwards | _PLACED * (cursor.place is not None)
    packed = _PLACE.pack(flags, times.microseconds(place.timestamp), cursor.size)
    packed += orjson.dumps(place.key)
    # Blanks after JSON mean nothing, and Base64 of threes needs no padding.
    packed += b" " * (-len(packed) % 3)
    return urlsafe_b64encode(_checksum(packed, query) + packed).decode()


def decode(text: str, query: Query) -> Cursor:
    """The cursor that `encode` wrote.

    Raises:
        QueryError: it is none, or belongs to another query.
    """
    try:
        raw = b64decode(text, altchars=b"-_", validate=True)
        checksum, packed = raw[:_CHECKSUM_LENGTH], raw[_CHECKSUM_LENGTH:]
        if checksum != _checksum(packed, query):
            raise ValueError(text)
        return _unpack(packed, query)
    except (ValueError, OverflowError, struct.error):
        raise QueryError("cursor", text, ALLOWED) from None


def _unpack(packed: bytes, query: Query) -> Cursor:
    flags, microseconds, size = _PLACE.unpack_from(packed)
    place = None
    if flags & _PLACED:
        key = orjson.loads(packed[_PLACE.size :])
        # The checksum is no secret: anybody can make a place that no row has.
        if not (_are_texts(key) if query.shape.is_summed else _is_id(key)):
            raise ValueError(key)
        place = Place(times.from_microseconds(microseconds), tuple(key))
    return Cursor(bool(flags & _BACKWARDS), place, size)


def _are_texts(key: Any) -> bool:
    return isinstance(key, list) and all(isinstance(part, str) for part in key)


def _is_id(key: Any) -> bool:
    return isinstance(key, list) and [*map(type, key)] == [int] and abs(key[0]) < INTEGER_LIMIT


def _checksum(packed: bytes, query: Query) -> bytes:
    return hashlib.blake2b(repr(query).encode() + packed, digest_size=_CHECKSUM_LENGTH).digest()
