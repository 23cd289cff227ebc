"""Cursors: opaque, URL-safe marks of where in a query a page lies.

A cursor is 36 characters: the Base64 of a checksum over the query and of the place. It belongs to
that one query and page; the checksum tells a mistake, it keeps no secret.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime
from typing import NamedTuple

from .. import times
from ..errors import QueryError
from .query import Query

ALLOWED = "a cursor from the Link header of this very query, all other arguments as they are there"

_CHECKSUM_LENGTH = 6
_PLACE = struct.Struct(">BqqI")
_BACKWARDS, _PLACED = 1, 2


class Place(NamedTuple):
    """Where a row stands in the order; the timestamp is naive, in UTC."""

    timestamp: datetime
    id: int


class Cursor(NamedTuple):
    """The `size` rows that come after `place`, or, `backwards`, those that come before it.

    Without a place: the last rows of all (and backwards).
    """

    backwards: bool
    place: Place | None
    size: int


def encode(cursor: Cursor, query: Query) -> str:
    """The text of `cursor`, good for `query` only."""
    place = cursor.place or Place(times.EPOCH, 0)
    flags = _BACKWARDS * cursor.backwards | _PLACED * (cursor.place is not None)
    packed = _PLACE.pack(flags, times.microseconds(place.timestamp), place.id, cursor.size)
    return urlsafe_b64encode(_checksum(packed, query) + packed).decode()


def decode(text: str, query: Query) -> Cursor:
    """The cursor that `encode` wrote.

    Raises:
        QueryError: it is none, or belongs to another query.
    """
    try:
        raw = b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    checksum, packed = raw[:_CHECKSUM_LENGTH], raw[_CHECKSUM_LENGTH:]
    if checksum != _checksum(packed, query) or len(packed) != _PLACE.size:
        raise QueryError("cursor", text, ALLOWED)
    flags, microseconds, number, size = _PLACE.unpack(packed)
    place = Place(times.from_microseconds(microseconds), number) if flags & _PLACED else None
    return Cursor(bool(flags & _BACKWARDS), place, size)


def _checksum(packed: bytes, query: Query) -> bytes:
    return hashlib.blake2b(repr(query).encode() + packed, digest_size=_CHECKSUM_LENGTH).digest()
