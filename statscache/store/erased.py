"""Who was erased: a list that can be asked for a name, and that nobody can read names from.

It holds the HMAC-SHA256 of each name, with a key that was made for this database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..errors import MovedError
from ..message import ERASED
from ..text import key as text_key
from .tables import erased as table
from .tables import erased_key

_MAKE_KEY = sa.text("INSERT INTO statscache_erased_key VALUES (1, :key) ON CONFLICT DO NOTHING")
_MARK = sa.text("INSERT INTO statscache_erased VALUES (:mark, :at) ON CONFLICT DO NOTHING")


@dataclass(frozen=True)
class Erased:
    """The list as it was read: `name in erased`.

    What stands in a message in place of an erased name is in it, too.
    """

    key: bytes
    marks: frozenset[str]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return name == ERASED or (bool(self.marks) and _mark(self.key, name) in self.marks)


def read(connection: Connection) -> Erased:
    """The list as it is now."""
    key = connection.execute(sa.select(erased_key.c.key)).scalar() or ""
    marks = connection.execute(sa.select(table.c.mark)).scalars()
    return Erased(bytes.fromhex(key), frozenset(marks))


def add(connection: Connection, name: str, now: float) -> None:
    """Put `name` on the list, at the time `now` (epoch seconds); it may stand there already."""
    connection.execute(_MAKE_KEY, {"key": secrets.token_hex(32)})
    connection.execute(_MARK, {"mark": _mark(read(connection).key, name), "at": now})


def require(connection: Connection, known: Erased) -> None:
    """Make sure that `known` is the list as it is now.

    Raises:
        MovedError: somebody was erased since it was read.
    """
    if read(connection) != known:
        raise MovedError("an account was erased while messages about it were counted")


def copy(connection: Connection, those: Erased) -> None:
    """Make `those` the list of another database, which has none."""
    connection.execute(_MAKE_KEY, {"key": those.key.hex()})
    for mark in those.marks:
        connection.execute(_MARK, {"mark": mark, "at": 0})


def _mark(key: bytes, name: str) -> str:
    return hmac.new(key, text_key(name).encode(), hashlib.sha256).hexdigest()
