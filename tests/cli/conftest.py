"""A directory to run commands in: its `fedmsg.d`, its database, and a plugin that can be mended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from guests import feed, turn
from samples import NOW

from statscache import cli, hubconfig, service
from statscache.store import Store

CONFIG = """
config = {{
    "endpoints": {{}},
    "statscache.consumer.enabled": True,
    "statscache.sqlalchemy.uri": {uri!r},
    "statscache.journal.path": "journal.sqlite",
    "statscache.plugins.enabled": ["fussy-*", "volume-1h"],
}}
"""

PLUGIN = '''
from datetime import timedelta
from pathlib import Path

from statscache.plugins import Count


class Fussy(Count):
    """Digests only what is of the kernel, until somebody mends it."""

    name, by, interval = "fussy", ("name",), timedelta(seconds=1)

    def count(self, message):
        if message["msg"] != "kernel" and not Path("mended").exists():
            raise ValueError(message["msg"])
        yield message["msg_id"]
'''

FUSSY = "fussy-1s"
Run = Callable[..., Result]


@pytest.fixture
def here(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that commands are run in."""
    folder, packages = tmp_path / "here", tmp_path / "packages"
    information = packages / "fussy-1.dist-info"
    for one in (folder / "fedmsg.d", information):
        one.mkdir(parents=True)
    (folder / "fedmsg.d" / "statscache.py").write_text(CONFIG.format(uri=uri))
    (packages / "fussy.py").write_text(PLUGIN)
    (information / "METADATA").write_text("Name: fussy-statistics\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[statscache.plugin]\nfussy = fussy:Fussy\n")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    if uri.startswith("postgresql"):
        assert CliRunner().invoke(cli.main, ["db", "upgrade"]).exit_code == 0
    yield folder
    sys.modules.pop("fussy", None)


@pytest.fixture
def run(here: Path) -> Run:
    """Runs a command of `statscache` in that directory: `run("plugins")`."""

    def running(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli.main, arguments, **options)

    return running


@pytest.fixture
def store(here: Path, uri: str) -> Iterator[Store]:
    opened = Store(uri)
    yield opened
    opened.close()


def count(*messages: Any, start: int = 0) -> None:
    """Let a daemon count messages with such a `msg`, and end."""
    engine = service.build(hubconfig.read())
    engine.start(NOW)
    for number, msg in enumerate(messages):
        feed(engine, [start + number], msg=msg)
    turn(engine)
    engine.stop(NOW)
