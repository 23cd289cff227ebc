"""`statscache plugin try`: the table that a plugin would make."""

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
from ..errors import ConfigError, PluginError
from ..formats import csv, json
from ..formats.value import ISO, flat
from ..history import Datagrepper
from ..history.topics import in_full
from ..journal import Span
from ..plugins import subjects
from ..registry import Statistic
from ..store.deadletters import Letter
from ..text import one_line, printable
from ..times import utc
from ..verify.source import Source, of_datagrepper, of_files
from ..workbench import candidates
from ..workbench.bench import Bench
from ..workbench.failing import own_frames
from ..workbench.trial import Trial
from .moments import MOMENT
from .printing import console, number
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

ALWAYS = 1 << 40
"""Epoch seconds that no message reaches."""

FILES = click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Recorded messages, as `statscache replay` reads them; may be given more than once.",
)


class Reading(NamedTuple):
    """Where messages come from, the time that is read (epoch seconds), and what was asked for."""

    source: Source
    span: Span
    client: Datagrepper | None = None
    asked: Sequence[str] | None = None


@click.command("try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--since", type=MOMENT, help="Messages from then on.  [default: -24h; of files: all]")
@click.option("--until", type=MOMENT, help="And up to then.  [default: now; of files: all]")
@FILES
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
        shown = Span(reading.span.start, min(reading.span.stop, now))
        screen = stack.enter_context(screen_of(shown))
        start, stop = reading.span
        bench.count(trial.entries(screen.watched(reading.source).read(int(start), int(stop))))
        for statistic in statistics:
            _show(bench, trial, statistic, kind, limit)
        failed = [one.ident for one in statistics if _show_failures(bench, one.ident)]
    for reason, many in trial.refused.items():
        click.echo(f"{number(many, 'message')} refused: {reason}", err=True)
    unmatched = [one for one in statistics if not trial.wanted(one)]
    if unmatched:
        raise click.ClickException(_no_message(unmatched[0], trial, reading))
    if failed:
        raise click.ClickException(f"{', '.join(failed)} failed, as told above")


def _statistics(config: Config, file: Path) -> list[Statistic]:
    subjects.ask(meta.source(config))
    found = candidates.load(config, [candidates.of_file(file)])
    for skipped in found.skipped:
        raise PluginError(f"{skipped.name} of {skipped.distribution}: {skipped.reason}")
    return list(found.enabled.values())


def _reading(
    config: Config,
    statistics: Sequence[Statistic],
    times: tuple[float | None, float | None, float],
    files: Sequence[str],
    invented: bool,
) -> Reading:
    since, until, now = times
    if files and invented:
        raise click.UsageError("messages are recorded (--file) or --invented, not both")
    if files:
        span = Span(0 if since is None else since, ALWAYS if until is None else until)
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
    columns, rows = bench.shown(statistic.ident)
    if kind != "table":
        click.echo((csv if kind == "csv" else json).dumps(columns, rows[::-1]))
        return
    shown = rows[::-1][: limit or None]
    newest = f"; the newest {len(shown):,}" if len(shown) < len(rows) else ""
    click.echo(
        f"{statistic.ident}: {number(len(rows), 'row')} of "
        f"{number(trial.wanted(statistic), 'message')} (of {trial.number:,}){newest}"
    )
    if shown:
        table = Table(*columns, box=None)
        for row in shown:
            table.add_row(*map(_cell, row))
        console().print(table)


def _cell(value: Any) -> str:
    return one_line("" if value is None else str(flat(value, ISO)))


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
    topics = "".join(f"\n  {many:,} {one_line(topic)}" for topic, many in came.most_common(TOPICS))
    more = f"\n  and {len(came) - TOPICS:,} more topics" if len(came) > TOPICS else ""
    heard = f"; these came:{topics}{more}" if came else "; there were no messages at all"
    return f"{where} has a topic that {statistic.ident} wants ({wanted or 'any'}){heard}"
