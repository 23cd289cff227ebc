"""A line to one reader through a server that has a thread for each answer."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

from . import telling
from .watcher import Reader

HOLD = "statscache.hold"
"""In the environment of a request, where the server holds lines by itself: a function that takes
the reader of one, and lets it join when the beginning of the answer has left."""

UNREAD_BYTES = 1 << 16
"""Who has not taken so much yet is told nothing more: the line is hung up."""


class Line:
    """What is said and not taken yet; ends when there is too much of it."""

    def __init__(self) -> None:
        self._texts: SimpleQueue[bytes | None] = SimpleQueue()
        self._unread = 0

    def send(self, text: bytes) -> None:
        if self._unread > UNREAD_BYTES:
            self.hang_up()
        else:
            self._unread += len(text)
            self._texts.put(text)

    def hang_up(self) -> None:
        self._texts.put(None)

    def __iter__(self) -> Iterator[bytes]:
        while (text := self._texts.get()) is not None:
            self._unread -= len(text)
            yield text


def listen(reader: Reader) -> Iterator[bytes]:
    """All that `reader` is told, from its joining to its end."""
    line = Line()
    try:
        yield telling.OPENING
        reader.join(line.send, line.hang_up)
        yield from line
    finally:
        reader.leave()
