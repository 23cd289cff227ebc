"""`statscache demo`: a bus, a hub and the web application on this machine."""

from __future__ import annotations

import math
from pathlib import Path

import click
from rich.console import Console

from ..demo import greeting, recording, show

RATE = 3.0
DAYS = 30


def _number(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """`nan` is within every range."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a number.")
    return value


@click.command()
@click.option(
    "--days",
    type=click.IntRange(0, 366),
    help=f"Days of history to fill in.  [default: {DAYS}, or 0 with --messages]",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 100, min_open=True),
    callback=_number,
    help=f"Messages a second, on average.  [default: {RATE:g}, or with --messages as recorded]",
)
@click.option("--seed", default=1, show_default=True, help="Another one invents other messages.")
@click.option(
    "--messages",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="Replay this file, one JSON object a line, as if it were recorded from now on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port of the web application.  [default: any free one]",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="A new or empty directory for data and logs.  [default: a new temporary one]",
)
@click.option(
    "--plugins",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory of Python files with plugins of yours, which run, too.",
)
@click.option("--remove", is_flag=True, help="Remove the directory at the end.")
def demo(
    days: int | None,
    rate: float | None,
    seed: int,
    messages: Path | None,
    port: int,
    directory: Path | None,
    plugins: Path | None,
    remove: bool,
) -> None:
    """Show statscache at work on a bus of invented messages; needs no network.

    Fills in some history, then starts a small bus, a fedmsg-hub that hears it, and the web
    application, all on this machine. Ctrl-C ends them. The data is kept: `statscache serve`, run
    in its directory, shows it again.
    """
    console = Console()
    if messages:
        _survey(console, messages, rate)
    else:
        days, rate = DAYS if days is None else days, rate or RATE
    options = show.Options(directory, remove, days or 0, rate, seed, messages, port, plugins)
    show.run(options, console)


def _survey(console: Console, messages: Path, rate: float | None) -> None:
    """Tell what is in the file; without any message in it there is no demo."""
    survey = recording.survey(messages, rate)
    greeting.recording(console, messages, survey, rate)
    if not survey.number:
        raise click.ClickException(
            f"{messages} holds no message; there has to be one JSON object on each line"
        )
