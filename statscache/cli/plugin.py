"""`statscache plugin`: for whoever writes one. `statscache plugins` looks after those installed."""

from __future__ import annotations

from pathlib import Path

import click

from ..workbench import package
from .check import check
from .trying import try_file


@click.group()
def plugin() -> None:
    """Write a statistic: try it, check it, make a package of it.

    `statscache plugins` lists and manages those that are installed.
    """


@plugin.command()
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where to; nothing that is there is overwritten.  [default: ./NAME]",
)
def new(name: str, directory: Path | None) -> None:
    """Write a package with a statistic, its test and its entry point, ready to be changed.

    NAME is that of the package: copr-statistics, say.
    """
    made = package.make(name, directory or Path(name))
    for path in made:
        click.echo(f"{path}")


plugin.add_command(try_file)
plugin.add_command(check)
