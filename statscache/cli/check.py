"""`statscache plugin check`: plugins held to the contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .. import hubconfig, meta, testing
from ..errors import PluginError, UnknownPluginError
from ..message import Message
from ..plugins import subjects
from ..registry import Statistic
from ..text import printable
from ..verify.source import of_files
from ..workbench import candidates, contract
from .printing import number
from .trying import ALWAYS, FILES


class UnprovenError(click.ClickException):
    """No fault was found, but there was nothing to find one with."""

    exit_code = 3


@click.command()
@click.argument("name", metavar="NAME")
@FILES
@click.option(
    "--most",
    type=click.IntRange(1),
    default=testing.MOST,
    show_default=True,
    help="Messages for each plugin, at the most.",
)
def check(name: str, files: tuple[str, ...], most: int) -> None:
    """Hold the plugins of NAME, a file, a module or a package, to the contract.

    They count messages with a real engine in a temporary place: at once, in another order, in
    small buckets, handed over again, after a kill; the rows have to be the same. The messages are
    recorded ones, or such as the demo invents.

    Exit code 0: no fault was found; 1: there is one; 2: NAME means nothing; 3: no message made any
    rows, so that nothing is shown.
    """
    config = hubconfig.read_if_any([Path(name).stem])
    subjects.ask(meta.source(config))
    try:
        points = candidates.points(name)
    except UnknownPluginError as error:
        raise click.BadParameter(printable(str(error))) from error
    found = candidates.load(config, points)
    for skipped in found.skipped:
        click.echo(f"FAULT  {skipped.name}: {printable(skipped.reason)}")
    statistics = list(found.enabled.values())
    entries = testing.entries(_messages(files, statistics, most), statistics, config)
    faults, unproven = len(found.skipped), []
    for case in contract.cases(statistics, config, entries):
        for ident in case.statistics:
            faults += _hold(case, ident)
            if not _proves(case, ident):
                unproven.append(ident)
    if faults:
        raise click.ClickException(f"{number(faults, 'fault')} in {name}")
    if unproven:
        raise UnprovenError(
            f"{', '.join(unproven)} made no rows of these messages, so nothing is shown; record "
            "some that matter, and name them with --file"
        )


def _messages(files: Sequence[str], statistics: Sequence[Statistic], most: int) -> list[Message]:
    """The first recorded messages that each statistic wants, or invented ones."""
    if not files:
        return testing.invented(statistics, most)
    left = {one.ident: most for one in statistics}
    chosen = []
    for message in of_files(files).read(0, ALWAYS):
        if not left:
            break
        if not isinstance(message, dict):
            continue
        wanting = [one.ident for one in statistics if one.wants(message["topic"])]
        if not left.keys().isdisjoint(wanting):
            chosen.append(message)
        for ident in left.keys() & wanting:
            left[ident] -= 1
            if not left[ident]:
                del left[ident]
    return chosen


def _hold(case: contract.Case, ident: str) -> int:
    """Tell what comes of it; how many faults there are."""
    statistic = case.statistics[ident]
    click.echo(f"{ident} ({statistic.distribution})")
    if not case.wanted(ident):
        click.echo("  no message has a topic that it wants")
        return 0
    faults = 0
    for held in contract.hold(case, ident):
        if held.fault is None:
            click.echo(f"  ok     {held.clause}")
        else:
            faults += 1
            said = printable(held.fault, keep="\n").replace("\n", "\n         ")
            click.echo(f"  FAULT  {held.clause}:\n         {said}")
    if statistic.is_asynchronous:
        click.echo("  its rows are not compared: work beside is done when it is done")
    _show_speed(case, ident)
    return faults


def _show_speed(case: contract.Case, ident: str) -> None:
    try:
        outcome = case.at_once
    except PluginError:
        return
    seen = outcome.witnesses[ident]
    rows = number(outcome.rows[ident].total(), "row")
    speed = f", {1e6 * seen.seconds / seen.messages:,.0f} µs a message" if seen.messages else ""
    click.echo(f"  {rows} of {number(seen.messages, 'message')}{speed}")


def _proves(case: contract.Case, ident: str) -> bool:
    try:
        return bool(case.at_once.rows[ident])
    except PluginError:
        return True
