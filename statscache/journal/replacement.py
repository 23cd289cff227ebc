"""A mended journal takes the place of the damaged one: all of it, or nothing, whenever killed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

MENDED = ".mended"


def replace(path: Path, new: Path, now: float) -> Path:
    """Put the closed journal `new` in the place of `path`, which moves aside; its new name.

    `now` is in epoch seconds.

    Raises:
        OSError: the folder cannot be written.
    """
    aside = beside(path, f".damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    for suffix in ("", "-wal"):
        if beside(path, suffix).exists():
            os.link(beside(path, suffix), beside(aside, suffix))
    # From here on the new one counts: what is left to do is done by whoever comes next.
    os.replace(new, beside(path, MENDED))
    _sync(path.parent)
    finish(path)
    return aside


def finish(path: Path) -> None:
    """Go on where a replacement was cut off; done by the one who holds the lock.

    The -wal goes first: SQLite would take it for one of the new file's.
    """
    if is_cut_off(path):
        for suffix in ("-wal", "-shm"):
            beside(path, suffix).unlink(missing_ok=True)
        _sync(path.parent)
        os.replace(beside(path, MENDED), path)
        _sync(path.parent)


def is_cut_off(path: Path) -> bool:
    """Whether a replacement was, so that what stands in `path` counts no more."""
    return beside(path, MENDED).exists()


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
