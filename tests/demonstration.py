"""`statscache demo` in processes of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

STATSCACHE = Path(sys.executable).parent / "statscache"
READY = "Ctrl-C ends it."


class Demo:
    """A running `statscache demo`, the leader of its own process group, as from a shell."""

    def __init__(self, home: Path, *arguments: str, program: Path = STATSCACHE) -> None:
        home.mkdir(exist_ok=True)
        self._output = home / "output"
        places = {"HOME": str(home), "TMPDIR": str(home), "PATH": os.defpath}
        environment = {**os.environ, **places, "PYTHONWARNINGS": ""}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [program, "demo", *arguments],
                cwd=home,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def folder(self) -> Path:
        return Path(re.search("its logs are in (.*)", self.output)[1])

    @property
    def url(self) -> str:
        return re.search(r"statscache is up: (\S+)", self.output)[1]

    def ready(self) -> Demo:
        until(lambda: READY in self.output or self.process.poll() is not None, 120)
        assert READY in self.output, self.output
        return self

    def group(self) -> list[str]:
        """The command lines of the processes in its group that live."""
        return [
            " ".join(process.info["cmdline"])
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE and self._has(process.pid)
        ]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal to all of the group, as a terminal does; the exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(20)

    def _has(self, pid: int) -> bool:
        try:
            return os.getpgid(pid) == self.process.pid
        except ProcessLookupError:
            return False


def until(question: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
