"""Files, unpacked while they are read."""

from __future__ import annotations

import gzip
import io
import os
import random
from functools import partial

import pytest
import zstandard

from statscache.errors import ReplayError
from statscache.history.streams import BLOCK, Source, size, unpacked

DATA = random.Random(1).randbytes(2 * BLOCK + 17)
SKIPPABLE = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"


def zstd(data, **options):
    return zstandard.ZstdCompressor(**options).compress(data)


def read(path):
    with Source(str(path)) as source, io.BufferedReader(source, BLOCK) as packed:
        stream = unpacked(packed)
        return b"".join(iter(partial(stream.read, 1_000), b"")), source.position


@pytest.mark.parametrize(
    "packed",
    [
        DATA,
        b"",
        b"\x1f",
        gzip.compress(DATA, mtime=0),
        gzip.compress(DATA[:9], mtime=0) + gzip.compress(DATA[9:], mtime=0) + bytes(512),
        zstd(DATA),
        zstd(DATA, write_checksum=True, write_content_size=False),
        zstd(DATA[:9]) + zstd(b"") + SKIPPABLE + zstd(DATA[9:]) + SKIPPABLE,
    ],
    ids=["plain", "nothing", "a byte", "gzip", "padded", "zstd", "checked", "frames"],
)
def test_it_gives_what_was_packed_and_knows_how_far_it_is(tmp_path, packed):
    path = tmp_path / "file"
    path.write_bytes(packed)
    plain = packed if len(packed) < 2 else DATA
    assert read(path) == (plain, len(packed))
    assert size(str(path)) == len(packed)


def test_a_long_window_is_named_and_not_unpacked(tmp_path):
    """As `zstd --long=28` makes it: whoever unpacks it needs that room for every file."""
    path = tmp_path / "file"
    options = zstandard.ZstdCompressionParameters(window_log=28)
    writer = zstandard.ZstdCompressor(compression_params=options).compressobj()
    path.write_bytes(writer.compress(DATA) + writer.flush())
    with pytest.raises(ReplayError, match="requires too much memory"):
        read(path)


def test_the_size_of_what_is_no_file_is_not_known(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert size(str(fifo)) is size(str(tmp_path)) is size(str(tmp_path / "absent")) is None


def test_what_the_disk_refuses_is_said_in_our_words():
    """The memory of a process, whose first page nobody may read, stands in for a bad disk."""
    with (
        Source("/proc/self/mem") as source,
        pytest.raises(ReplayError, match="cannot be read on"),
    ):
        source.readinto(bytearray(9))
