"""A directory where what a page shows is tried: configuration, statistics, processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datagrepper import Archive, Datagrepper
from pages import README, ROOT, Block, blocks

DAY = 1_767_744_000
"""2026-01-07 00:00:00 UTC: the day that the examples ask for."""
NOW = DAY + 86_400

FILL = f"""
import json, sys
from statscache import hubconfig, service
engine = service.build(hubconfig.read())
engine.start({DAY})
for line in sys.stdin:
    engine.accept(json.loads(line), {NOW}, more=True)
engine.drain({NOW})
engine.stop({NOW})
"""
MOVED = {
    "/var/lib/statscache": ".local/state/statscache",
    "/var/backups/statscache": "backups",
}
"""What stands elsewhere on the machine of an operator, and here in the directory."""

ARCHIVE = "https://apps.fedoraproject.org/datagrepper"
BACKUP = re.compile(r"(?<=/backups/)\d{8}T\d{6}Z")
SECONDS = 60
"""How long a command may take, or may take to work."""


class Place:
    """A directory with the `fedmsg.d` of the repository and a day of statistics.

    Args:
        packages: where the README's plugin is installed.
    """

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder = self.here = folder
        self._address = ""
        self._installed = folder / "installed"
        self._environment = {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{self._installed}:{packages}",
            "PYTHONUNBUFFERED": "1",
        }
        self._running: list[subprocess.Popen[bytes]] = []
        self._archive: Datagrepper | None = None
        shutil.copytree(ROOT / "fedmsg.d", folder / "fedmsg.d")
        self.run(f"python -c {shlex.quote(FILL)}", given="\n".join(map(json.dumps, messages())))

    def keep(self, block: Block) -> None:
        """Write the file that the block is, unless its place is elsewhere on the machine."""
        path = self.here / block.name
        if block.name and path.is_relative_to(self.folder):
            path.write_text(self._archived(block.text))

    def _archived(self, text: str) -> str:
        """`text` with an archive that stands here, and has what was sent."""
        if ARCHIVE in text and self._archive is None:
            self._archive = Datagrepper(Archive(list(messages())[1:]))
            self._archive.__enter__()
        return text.replace(ARCHIVE, self._archive.url) if self._archive else text

    def install(self, what: str) -> None:
        self.run(pip_install(what, self._installed))

    def run(self, command: str, fails: bool = False, given: str = "") -> str:
        """What a command says, which ends by itself."""
        done = subprocess.run(
            self._moved(command),
            shell=True,
            input=given,
            cwd=self.here,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert bool(done.returncode) == fails, f"{command}\n{done.stdout}"
        for there, here in MOVED.items():
            done.stdout = done.stdout.replace(str(self.folder / here), there)
        return done.stdout

    def _moved(self, command: str) -> str:
        """The same for what stands here; a backup is the newest, whatever its name."""
        for there, here in MOVED.items():
            command = command.replace(there, str(self.folder / here))
        names = sorted(path.name for path in self.folder.glob("backups/*"))
        return BACKUP.sub(names[-1], command) if names else command

    def start(self, command: str, ready: str) -> str:
        """What a command has said by the time that it is `ready`; it runs until the end."""
        log = self.folder / f"{len(self._running)}.log"
        command = command.replace("--port 8080", "--port 0")
        with log.open("wb") as file:
            process = subprocess.Popen(
                shlex.split(command), cwd=self.here, env=self._environment, stdout=file, stderr=file
            )
        self._running.append(process)
        end = time.monotonic() + SECONDS
        while ready not in log.read_text():
            assert time.monotonic() < end, f"{command}\n{log.read_text()}"
            assert process.poll() is None, f"{command}\n{log.read_text()}"
            time.sleep(0.1)
        if address := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            self._address = address[0]
        return log.read_text()

    def local(self, text: str) -> str:
        """`text` with the web application that runs here, which is started if need be."""
        if "localhost:8080" in text and not self._address:
            self.start("statscache serve --port 8080", "Serving on")
        return re.sub("(http://)?localhost:8080", self._address, text)

    def end(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(SECONDS)
        if self._archive:
            self._archive.__exit__()


def messages() -> Iterator[dict[str, Any]]:
    """A day of builds, of which some fail; a message that is refused, and a dead letter."""
    yield {"msg": {}}
    topic = "org.fedoraproject.prod.buildsys.build.state.change"
    yield {"topic": topic, "timestamp": NOW, "msg": {"name": "kernel"}}
    for hour in range(24):
        states = [0, 1] * (1 + hour % 3) + [3] * (hour % 4 == 0)
        for minute, state in enumerate(states):
            stamp = DAY + 3600 * hour + 60 * minute
            yield {"topic": topic, "timestamp": stamp, "msg": {"name": "kernel", "new": state}}


def install_readme(source: Path, where: Path) -> None:
    """Install the plugin that the README shows as the package that it speaks of."""
    shown = {block.language: block.text for block in blocks(README)}
    head = '[project]\nname = "my-statistics"\nversion = "1"\n'
    (source / "pyproject.toml").write_text(head + shown["toml"])
    (source / "my_statistics.py").write_text(shown["python"])
    subprocess.run(shlex.split(pip_install(str(source), where)), check=True)


def pip_install(what: str, where: Path) -> str:
    """Without a network: the build tools are those of this environment."""
    options = "-q --no-index --no-deps --no-build-isolation"
    return f"{sys.executable} -m pip install {options} --target {where} {what}"
