"""`statscache plugins`: which statistics are installed, and how far they are."""

from __future__ import annotations

import time

import click
from rich.table import Table

from .. import hubconfig, registry
from ..store import Store, checkpoints, deadletters, schema
from ..store.checkpoints import Checkpoint
from ..text import printable
from .printing import console

COLUMNS = ("ident", "from", "state", "counted", "expired", "dead letters", "complete until")


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


def _list() -> None:
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    click.get_current_context().call_on_close(store.close)
    known: dict[str, Checkpoint] = {}
    letters: dict[str, int] = {}
    if schema.current(store) is not None:
        with store.reading() as connection:
            known, letters = checkpoints.read(connection), deadletters.totals(connection)
    installed = registry.load(config)
    table = Table(*COLUMNS, box=None)
    for ident, statistic in sorted(installed.enabled.items()):
        progress = _progress(known.get(ident), letters.get(ident, 0))
        table.add_row(ident, statistic.distribution, *progress)
    for ident, statistic in sorted(installed.disabled.items()):
        table.add_row(ident, statistic.distribution, "off")
    for skipped in installed.skipped:
        reason = f"skipped: {printable(skipped.reason)}"
        table.add_row(skipped.name, skipped.distribution, reason)
    console().print(table)


def _progress(checkpoint: Checkpoint | None, letters: int) -> tuple[str, ...]:
    if checkpoint is None:
        return ("new",)
    state = f"suspended: {checkpoint.suspended}" if checkpoint.suspended else "on"
    age = f"{max(0, time.time() - checkpoint.complete_until):,.0f} s ago"
    return state, f"{checkpoint.counted:,}", f"{checkpoint.expired:,}", f"{letters:,}", age
