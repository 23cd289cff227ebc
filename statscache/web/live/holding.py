"""Lines that `statscache serve` holds without a thread for each.

waitress has one thread that moves bytes for all connections, and some in which the application
answers. An answer that is held gives its thread back when its beginning has been written; what
follows is written by the thread that moves the bytes.

This uses what waitress 3 does not document: its classes of channels and tasks.
"""

from __future__ import annotations

import logging
import socket
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import WSGITask

from .line import HOLD, UNREAD_BYTES
from .watcher import Reader

log = logging.getLogger(__name__)


class _Task(WSGITask):  # type: ignore[misc] # waitress has no annotations
    """An answer that may be held, once the application has given what it begins with."""

    reader: Reader | None = None
    is_held = False

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[HOLD] = partial(setattr, self, "reader")
        return environ

    def service(self) -> None:
        try:
            super().service()
        finally:
            if self.reader and not self.is_held:
                self.reader.leave()
        if self.reader and self.is_held:
            # It was to end the connection, as any answer without a length.
            self.close_on_finish = False
            self.channel.hold(self.reader, self.chunked_response)

    def finish(self) -> None:
        self.is_held = self.reader is not None and self.status.startswith("200")
        if not self.is_held:
            super().finish()


class Channel(HTTPChannel):  # type: ignore[misc] # as above
    """A connection of which an answer may be held open.

    What is said stands in `_said` until the thread that moves the bytes comes by.
    """

    task_class = _Task
    _reader: Reader | None = None
    _is_chunked = False

    def hold(self, reader: Reader, is_chunked: bool) -> None:
        self._said = deque[bytes]()
        self._reader, self._is_chunked = reader, is_chunked
        reader.join(self._say, self._hang_up)
        if not self.connected:
            reader.leave()

    def received(self, data: bytes) -> bool:
        """Nothing more is wanted of a client that listens."""
        return False if self._reader else bool(super().received(data))

    def recv(self, size: int) -> bytes:
        """A client whom the kernel has given up is gone like any other, and no error."""
        try:
            return bytes(super().recv(size))
        except TimeoutError:
            self.handle_close()
            return b""

    def writable(self) -> bool:
        return bool(self._reader and self._said) or bool(super().writable())

    def handle_write(self) -> None:
        while self._reader and self._said and not self.will_close:
            with suppress(ClientDisconnected):
                self.write_soon(self._said.popleft())
        super().handle_write()

    def del_channel(self, *arguments: Any) -> None:
        super().del_channel(*arguments)
        if self._reader:
            self._reader.leave()

    def _say(self, text: bytes) -> None:
        if self.total_outbufs_len + sum(map(len, self._said.copy())) > UNREAD_BYTES:
            log.info("a live reader that does not read is dropped")
            self._hang_up()
            return
        self._said.append(b"%X\r\n%b\r\n" % (len(text), text) if self._is_chunked else text)
        self._wake()

    def _hang_up(self) -> None:
        """Also where the client takes nothing, so that there is never a time to write."""
        self.will_close = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # or the server has ended
            self.server.pull_trigger()
