"""`statscache verify`: what is stored beside what history comes to."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn

from .. import hubconfig, service
from ..config import DAY, Config
from ..errors import ConfigError
from ..history import Datagrepper
from ..journal import Reader, Span, lock
from ..registry import Registry, Statistic
from ..replay import entrance
from ..replay.entrance import Entrance
from ..store import Store, checkpoints, schema
from ..times import utc
from ..verify import totals as hourly
from ..verify.completeness import union
from ..verify.repair import repair
from ..verify.source import Found, Source, of_datagrepper, of_files
from ..verify.verification import Case, chunks, compare
from . import counting
from .moments import MOMENT
from .printing import console
from .verdict import Verdict

LIMIT = 20
EVERY = 100
"""Messages between two looks at the screen."""

NO_HISTORY = (
    "there is nothing to compare with: set statscache.datagrepper.endpoint to the base URL of the "
    "datagrepper of this bus, or name recorded messages with --file"
)


class IncompleteError(click.ClickException):
    """Nothing differs, but not all could be compared."""

    exit_code = 3


@click.command()
@click.argument("idents", metavar="[IDENT]...", nargs=-1)
@click.option("--since", type=MOMENT, help="Compare from then on.  [default: -24h]")
@click.option(
    "--until", type=MOMENT, help="And up to then.  [default: now, less what may still come late]"
)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Recorded messages, in place of datagrepper; may be given more than once.",
)
@click.option("--totals", is_flag=True, help="Ask for totals first; look closer where they differ.")
@click.option("--repair", "mends", is_flag=True, help="Mend what differs.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=LIMIT,
    show_default=True,
    help="Rows that are shown, at the most.",
)
def verify(
    idents: tuple[str, ...],
    since: float | None,
    until: float | None,
    files: tuple[str, ...],
    totals: bool,
    mends: bool,
    limit: int,
) -> None:
    """Count the past once more, and compare it with what is stored, row by row.

    For all statistics that run, or those named. The daemon may be running. Exit code 0: all is
    equal, or has been mended; 1: something differs; 3: nothing differs, but there are windows that
    are known not to be complete.
    """
    now = time.time()
    config = hubconfig.read()
    installed = service.load(config)
    client = None if files else service.history(config)
    if totals and not client:
        raise click.UsageError("--totals asks datagrepper: set its endpoint, and name no --file")
    source = of_datagrepper(client) if client else of_files(files)
    if not (client or files):
        raise ConfigError(NO_HISTORY)
    span = _span(config, since, until, now)
    verdict = Verdict(limit)
    with ExitStack() as stack:
        store = stack.enter_context(_store(config, installed))
        statistics = _chosen(idents, installed, store, verdict)
        door = stack.enter_context(_door(config, installed, store)) if mends else None
        journal = stack.enter_context(closing(Reader(Path(config["statscache.journal.path"]))))
        screen = stack.enter_context(screen_of(span))
        case = Case(config, store, journal, screen.watched(source), now)
        parts = (
            _suspicious(case, client, installed, span, verdict)
            if client and totals
            else chunks(*span, statistics, source.length)
        )
        for part in parts:
            _verify(case, installed, statistics, part, door, verdict)
    click.echo("\n".join(verdict.lines(span)))
    if verdict.differs:
        raise click.ClickException(
            "what differs is named above; " + ("run it again" if mends else "--repair mends it")
        )
    if verdict.is_incomplete:
        raise IncompleteError("there are windows that are known not to be complete")


def _verify(
    case: Case,
    installed: Registry,
    statistics: Sequence[Statistic],
    span: Span,
    door: Entrance | None,
    verdict: Verdict,
) -> None:
    """Compare, and mend if there is a door; again and again where very much differs."""
    while True:
        found = compare(case, statistics, span)
        verdict.add(found)
        if not (door and found.differences):
            return
        importer, settle = door.importer, door.pace.settle
        done = repair(case, installed, statistics, span, found, importer, settle)
        verdict.mend(found, done)
        if done.left or not done.more:
            return
        verdict.start_over(found)


def _suspicious(
    case: Case, client: Datagrepper, installed: Registry, span: Span, verdict: Verdict
) -> list[Span]:
    """The hours of which the totals differ, as few spans."""
    counter = hourly.counter(installed)
    if counter is None:
        raise click.ClickException(
            f"--totals needs one of {', '.join(hourly.COUNTERS)}: none of them runs"
        )
    found = list(hourly.totals(case.store, counter, client, span))
    different = [one for one in found if one.stored != one.archived]
    verdict.compare_totals(len(found), different)
    return union(one.span for one in different)


def _span(config: Config, since: float | None, until: float | None, now: float) -> Span:
    latest = now - config["statscache.datagrepper.overlap"]
    start = now - DAY if since is None else since
    stop = latest if until is None else min(until, now)
    if start >= stop:
        raise click.UsageError(f"nothing lies between {utc(start)} and {utc(stop)}")
    return Span(start, stop)


@contextmanager
def _door(config: Config, installed: Registry, store: Store) -> Iterator[Entrance]:
    with (
        counting.beside() as counter,
        entrance.enter(config, installed, store, counter=counter) as door,
        closing(lock.mend(config["statscache.journal.path"])),
    ):
        yield door


@contextmanager
def _store(config: Config, installed: Registry) -> Iterator[Store]:
    connections = len(installed.enabled) + config["statscache.engine.workers"]
    with closing(Store(config["statscache.sqlalchemy.uri"], connections)) as store:
        schema.prepare(store)
        yield store


def _chosen(
    idents: Sequence[str], installed: Registry, store: Store, verdict: Verdict
) -> list[Statistic]:
    """Those that were named, or all; without those that cannot be compared, which are noted."""
    entrance.require(idents, installed, store)
    with store.reading() as connection:
        known = checkpoints.read(connection)
    chosen = []
    for ident in dict.fromkeys(idents or sorted(installed.enabled)):
        reason = _excuse(installed.enabled[ident], installed, known.keys())
        if reason:
            verdict.pass_over(ident, reason)
        else:
            chosen.append(installed.enabled[ident])
    return chosen


def _excuse(statistic: Statistic, installed: Registry, known: Collection[str]) -> str:
    """Why it cannot be compared, if it cannot."""
    if statistic.model is None:
        return "it keeps no rows"
    if statistic.ident not in known:
        return "it has not begun to count"
    if statistic.is_asynchronous:
        return "its plugin does part of its work beside"
    shares = installed.sharing(statistic)
    return f"its table is also that of {', '.join(shares)}" if shares else ""


class Screen:
    """Shows how many messages have been read, and how far they go."""

    def __init__(self, bars: Progress, span: Span) -> None:
        self._bars = bars
        self._begins = span.start
        self._read, self._reached = 0, 0.0
        self._task = bars.add_task("", total=span.stop - span.start, read=0)

    def watched(self, source: Source) -> Source:
        """The same source, of which each message is shown."""

        def read(start: int, stop: int) -> Iterator[Found]:
            for number, one in enumerate(source.read(start, stop), 1):
                yield one
                if number % EVERY == 0 and isinstance(one, dict):
                    self._show(one.get("timestamp"))

        return source._replace(read=read)

    def _show(self, time: object) -> None:
        self._read += EVERY
        if isinstance(time, int | float):
            self._reached = max(self._reached, time - self._begins)
        self._bars.update(self._task, completed=self._reached, read=self._read)


@contextmanager
def screen_of(span: Span) -> Iterator[Screen]:
    shown = console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.fields[read]:,} messages read"))
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        yield Screen(bars, span)
