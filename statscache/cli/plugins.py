"""`statscache plugins`: which statistics are installed, how far they are, and to begin one anew."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from contextlib import closing

import click
from rich.table import Table

from .. import hubconfig, registry, service
from ..backlog.importer import forget
from ..config import Config
from ..engine import recall
from ..errors import ConfigError
from ..journal import Writer
from ..registry import Registry
from ..store import Store, checkpoints, deadletters, owed, progress, schema
from ..store.owed import Debt
from ..store.progress import Progress, Reading
from ..text import printable
from ..times import utc
from .moments import MOMENT
from .printing import console

COLUMNS = (
    "ident",
    "from",
    "state",
    "counted",
    "expired",
    "dead letters",
    "complete until",
    "history",
)


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """The statistics that are installed, and how far each has counted."""
    if context.invoked_subcommand is None:
        _list()


@plugins.command()
@click.argument("ident")
def resume(ident: str) -> None:
    """Let a suspended statistic go on where it stopped."""
    store = Store(hubconfig.read()["statscache.sqlalchemy.uri"])
    with store.writing() as connection:
        checkpoint = checkpoints.read(connection).get(ident)
        if checkpoint is None:
            raise click.ClickException(f"{ident} has never counted; see `statscache plugins`")
        checkpoints.suspend(connection, ident, None)
    was = "goes on" if checkpoint.suspended else "was not suspended"
    click.echo(f"{ident} {was}, from position {checkpoint.position}")


@plugins.command()
@click.argument("idents", metavar="IDENT...", nargs=-1, required=True)
@click.option("--since", type=MOMENT, help="Only what was sent since then.  [default: all]")
@click.option(
    "--without-history",
    is_flag=True,
    help="Also where there is no history to read: then the rows are gone for good.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(idents: tuple[str, ...], since: float | None, without_history: bool, yes: bool) -> None:
    """Delete the rows of statistics, and have them counted anew from history.

    The daemon may be running, and other statistics do not notice. Until all of it has been read,
    answers say that they are not complete.
    """
    config = hubconfig.read()
    if config["statscache.datagrepper.endpoint"] is None and not without_history:
        raise ConfigError(
            "there is no history to count the rows anew from: set statscache.datagrepper.endpoint "
            "to the base URL of the datagrepper of this bus; --without-history deletes them for "
            "good"
        )
    now = time.time()
    if since is not None and since > now:
        raise click.UsageError(f"nothing was sent since {utc(since)} yet")
    installed = service.load(config)
    store = Store(config["statscache.sqlalchemy.uri"])
    click.get_current_context().call_on_close(store.close)
    schema.prepare(store)
    _require_own_rows(idents, installed, store)
    if not yes:
        rows = "all rows" if since is None else f"the rows from {utc(since)} on"
        click.confirm(f"Delete {rows} of {', '.join(idents)}?", abort=True)
    for ident in idents:
        span = recall.recall(store, installed, ident, config, since, now)
        click.echo(f"{ident}: what was sent from {utc(span.start)} on is owed to it")
    if config["statscache.datagrepper.endpoint"] is None:
        _forget(idents, store, config)


def _require_own_rows(idents: Collection[str], installed: Registry, store: Store) -> None:
    with store.reading() as connection:
        known = checkpoints.read(connection)
    for ident in idents:
        if ident not in installed.enabled or ident not in known:
            raise click.ClickException(f"{ident} does not count here; see `statscache plugins`")
        recall.require_own_rows(installed.enabled[ident], installed)


def _forget(idents: Collection[str], store: Store, config: Config) -> None:
    """Let the journal forget what came for them alone, so that a replay can bring it again."""
    with store.reading() as connection:
        debts = [debt for debt in owed.still(connection) if debt.addressee in idents]
    with closing(Writer(config["statscache.journal.path"])) as journal:
        for debt in debts:
            forget(journal, store, debt)


def _list() -> None:
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    click.get_current_context().call_on_close(store.close)
    known: dict[str, Progress] = {}
    letters: dict[str, int] = {}
    debts: list[Debt] = []
    if schema.current(store) is not None:
        with store.reading() as connection:
            known, letters = progress.read_all(connection), deadletters.totals(connection)
            debts = owed.still(connection)
    if config["statscache.datagrepper.endpoint"] is None:
        debts = []
    installed = registry.load(config)
    table = Table(*COLUMNS, box=None)
    for ident, statistic in sorted(installed.enabled.items()):
        state = _state(known.get(ident), letters.get(ident, 0))
        history = _history(progress.history(debts, ident)) if ident in known else ()
        table.add_row(ident, statistic.distribution, *state, *history)
    for ident, statistic in sorted(installed.disabled.items()):
        table.add_row(ident, statistic.distribution, "off")
    for skipped in installed.skipped:
        reason = f"skipped: {printable(skipped.reason)}"
        table.add_row(skipped.name, skipped.distribution, reason)
    console().print(table)


def _state(told: Progress | None, letters: int) -> tuple[str, ...]:
    if told is None:
        return ("new",)
    state = f"suspended: {told.suspended}" if told.suspended else "on"
    age = f"{max(0, time.time() - told.complete_until):,.0f} s ago"
    return state, f"{told.counted:,}", f"{told.expired:,}", f"{letters:,}", age


def _history(reading: Reading | None) -> tuple[str, ...]:
    return (f"{math.floor(100 * reading.share)} % (to {utc(reading.reached)})",) if reading else ()
