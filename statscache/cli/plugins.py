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
from ..config import PREFIX, Config
from ..engine import recall
from ..errors import ConfigError
from ..journal import Writer
from ..registry import Registry
from ..store import Store, checkpoints, deadletters, owed, progress, schema
from ..store.owed import Debt
from ..store.progress import Progress, Reading
from ..text import one_line, printable
from ..times import utc
from .moments import MOMENT
from .printing import console

COLUMNS = (
    "ident",
    "from",
    "version",
    "state",
    "counted",
    "expired",
    "dead letters",
    "lag",
    "complete until",
    "history",
)


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """The statistics that are installed, and how far each has counted.

    Where each is from, whether it runs and why not, how much it has counted, how far it lags, and
    what it could not digest. `statscache plugin` helps to write one.
    """
    if context.invoked_subcommand is None:
        _list()


@plugins.command()
def settings() -> None:
    """The settings that plugins declare, what they are, and what they are for."""
    config = hubconfig.read()
    installed = registry.load(config)
    table = Table("setting", "is", "default", "what it says", box=None)
    rows = {
        f"{PREFIX}{statistic.entry_point}.{one.name}": (
            one_line(repr(statistic.settings[one.name])),
            one_line(repr(one.default)),
            printable(one.help),
        )
        for statistic in {**installed.disabled, **installed.enabled}.values()
        for one in statistic.plugin.settings
    }
    for name, row in sorted(rows.items()):
        table.add_row(name, *row)
    console().print(table)


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
    versions = registry.versions()
    table = Table(*COLUMNS, box=None)

    def origin(distribution: str) -> tuple[str, str]:
        return distribution, versions.get(distribution, "")

    for ident, statistic in sorted(installed.enabled.items()):
        state = _state(known.get(ident), letters.get(ident, 0))
        history = _history(progress.history(debts, ident)) if ident in known else ()
        table.add_row(ident, *origin(statistic.distribution), *state, *history)
    for ident, statistic in sorted(installed.disabled.items()):
        reason = config.why_off(ident, statistic.distribution)
        table.add_row(ident, *origin(statistic.distribution), f"off: {reason}")
    for skipped in installed.skipped:
        reason = f"skipped: {printable(skipped.reason)}"
        table.add_row(skipped.name, *origin(skipped.distribution), reason)
    console().print(table)


def _state(told: Progress | None, letters: int) -> tuple[str, ...]:
    if told is None:
        return ("new",)
    now = time.time()
    state = f"suspended: {told.suspended}" if told.suspended else "on"
    lag, age = (max(0, now - since) for since in (told.counted_until, told.complete_until))
    return (
        *(state, f"{told.counted:,}", f"{told.expired:,}", f"{letters:,}"),
        *(f"{lag:,.0f} s", f"{age:,.0f} s ago"),
    )


def _history(reading: Reading | None) -> tuple[str, ...]:
    return (f"{math.floor(100 * reading.share)} % (to {utc(reading.reached)})",) if reading else ()
