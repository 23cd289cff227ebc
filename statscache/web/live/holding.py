"""Lines that `statscache serve` holds without a thread for each.

waitress has one thread that moves bytes for all connections, and some in which the application
answers. An answer that is held gives its thread back when its beginning has been written; what
follows is written by the thread that moves the bytes.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import WSGITask

from .line import HOLD, UNREAD_BYTES
from .watcher import Reader

log = logging.getLogger(__name__)


class _Task(WSGITask):  # type: ignore[misc]
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


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection of which an answer may be held open."""

    task_class = _Task
    _reader: Reader | None = None
    _is_chunked = False

    def hold(self, reader: Reader, is_chunked: bool) -> None:
        self._reader, self._is_chunked = reader, is_chunked
        later = self.server.trigger.pull_trigger
        reader.join(lambda text: later(partial(self._say, text)), lambda: later(self._hang_up))
        if not self.connected:
            reader.leave()

    def received(self, data: bytes) -> bool:
        """Nothing more is wanted of a client that listens."""
        return False if self._reader else bool(super().received(data))

    def del_channel(self, *arguments: Any) -> None:
        super().del_channel(*arguments)
        if self._reader:
            self._reader.leave()

    def _say(self, text: bytes) -> None:
        """Called by the thread that moves the bytes, as what follows is."""
        if not self.connected or self.will_close:
            return
        if self.total_outbufs_len > UNREAD_BYTES:
            log.info("a live reader that does not read is dropped")
            self._hang_up()
            return
        chunk = b"%X\r\n%b\r\n" % (len(text), text) if self._is_chunked else text
        try:
            self.write_soon(chunk)
        except ClientDisconnected:
            self._hang_up()

    def _hang_up(self) -> None:
        self.will_close = True
