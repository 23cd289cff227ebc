"""`statscache backlog`: what is owed, to whom, and working it off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from .. import hubconfig, service
from ..backlog.backlog import Backlog
from ..config import Config
from ..engine import Engine, joining
from ..errors import ConfigError, JournalInUseError
from ..history import Datagrepper
from ..journal import Journal, Span
from ..message import EVERYBODY
from ..registry import Registry
from ..replay import entrance
from ..store import Store, checkpoints, owed, schema
from ..store.owed import Debt
from ..times import utc
from .moments import MOMENT
from .printing import console

COLUMNS = ("id", "owed to", "from", "to", "reason", "state", "brought")
LARGEST = 2**63 - 1
POLL = 0.5


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also what is healed or given up.")
@click.pass_context
def backlog(context: click.Context, everything: bool) -> None:
    """What is missing, and owed from history; the daemon works it off by itself."""
    if context.invoked_subcommand is None:
        _list(everything)


@backlog.command()
@click.option("--plugin", "idents", multiple=True, metavar="IDENT", help="Ask for this one only.")
@click.option("--since", type=MOMENT, help="Ask for what was sent since then, too.")
@click.option("--until", type=MOMENT, help="And before then.  [default: now]")
def run(idents: tuple[str, ...], since: float | None, until: float | None) -> None:
    """Work off what is owed now, and tell how far that is.

    Where the daemon runs, it does the work, also when this command is interrupted; else this
    command does. With --since, history is read for that time as well: what was not counted yet is
    counted, for everybody or for the plugins named.
    """
    config = hubconfig.read()
    history = service.history(config)
    if history is None:
        raise ConfigError(
            "there is no history to read: set statscache.datagrepper.endpoint to the base URL of "
            "the datagrepper of this bus, or bring recorded messages with `statscache replay`"
        )
    installed = service.load(config)
    store = _open(config)
    now = time.time()
    entrance.require(idents, installed, store)
    entrance.require_joined(idents, store)
    if since is not None:
        chosen = [installed.enabled[ident] for ident in idents]
        joining.ask(store, chosen, config, _span(since, until, now), now)
    elif until is not None or idents:
        raise click.UsageError("--until and --plugin say what --since is about: give it, too")
    with _working(config, installed, store, history) as tick:
        _follow(store, tick)
    _tell_of_the_rest(store)


@backlog.command()
@click.argument("ids", metavar="[ID]...", type=click.IntRange(1, LARGEST), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that is owed.")
@click.confirmation_option(
    prompt="What is given up stays missing, and nobody asks for it any more. Go on?"
)
def drop(ids: tuple[int, ...], everything: bool) -> None:
    """Give up what is owed: it stays missing, and is not waited for any more."""
    if bool(ids) == everything:
        raise click.UsageError("name ids, as `statscache backlog` lists them, or --all")
    store = _open(hubconfig.read())
    with store.writing() as connection:
        standing = {debt.id for debt in owed.still(connection)}
        unknown = sorted(set(ids) - standing)
        if unknown:
            raise click.ClickException(f"nothing is owed under {', '.join(map(str, unknown))}")
        number = owed.accept(connection, sorted(ids) or sorted(standing), time.time())
    click.echo(f"given up: {number}")


def _open(config: Config) -> Store:
    store = Store(config["statscache.sqlalchemy.uri"])
    click.get_current_context().call_on_close(store.close)
    schema.prepare(store)
    return store


def _list(everything: bool) -> None:
    config = hubconfig.read()
    store = _open(config)
    with store.reading() as connection:
        debts = owed.read(connection) if everything else owed.still(connection)
    if not debts:
        click.echo("nothing is owed")
        return
    table = Table(*COLUMNS, box=None)
    for debt in debts:
        times = utc(debt.start), utc(debt.stop)
        whom = debt.addressee or "everybody"
        table.add_row(str(debt.id), whom, *times, debt.reason, _state(debt), f"{debt.brought:,}")
    console().print(table)
    if config["statscache.datagrepper.endpoint"] is None:
        click.echo("nothing of it is read: statscache.datagrepper.endpoint is not set", err=True)


def _state(debt: Debt) -> str:
    if debt.healed is not None:
        return f"healed at {utc(debt.healed)}"
    if debt.accepted is not None:
        return f"given up at {utc(debt.accepted)}"
    if debt.filled is not None:
        return "read, being counted"
    if debt.awaits_late_ones:
        return "read, its end once more for what comes late"
    if debt.reached is None:
        return "waiting"
    return f"{(debt.read_until - debt.start) / (debt.stop - debt.start):.0%} read"


def _span(since: float, until: float | None, now: float) -> Span:
    stop = now if until is None else min(until, now)
    if since >= stop:
        raise click.UsageError(f"nothing lies between {utc(since)} and {utc(stop)}")
    return Span(since, stop)


Tick = Callable[[], bool]
"""Goes on with the work for a moment; whether anything is left that can be done now."""


@contextmanager
def _working(
    config: Config, installed: Registry, store: Store, history: Datagrepper
) -> Iterator[Tick]:
    """The daemon works, if it runs, else this process."""
    try:
        journal = Journal(config["statscache.journal.path"])
    except JournalInUseError:
        click.echo("the daemon runs, and works it off")
        yield lambda: _is_left(store)
        return
    engine = Engine(config, installed, store, journal)
    stopping = threading.Event()
    try:
        engine.start(time.time(), listens=False)
        engine.drain(time.time())
        reader = Backlog(history, journal, store, config, installed.enabled, stopping, time.time())
        with ThreadPoolExecutor(1) as threads:
            try:
                yield _worker(engine, reader, threads)
            finally:
                stopping.set()
    finally:
        engine.stop(time.time())


def _worker(engine: Engine, reader: Backlog, threads: ThreadPoolExecutor) -> Tick:
    working = threads.submit(reader.work, time.time())

    def tick() -> bool:
        nonlocal working
        # What it has brought until now is counted before anybody says that all is done.
        is_done = working.done()
        is_counted = engine.drain(time.time(), POLL)
        if is_done and is_counted:
            working.result()
            if not reader.is_left(time.time()):
                return False
            working = threads.submit(reader.work, time.time())
        return True

    return tick


def _is_left(store: Store) -> bool:
    """Whether the daemon has anything to do that it can do now."""
    with store.reading() as connection:
        debts, known = owed.still(connection), checkpoints.read(connection)
    running = {EVERYBODY, *(one.ident for one in known.values() if not one.suspended)}
    return any(one.addressee in running and not one.awaits_late_ones for one in debts)


def _follow(store: Store, tick: Tick) -> None:
    """Show how far it is, on a terminal, until nothing is left to do now."""
    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
    with store.reading() as connection:
        ids = {debt.id for debt in owed.still(connection)}
    began, first = time.monotonic(), None
    with bar:
        task = bar.add_task("history")
        while tick():
            with store.reading() as connection:
                debts = [debt for debt in owed.read(connection) if debt.id in ids]
            brought = sum(debt.brought for debt in debts)
            first = brought if first is None else first
            rate = (brought - first) / max(time.monotonic() - began, POLL)
            bar.update(
                task,
                description=f"{brought:,} messages, {rate:,.0f}/s",
                total=sum(debt.stop - debt.start for debt in debts),
                completed=sum(debt.read_until - debt.start for debt in debts),
            )
            time.sleep(POLL)


def _tell_of_the_rest(store: Store) -> None:
    with store.reading() as connection:
        debts = owed.still(connection)
    for debt in debts:
        whom, span = debt.addressee or "everybody", f"{utc(debt.start)} to {utc(debt.stop)}"
        click.echo(f"still owed to {whom}: {span} ({debt.reason}): {_state(debt)}")
    if not debts:
        click.echo("nothing is owed any more")
