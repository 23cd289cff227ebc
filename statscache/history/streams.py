"""Files, unpacked while they are read: plain, gzip or zstd, told apart by how they begin."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from typing import Any

from ..errors import ReplayError

try:
    import zstandard
except ImportError:  # the extra `zstd`
    zstandard = None  # type: ignore[assignment] # mypy knows a module, here it may be absent

STDIN = "-"
BLOCK = 1 << 18
"""Bytes that are read, and unpacked, at a time."""

PIECE = 1 << 12
"""Bytes of zstd unpacked at a time; at the worst, what comes out is 32 thousand times as long."""

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"

DAMAGED: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error)
if zstandard is not None:
    DAMAGED = (*DAMAGED, zstandard.ZstdError)


class Source(io.FileIO):
    """A file as it is on disk; `position` is how many bytes of it have been read.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        super().__init__(0 if path == STDIN else path, closefd=path != STDIN)
        self.position = 0

    def readinto(self, buffer: Any) -> int:
        try:
            count = super().readinto(buffer) or 0
        except OSError as error:
            raise ReplayError(f"the file cannot be read on ({error.strerror})") from error
        self.position += count
        return count


def size(path: str) -> int | None:
    """How many bytes `path` has on disk; None where nobody can tell, as of a pipe."""
    try:
        found = os.stat(0 if path == STDIN else path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def unpacked(packed: io.BufferedReader[Any]) -> io.BufferedReader[Any]:
    """What is in `packed`; reading from it raises ReplayError where that is torn.

    Raises:
        ReplayError: it is packed with zstd, and the package that unpacks it is not installed.
    """
    begins = packed.peek(len(ZSTD))
    if begins.startswith(GZIP):
        return io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=packed)), BLOCK)
    if begins.startswith(ZSTD):
        if zstandard is None:
            raise ReplayError(
                "the file is packed with zstd: pip install 'statscache[zstd]', or unpack it first"
            )
        return io.BufferedReader(_Unpacked(_Zstd(packed)), BLOCK)
    return packed


class _Unpacked(io.RawIOBase):
    """What `inside` unpacks; its errors in our words."""

    def __init__(self, inside: Any) -> None:
        self._inside = inside

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inside.read1(len(buffer))
        except EOFError:
            raise ReplayError(
                "the packed file is cut off here: copy it again, or do without the rest"
            ) from None
        except DAMAGED as error:
            raise ReplayError(
                f"the packed file is damaged here ({error}): copy it again, or do without the rest"
            ) from error
        buffer[: len(data)] = data
        return len(data)


class _Zstd:
    """Frames of zstd, one behind the other.

    The package's own reader takes the end of a file that was cut off for the end of what is in it.
    """

    def __init__(self, packed: io.BufferedReader[Any]) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def read1(self, most: int) -> memoryview:
        """Up to so many bytes, none at the end; raises EOFError where a frame does not end."""
        while not self._ready:
            piece = self._frame.unused_data or self._packed.read(PIECE)
            if not piece:
                if not self._frame.eof:
                    raise EOFError
                break
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._frame.decompress(piece))
        data, self._ready = self._ready[:most], self._ready[most:]
        return data
