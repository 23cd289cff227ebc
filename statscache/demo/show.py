"""The demo from its beginning to its end."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from .. import hubconfig
from ..config import Config
from ..store import Store, checkpoints
from . import directory, greeting, history
from .parts import Parts
from .traffic import DAY

# Whatever proxy the environment names, it does not lead to this machine.


class Options(NamedTuple):
    """What a demo is to be like: days of history, messages a second, a port or 0 for any."""

    directory: Path | None
    remove: bool
    days: int
    rate: float | None
    seed: int
    messages: Path | None
    port: int
    plugins: Path | None = None


def run(options: Options, console: Console) -> None:
    """Run a demo until SIGINT, SIGTERM or SIGHUP.

    Raises:
        StatscacheError: an option cannot be used, or a process of the demo ended.
    """
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ending.set())
    folder = directory.make(options.directory)
    with contextlib.suppress(SystemExit), Parts(folder, ending) as parts:
        url = _start(options, folder, parts, console)
        greeting.welcome(console, url, folder)
        parts.watch()
    if options.remove:
        shutil.rmtree(folder)
    greeting.good_bye(console, folder)


def _start(options: Options, folder: Path, parts: Parts, console: Console) -> str:
    """Start everything; the URL of the web application, once all of it works."""
    now = time.time()
    bus = parts.start("bus", "statscache.demo.bus:main", *_traffic(options, now))
    endpoint = parts.wait("the bus", lambda: bus.said(r"Publishing on (\S+)"))
    directory.configure(folder, endpoint, options.plugins)
    # Before the history, so that a port that is taken is told of at once.
    web = parts.start("web", "statscache.cli:main", "serve", f"--port={options.port}")
    url = parts.wait("the web application", lambda: web.said(r"Serving on (\S+)"))
    with contextlib.chdir(folder):
        config = hubconfig.read()
    _fill(options, config, now, parts, console)
    parts.start("hub", "fedmsg.commands.hub:hub")
    with console.status("Starting fedmsg-hub", spinner="line"):
        parts.wait("the hub's subscription", lambda: bus.said("(Somebody listens)"))
        begun = time.time()
        with contextlib.closing(Store(config["statscache.sqlalchemy.uri"])) as store:
            parts.wait("the first count of the hub", lambda: _has_counted(store, begun))
    return url


def _traffic(options: Options, now: float) -> list[str]:
    """The arguments of the bus, which is to go on where the history ends."""
    arguments = [f"--since={now}"]
    if options.rate:
        arguments.append(f"--rate={options.rate}")
    if options.messages:
        return [*arguments, f"--messages={options.messages.absolute()}"]
    # With another rate the same seed tells other stories, with some of the same ids.
    return [*arguments, f"--seed={options.seed + 1}"]


def _fill(options: Options, config: Config, now: float, parts: Parts, console: Console) -> None:
    """Fill in the days before `now` (epoch seconds)."""
    start = now - options.days * DAY
    steps = history.fill(config, start, now, options.seed)
    with contextlib.closing(steps), greeting.progress(console, options.days) as show:
        for done in steps:
            show((done.until - start) / (options.days * DAY), done.number)
            parts.check()


def _has_counted(store: Store, begun: float) -> bool | None:
    """True once something that arrived after `begun` (epoch seconds) could have been counted."""
    with store.reading() as connection:
        known = checkpoints.read(connection).values()
    return any(checkpoint.complete_until > begun for checkpoint in known) or None
