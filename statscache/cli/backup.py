"""`statscache backup`: a pair of database and journal that fits together."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from .. import backup as backups
from .. import hubconfig
from ..store import Store


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--pg-dump",
    default="pg_dump",
    show_default=True,
    help="The pg_dump to call; it may not be older than the server.",
)
def backup(directory: Path, pg_dump: str) -> None:
    """Copy database and journal, as they fit together, into a new directory inside DIRECTORY.

    The daemon may run meanwhile, or not. The new directory, whose path is printed, is named by the
    time in UTC, and appears when all of it is there.
    """
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    journal = Path(config["statscache.journal.path"])
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total or None)

        taken = backups.take(store, journal, directory, time.time(), pg_dump, progress)
    click.echo(taken)
