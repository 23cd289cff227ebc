"""`statscache plugins`: which statistics are installed, and how far they are."""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console
from rich.table import Table

from .. import hubconfig, registry
from ..store import Store, checkpoints, schema
from ..store.checkpoints import Checkpoint

WIDE = 500
"""Columns."""


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
    known: dict[str, Checkpoint] = {}
    if schema.current(store) is not None:
        with store.reading() as connection:
            known = checkpoints.read(connection)
    installed = registry.load(config)
    table = Table("ident", "from", "state", "counted", "expired", "complete until", box=None)
    for ident, statistic in sorted(installed.enabled.items()):
        table.add_row(ident, statistic.distribution, *_progress(known.get(ident)))
    for ident, statistic in sorted(installed.disabled.items()):
        table.add_row(ident, statistic.distribution, "off")
    for skipped in installed.skipped:
        table.add_row(skipped.name, skipped.distribution, f"skipped: {skipped.reason}")
    # Nothing is cut off where nobody looks.
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def _progress(checkpoint: Checkpoint | None) -> tuple[str, str, str, str]:
    if checkpoint is None:
        return "new", "", "", ""
    state = f"suspended: {checkpoint.suspended}" if checkpoint.suspended else "on"
    age = f"{max(0, time.time() - checkpoint.complete_until):,.0f} s ago"
    return state, f"{checkpoint.counted:,}", f"{checkpoint.expired:,}", age
