"""The lock that makes a journal one daemon's."""

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

LOCK_POLL = 0.2

log = logging.getLogger(__name__)


def hold(path: Path, wait: float = 0, now: Callable[[], float] = clock.monotonic) -> IO[str]:
    """Hold the journal `path` by a lock on the file beside it, until what is returned is closed.

    Both are made, private to their owner, where they are absent. `wait` is in seconds.

    Raises:
        JournalInUseError: another daemon holds it.
        JournalError: the files cannot be written.
    """
    try:
        for name in (path, path.with_name(f"{path.name}.lock")):
            make_private(name)
        guard = open(f"{path}.lock", "r+")  # noqa: SIM115 - held as long as the journal is
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be written: {error.strerror}; "
            "set statscache.journal.path to a file that this user may write"
        ) from error
    until = now() + wait
    owner = ""
    while not _held(guard):
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


def _held(guard: IO[str]) -> bool:
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
