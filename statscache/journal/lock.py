"""The locks: one that makes a journal one daemon's, and one for guests, who write beside it."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time as clock
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..errors import JournalError, JournalInUseError
from ..files import make_private
from ..text import one_line
from .reader import require

LOCK_POLL = 0.2
GUESTS = ".guests.lock"
MENDING = ".mending.lock"

log = logging.getLogger(__name__)


def hold(path: Path, wait: float = 0, now: Callable[[], float] = clock.monotonic) -> IO[str]:
    """Hold the journal `path` by a lock on the file beside it, until what is returned is closed.

    Both are made, private to their owner, where they are absent. `wait` is in seconds.

    Raises:
        JournalInUseError: another daemon holds it.
        JournalError: the files cannot be written.
    """
    guard = _opened(path, ".lock")
    until = now() + wait
    owner = ""
    while not _held(guard, fcntl.LOCK_EX):
        if not owner:
            owner = one_line(guard.read().strip()) or "another process"
            if wait:
                message = "the journal %s is held by %s; waiting %.0f s for it"
                log.warning(message, path, owner, wait)
        if now() >= until:
            guard.close()
            raise JournalInUseError(
                f"the journal {path} is held by {owner}; stop that daemon, or let this one wait "
                "for it with statscache.journal.wait"
            )
        clock.sleep(LOCK_POLL)
    with suppress(OSError):  # the lock counts; its owner's name is only told to others
        os.ftruncate(guard.fileno(), 0)
        os.pwrite(guard.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    return guard


def enter(path: Path) -> IO[str]:
    """Be a guest of the journal `path`, one of any number, until what is returned is closed.

    Raises:
        JournalInUseError: it is being repaired, or adopted.
        JournalError: there is none, or its files cannot be written.
    """
    require(path)
    refusal = f"the journal {path} is being repaired or adopted: run this again when that is done"
    return _locked(path, GUESTS, fcntl.LOCK_SH, refusal)


def keep_out(path: Path) -> IO[str]:
    """Have no guests in the journal `path` until what is returned is closed.

    Raises:
        JournalInUseError: a guest is there.
        JournalError: the files cannot be written.
    """
    refusal = f"a command such as `statscache replay` writes into the journal {path}: end it first"
    return _locked(path, GUESTS, fcntl.LOCK_EX, refusal)


def mend(path: Path) -> IO[str]:
    """Be the only one who mends rows that come from the journal `path`, until that is closed.

    Raises:
        JournalInUseError: another one does.
        JournalError: the files cannot be written.
    """
    refusal = "another `statscache verify --repair` is running: wait until it has ended"
    return _locked(path, MENDING, fcntl.LOCK_EX, refusal)


def _locked(path: Path, suffix: str, kind: int, refusal: str) -> IO[str]:
    lock = _opened(path, suffix)
    if not _held(lock, kind):
        lock.close()
        raise JournalInUseError(refusal)
    return lock


def _opened(path: Path, suffix: str) -> IO[str]:
    """The file that is locked, beside `path`; both are made where they are absent."""
    lock = path.with_name(path.name + suffix)
    try:
        for name in (path, lock):
            make_private(name)
        return lock.open("r+")
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be written: {error.strerror}; "
            "set statscache.journal.path to a file that this user may write"
        ) from error


def _held(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
