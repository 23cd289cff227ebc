"""The processes of a demo: started together, watched together, ended together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ..errors import StatscacheError

STOP_SECONDS = 10
START_SECONDS = 60
POLL = 0.1
TAIL = 15
"""Lines of its log that are shown of a process that ended."""

Answer = TypeVar("Answer")


class Part:
    """A process that calls the function `target` (`MODULE:FUNCTION`); `log` is what it prints."""

    def __init__(self, name: str, target: str, arguments: tuple[str, ...], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        child = (sys.executable, "-m", "statscache.demo.child", target, name, *arguments)
        # It runs in another directory, where relative paths would lead elsewhere.
        path = os.pathsep.join(map(os.path.abspath, sys.path))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                child,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self, pattern: str) -> str | None:
        """What the first group of a regular expression matches in the log, if it is found there."""
        found = re.search(pattern, self.log.read_text(errors="replace"))
        return found[1] if found else None

    def tail(self) -> str:
        """The last lines of the log."""
        with self.log.open(errors="replace") as lines:
            return "".join(deque(lines, TAIL)).strip()


class Parts:
    """The running processes; at the end of the `with` block none is left.

    Args:
        folder: where they run, and where their logs go.
        ending: set from a signal handler, say, when the demo is to end.
    """

    def __init__(self, folder: Path, ending: threading.Event) -> None:
        self._folder = folder
        self._ending = ending
        self._parts: list[Part] = []

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for part in self._parts:
            part.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for part in self._parts:
            _end(part.process, deadline)

    def start(self, name: str, target: str, *arguments: str) -> Part:
        part = Part(name, target, arguments, self._folder)
        self._parts.append(part)
        return part

    def check(self) -> None:
        """Raises:
        SystemExit: the demo is to end.
        StatscacheError: a process has ended; the message names it and shows the end of its log.
        """
        if self._ending.is_set():
            raise SystemExit
        for part in self._parts:
            code = part.process.poll()
            if code is not None:
                how = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
                raise StatscacheError(
                    f"the demo's {part.name} ended ({how}); the end of {part.log}:\n{part.tail()}"
                )

    def wait(self, what: str, question: Callable[[], Answer | None]) -> Answer:
        """The answer of `question`, asked again and again until it is not None.

        Raises:
            SystemExit: the demo is to end.
            StatscacheError: a process has ended, or there is no answer after a minute.
        """
        deadline = time.monotonic() + START_SECONDS
        while (answer := question()) is None:
            self.check()
            if time.monotonic() > deadline:
                raise StatscacheError(
                    f"{what} is not there after {START_SECONDS} seconds; look into {self._folder}"
                )
            self._ending.wait(POLL)
        return answer

    def watch(self) -> None:
        """Until `check` raises."""
        while True:
            self.check()
            self._ending.wait(POLL)


def _end(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()
