"""`statscache replay`: messages that were recorded in files."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import accumulate, chain

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .. import hubconfig, service
from ..backlog.importer import NOTHING
from ..config import Config
from ..errors import ReplayError
from ..history import lines, streams
from ..history.lines import Line
from ..message import EVERYBODY
from ..registry import Registry
from ..replay import entrance
from ..replay.replay import Coverage, Step
from ..replay.replay import replay as bring
from ..store import Store, schema
from ..text import printable
from . import counting
from .printing import console

SHOWN = 20
"""What cannot be read and is named; more is only counted."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


class Account:
    """What has become of the messages so far."""

    def __init__(self, addressees: Sequence[str]) -> None:
        self.read = self.broken = 0
        self._each = f" for each of {len(addressees)} statistics" if addressees[1:] else ""
        self.brought = NOTHING
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self._begun, 1e-3)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return not (self.broken or self.brought.doubtful or self.brought.refused)

    def add(self, step: Step) -> None:
        self.read += step.messages
        self.brought = self.brought.plus(step.brought)

    def lines(self) -> Iterator[str]:
        """For people."""
        rate = self.read / self.seconds
        messages = "message" if self.read == 1 else "messages"
        yield f"{self.read:,} {messages}{self._each} in {self.seconds:,.1f} s, {rate:,.0f} a second"
        yield f"{self.brought.new:,} new, {self.brought.known:,} already known"
        if self.brought.doubtful:
            yield (
                f"{self.brought.doubtful:,} left out: they may have been counted long ago, and "
                "their ids are forgotten"
            )
        for reason, number in sorted(self.brought.refused.items()):
            yield f"{number:,} refused: {reason}"
        if self.broken:
            yield f"{self.broken:,} could not be read"


@click.command()
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
)
@click.option(
    "--plugin",
    "idents",
    multiple=True,
    metavar="IDENT",
    help="Only for this statistic; may be given more than once.",
)
@click.option("--stop", is_flag=True, help="Stop at the first line that is broken.")
@click.option("--dry-run", is_flag=True, help="Only tell what would become of them.")
def replay(files: Sequence[str], idents: Sequence[str], stop: bool, dry_run: bool) -> None:
    """Count messages that were recorded in files, each once, whatever was counted before.

    A file has a JSON object on each line, or pages of datagrepper, and may be packed with gzip or
    zstd; - is standard input. The daemon may be running: then it counts them.

    Interrupted or killed, it is just run again. Exit code 1 where anything was left out.
    """
    config = hubconfig.read()
    installed = service.load(config)
    addressees = tuple(dict.fromkeys(idents)) or (EVERYBODY,)
    account = Account(addressees)
    with closing(Store(config["statscache.sqlalchemy.uri"])) as store:
        schema.prepare(store)
        entrance.require(idents, installed, store)
        way = _rehearse if dry_run else _bring
        ending, code = "", 0
        try:
            with _screen(files, account, stop) as screen:
                ending = way(config, installed, store, addressees, screen)
        except KeyboardInterrupt:
            ending, code = "interrupted: run it again for the rest", INTERRUPTED
        finally:
            if account.read or ending:
                for line in filter(None, [*account.lines(), ending]):
                    click.echo(line)
    if code:
        raise SystemExit(code)
    if not account.is_whole:
        raise click.ClickException("what is named above was left out")


def _bring(
    config: Config, installed: Registry, store: Store, addressees: Sequence[str], screen: Screen
) -> str:
    """Bring what is recorded in; who counts it."""
    with (
        _seldom_collecting(),
        counting.beside() as counter,
        entrance.enter(config, installed, store, addressees, counter) as door,
    ):
        coverage = Coverage(store, addressees, time.time())
        try:
            for step in bring(screen.lines(), door.importer, coverage, door.pace, addressees):
                screen.show(step)
        except ReplayError:
            if counter:
                door.pace.settle()
            raise
        if not counter:
            return "the daemon counts them"
        door.pace.settle()
        return "all are counted"


def _rehearse(
    config: Config, _installed: Registry, store: Store, addressees: Sequence[str], screen: Screen
) -> str:
    with entrance.rehearse(config, store) as importer:
        for step in bring(screen.lines(), importer, None, None, addressees):
            screen.show(step)
    return "nothing was written"


class Screen:
    """Reads the files, names what is broken in them, and shows how far they are."""

    def __init__(self, files: Sequence[str], account: Account, stop: bool, bars: Progress) -> None:
        sizes = [streams.size(file) for file in files]
        names = ["standard input" if file == streams.STDIN else file for file in files]
        known = [size or 0 for size in sizes]
        self._before = dict(zip(names, accumulate(known, initial=0), strict=False))
        total = None if None in sizes else sum(known)
        self._files, self._account, self._stop, self._bars = files, account, stop, bars
        self._task = bars.add_task("", total=total, read=0, rate=0.0)

    def lines(self) -> Iterator[Line]:
        on_error = lines.stop if self._stop else self._name
        return chain.from_iterable(lines.read(file, on_error) for file in self._files)

    def show(self, step: Step) -> None:
        self._account.add(step)
        read = self._account.read
        done = self._before[step.last.file] + step.last.position
        rate = read / self._account.seconds
        self._bars.update(self._task, completed=done, read=read, rate=rate)

    def _name(self, error: ReplayError) -> None:
        self._account.broken += 1
        if self._account.broken <= SHOWN:
            self._bars.console.print(printable(str(error)))
        elif self._account.broken == SHOWN + 1:
            self._bars.console.print("more are only counted")


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*counting.GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _screen(files: Sequence[str], account: Account, stop: bool) -> Iterator[Screen]:
    columns = (
        BarColumn(),
        TextColumn("{task.fields[read]:,} messages, {task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
    )
    shown = console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        yield Screen(files, account, stop, bars)
