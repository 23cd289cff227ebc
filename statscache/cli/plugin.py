"""`statscache plugin`: for whoever writes one. `statscache plugins` looks after those installed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from .. import hubconfig, meta, service, testing
from ..config import DAY, Config
from ..errors import ConfigError, PluginError, UnknownPluginError
from ..formats.value import ISO, flat
from ..history import Datagrepper
from ..history.topics import in_full
from ..journal import Span
from ..plugins import subjects
from ..registry import Registry, Statistic
from ..store.deadletters import Letter
from ..text import one_line, printable
from ..times import utc
from ..verify.source import Source, of_datagrepper, of_files
from ..workbench import candidates, contract, package
from ..workbench.bench import Bench
from ..workbench.failing import own_frames
from ..workbench.trial import Trial
from .moments import MOMENT
from .printing import console
from .verify import screen_of

LIMIT = 20
FAILURES = 3
"""Messages over which a plugin failed that are shown with their tracebacks."""

SUSPEND_AFTER = 20
"""Failures in a row after which a plugin that is tried has shown enough."""

TOPICS = 10
LOOK_AROUND = 600
"""Seconds of which all topics are told where none of those that were asked for came."""

NO_HISTORY = (
    "there are no messages to try it with: set statscache.datagrepper.endpoint to the base URL of "
    "the datagrepper of this bus, name recorded messages with --file, or take --invented ones"
)

FORMATS = ("table", "csv", "json")

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
RECORDED = click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Recorded messages, as `statscache replay` reads them; may be given more than once.",
)


class UnprovenError(click.ClickException):
    """No fault was found, but there was nothing to find one with."""

    exit_code = 3


@click.group()
def plugin() -> None:
    """Write a statistic: try it, check it, make a package of it.

    `statscache plugins` lists and manages those that are installed.
    """


# -- try -------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """Where messages come from, the time that is read (epoch seconds), and what was asked for."""

    source: Source
    span: Span
    client: Datagrepper | None = None
    asked: Sequence[str] | None = None


@plugin.command("try")
@click.argument("file", type=FILE)
@click.option("--since", type=MOMENT, help="Messages from then on.  [default: -24h; of files: all]")
@click.option("--until", type=MOMENT, help="And up to then.  [default: now; of files: all]")
@RECORDED
@click.option("--invented", is_flag=True, help="Messages that the demo invents; no network.")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=LIMIT,
    show_default=True,
    help="Rows of a table that are shown, the newest; 0 is all.",
)
def try_file(
    file: Path,
    since: float | None,
    until: float | None,
    files: tuple[str, ...],
    invented: bool,
    kind: str,
    limit: int,
) -> None:
    """Print the table that the plugins in FILE would make.

    Of what datagrepper has, or of recorded messages. FILE is one Python file with one or more
    plugin classes; there need be no package and no daemon, and nothing of yours is touched.

    Exit code 1 where a plugin fails, or no message has a topic that it wants.
    """
    now = time.time()
    config = hubconfig.read_if_any([file.stem])
    statistics = _statistics(config, file)
    reading = _reading(config, statistics, (since, until, now), files, invented)
    trial = Trial(statistics, config, now)
    suspend = {"engine__suspend_after": SUSPEND_AFTER}
    with ExitStack() as stack:
        bench = stack.enter_context(Bench(statistics, config, **suspend))
        screen = stack.enter_context(screen_of(reading.span))
        start, stop = reading.span
        bench.count(trial.entries(screen.watched(reading.source).read(int(start), int(stop))))
        for statistic in statistics:
            _show(bench, trial, statistic, kind, limit)
        failed = [one.ident for one in statistics if _show_failures(bench, one.ident)]
    for reason, number in trial.refused.items():
        click.echo(f"{number:,} messages were refused: {reason}", err=True)
    unmatched = [one for one in statistics if not trial.wanted(one)]
    if unmatched:
        raise click.ClickException(_no_message(unmatched[0], trial, reading))
    if failed:
        raise click.ClickException(f"{', '.join(failed)} failed, as told above")


def _statistics(config: Config, file: Path) -> list[Statistic]:
    subjects.ask(meta.source(config))
    found = candidates.load(config, [candidates.of_file(file)])
    _require_sound(found)
    return list(found.enabled.values())


def _require_sound(found: Registry) -> None:
    for skipped in found.skipped:
        raise PluginError(f"{skipped.name} of {skipped.distribution}: {skipped.reason}")


def _reading(
    config: Config,
    statistics: Sequence[Statistic],
    times: tuple[float | None, float | None, float],
    files: Sequence[str],
    invented: bool,
) -> Reading:
    since, until, now = times
    if files:
        span = Span(0 if since is None else since, math.floor(now) if until is None else until)
        return Reading(of_files(files), span)
    span = Span(now - DAY if since is None else since, min(until or now, now))
    if span.start >= span.stop:
        raise click.UsageError(f"nothing lies between {utc(span.start)} and {utc(span.stop)}")
    if invented:
        return Reading(_of_the_demo(), span)
    client = service.history(config)
    if client is None:
        raise ConfigError(NO_HISTORY)
    patterns = [one.plugin.topics for one in statistics]
    named = [topic for each in patterns for topic in each or ()]
    asked = in_full(named) if all(each is not None for each in patterns) else None
    return Reading(of_datagrepper(client, asked), span, client, asked)


def _of_the_demo() -> Source:
    return Source(testing.invented_between, math.inf)


def _show(bench: Bench, trial: Trial, statistic: Statistic, kind: str, limit: int) -> None:
    rows, model = bench.instances(statistic.ident)[::-1], statistic.model
    if kind != "table":
        if model:
            click.echo(model.to_csv(rows) if kind == "csv" else model.to_json(rows))
        return
    shown = rows[:limit] if limit else rows
    newest = f"; the newest {len(shown):,}" if len(shown) < len(rows) else ""
    click.echo(
        f"{statistic.ident}: {_number(len(rows), 'row')} of "
        f"{_number(trial.wanted(statistic), 'message')} (of {trial.number:,}){newest}"
    )
    if model and shown:
        columns = model.columns()
        table = Table(*columns, box=None)
        for row in shown:
            table.add_row(*(_cell(getattr(row, name)) for name in columns))
        console().print(table)


def _cell(value: Any) -> str:
    return one_line("" if value is None else str(flat(value, ISO)))


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _show_failures(bench: Bench, ident: str) -> bool:
    """Tell of the messages over which the plugin failed; whether there are any."""
    letters = bench.letters(ident)
    for letter in letters[:FAILURES]:
        click.echo(_failure(letter), err=True)
    if len(letters) > FAILURES:
        click.echo(f"{ident} failed over {len(letters):,} messages", err=True)
    if bench.suspended(ident):
        click.echo(f"{ident} was given up then: the table is not whole", err=True)
    return bool(letters)


def _failure(letter: Letter) -> str:
    told = f"{letter.message_id} of {utc(letter.time)}, topic {letter.topic}"
    return (
        f"{letter.ident} failed over the message {one_line(told)}:\n"
        f"{one_line(letter.body, 1_000)}\n{printable(own_frames(letter.traceback), keep=chr(10))}"
    )


def _no_message(statistic: Statistic, trial: Trial, reading: Reading) -> str:
    """That nothing came which the statistic wants, and what came instead."""
    wanted = ", ".join(statistic.plugin.topics or ())
    came = trial.topics
    where = f"of {trial.number:,} messages none"
    if reading.client and not came:
        around = Trial([statistic], trial.config, reading.span.stop)
        start = int(reading.span.stop) - LOOK_AROUND
        found = of_datagrepper(reading.client).read(start, int(reading.span.stop))
        list(around.entries(found))
        came, where = around.topics, "no message"
    topics = "".join(
        f"\n  {number:,} {one_line(topic)}" for topic, number in came.most_common(TOPICS)
    )
    more = f"\n  and {len(came) - TOPICS:,} more topics" if len(came) > TOPICS else ""
    heard = f"; these came:{topics}{more}" if came else "; there were no messages at all"
    return f"{where} has a topic that {statistic.ident} wants ({wanted or 'any'}){heard}"


# -- check -----------------------------------------------------------------------------------------


@plugin.command()
@click.argument("name", metavar="NAME")
@RECORDED
def check(name: str, files: tuple[str, ...]) -> None:
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
    entries = testing.entries(_messages(files, statistics), statistics, config)
    faults, unproven = len(found.skipped), []
    for case in contract.cases(statistics, config, entries):
        for ident in case.statistics:
            faults += _hold(case, ident)
            if not _proves(case, ident):
                unproven.append(ident)
    if faults:
        raise click.ClickException(f"{_number(faults, 'fault')} in {name}")
    if unproven:
        raise UnprovenError(
            f"{', '.join(unproven)} made no rows of these messages, so nothing is shown; record "
            "some that matter, and name them with --file"
        )


def _messages(files: Sequence[str], statistics: Sequence[Statistic]) -> list[Any]:
    if files:
        return [one for one in of_files(files).read(0, 1 << 40) if isinstance(one, dict)]
    return list(testing.invented(statistics))


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
    _show_speed(case, ident)
    return faults


def _show_speed(case: contract.Case, ident: str) -> None:
    try:
        outcome = case.at_once
    except PluginError:
        return
    seen = outcome.witnesses[ident]
    rows = _number(outcome.rows[ident].total(), "row")
    speed = f", {1e6 * seen.seconds / seen.messages:,.0f} µs a message" if seen.messages else ""
    click.echo(f"  {rows} of {_number(seen.messages, 'message')}{speed}")


def _proves(case: contract.Case, ident: str) -> bool:
    try:
        return bool(case.at_once.rows[ident]) or case.statistics[ident].model is None
    except PluginError:
        return True


# -- new -------------------------------------------------------------------------------------------


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
