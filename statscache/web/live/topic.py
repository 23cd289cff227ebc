"""What somebody listens to, and how far one has heard: the id of an event."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from ...store.changes import Mark, State
from ..query.arguments import Arguments

_ID = re.compile(
    r"([0-9a-f]{16})-([0-9a-f]{8})-([0-9a-f]{1,16})-([0-9a-f]{1,16})((?:-[0-9a-f.]*)+)"
)
_MARK = re.compile(r"([0-9a-f]{1,16})\.([0-9a-f]{0,16})\.([01])")


class Topic(NamedTuple):
    """The rows of a statistic that a request asks for, or which of several statistics change.

    `idents` are the statistics that keep their rows in its table, itself the first; or the several,
    which have no `arguments`. `made_by` names the versions of the software that writes the rows.
    """

    idents: tuple[str, ...]
    arguments: tuple[tuple[str, tuple[str, ...]], ...] | None
    made_by: str

    @property
    def ident(self) -> str:
        return self.idents[0]

    @property
    def asked(self) -> Arguments:
        """The arguments of the request."""
        return {name: list(values) for name, values in self.arguments or ()}

    def event_id(self, state: State) -> str:
        """How far somebody has heard who knows the rows of `state`."""
        # Of many statistics the revisions will do, and an id has to fit into a header.
        is_short = self.arguments is None
        marks = (_written(state.marks.get(ident), is_short=is_short) for ident in self.idents)
        numbers = f"{state.owner}-{state.oldest:x}-{state.newest:x}"
        return "-".join([self._digest(), numbers, *marks])

    def heard(self, event_id: str) -> State | None:
        """The state of which that is the id; None where it is none of this topic."""
        found = _ID.fullmatch(event_id)
        if not found or found[1] != self._digest():
            return None
        marks = found[5][1:].split("-")
        if len(marks) != len(self.idents):
            return None
        read = {ident: _read(mark) for ident, mark in zip(self.idents, marks, strict=True)}
        known = {ident: mark for ident, mark in read.items() if mark}
        return State(found[2], int(found[3], 16), int(found[4], 16), known)

    def _digest(self) -> str:
        return hashlib.blake2b(repr(tuple(self)).encode(), digest_size=8).hexdigest()


def topic(idents: tuple[str, ...], arguments: Arguments, made_by: str) -> Topic:
    """The topic of a request with those arguments, in whatever order they stand."""
    asked = tuple((name, tuple(sorted(arguments[name]))) for name in sorted(arguments))
    return Topic(idents, asked, made_by)


def _written(mark: Mark | None, *, is_short: bool) -> str:
    if mark is None:
        return ""
    tag = "" if mark.tag is None or is_short else f"{mark.tag:x}"
    return f"{mark.revision:x}.{tag}.{mark.recalled:d}"


def _read(text: str) -> Mark | None:
    found = _MARK.fullmatch(text)
    if not found:
        return None
    tag = int(found[2], 16) if found[2] else None
    return Mark(int(found[1], 16), tag, found[3] == "1")
