"""The counter: a process that holds the journal and counts, while this one brings messages in."""

from __future__ import annotations

import os
import sys
import threading
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from subprocess import PIPE, Popen, TimeoutExpired
from typing import IO

from ..engine import Engine
from ..errors import JournalInUseError, StalledError, StatscacheError

COUNTS, TAKEN, END = "counts", "taken", "end"
"""What the two say to each other: it counts; another process does; no more is to come."""

PAUSE, TURN = 0.3, 2.0
"""Seconds between two turns, so that there is much to count together; and how long a turn is
waited for."""

ENOUGH = 10_000
"""Entries that are counted although more come in."""

GRACE = 30.0
"""Seconds in which it has to end."""


class Counter:
    """A counter that was started here."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def require(self) -> None:
        """Make sure that it still counts.

        Raises:
            StalledError: it has ended.
        """
        code = self._process.poll()
        if code is not None:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise StalledError(
                f"the process that counts has ended {how}: what was brought is in the journal; run "
                "this again, and it is counted"
            )


@contextmanager
def running(command: Sequence[str]) -> Iterator[Counter | None]:
    """Have a counter as long as this lasts; None where another process holds the journal.

    `command` starts one that calls `serve`. What it says on standard error is said here.

    Raises:
        StatscacheError: it cannot count; the message says the cure.
    """
    ours, theirs = Pipe()
    with ours:
        with theirs:
            process = _started(command, theirs)
        telling = threading.Thread(target=_pass_on, args=(process.stderr,), daemon=True)
        telling.start()
        try:
            yield Counter(process) if _answer(ours) == COUNTS else None
        finally:
            _end(process, ours)
            telling.join(GRACE)


def serve(counting: AbstractContextManager[Engine]) -> None:
    """Be a counter: let that engine count until the other end of standard input says so.

    Where that is gone, this process ends at once, and lets go of the journal.
    """
    command = Connection(0)
    ended = threading.Event()
    threading.Thread(target=_heed, args=(command, ended), daemon=True).start()
    try:
        with counting as engine:
            command.send(COUNTS)
            count(engine, ended)
    except JournalInUseError:
        command.send(TAKEN)
    except StatscacheError as error:
        command.send(str(error))


def count(engine: Engine, ended: threading.Event, now: Callable[[], float] = clock.time) -> None:
    """Let `engine` count what comes in, until that has `ended`."""
    counted = seen = -1
    while not ended.wait(PAUSE):
        end = engine.journal.end()
        # Few are not worth a transaction of each statistic, while more come in.
        if end - counted >= ENOUGH or end == seen:
            engine.drain(now(), TURN)
            counted = end
        seen = end


def _heed(command: Connection, ended: threading.Event) -> None:
    try:
        command.recv()
    except (EOFError, OSError):
        # It was killed. Who runs it again shall find the journal free.
        os._exit(1)
    ended.set()


def _started(command: Sequence[str], connection: Connection) -> Popen[str]:
    return Popen(
        command,
        stdin=connection.fileno(),
        stderr=PIPE,
        text=True,
        errors="replace",
        # A terminal sends Ctrl-C to all of a group: when to end is for us to say.
        process_group=0,
        # It finds the plugins that are found here.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _end(process: Popen[str], connection: Connection) -> None:
    try:
        with suppress(OSError):
            connection.send(END)
        with suppress(TimeoutExpired):
            process.wait(GRACE)
    finally:
        process.kill()
        process.wait()


def _answer(counter: Connection) -> str:
    """Whether it counts, or another process does.

    Raises:
        StatscacheError: it cannot.
    """
    try:
        said = str(counter.recv())
    except (EOFError, OSError):
        raise StalledError(
            "the process that counts has ended before it began: see what it said above, then run "
            "this again"
        ) from None
    if said not in (COUNTS, TAKEN):
        raise StatscacheError(said)
    return said


def _pass_on(lines: IO[str]) -> None:
    with lines:
        for line in lines:
            # Not by the file descriptor: a bar on the screen has to move out of the way.
            with suppress(OSError):
                sys.stderr.write(line)
