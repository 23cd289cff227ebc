"""`statscache dead-letters`: what a statistic could not digest."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from textwrap import indent
from typing import Any

import click
from rich.progress import track
from rich.table import Table

from .. import hubconfig, service
from ..config import Config
from ..engine.retry import Outcome, Result, retry
from ..message import decode
from ..registry import Registry
from ..store import Store, checkpoints, deadletters, schema
from ..text import one_line, printable
from ..times import utc
from .printing import console

LIMIT = 20
LONGEST = 500
"""Characters of a topic or an error in one line; `show` tells all."""

TOGETHER = 500
"""Letters that are dropped in one transaction."""

LARGEST = 2**63 - 1
"""What a database takes for an id."""

LINES = "\n"
NONE = "there are no dead letters"

Choice = dict[str, list[int]]
"""The ids of letters, by the ident of their statistic."""


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages that a statistic could not digest, set aside with the traceback.

    The daemon may be running.
    """


_PLUGIN = click.option("--plugin", "idents", multiple=True, metavar="IDENT", help="Those of it.")
_ID = click.IntRange(1, LARGEST)


def _chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Takes a choice of letters: by id, by statistic, or all."""
    command = click.option("--all", "everything", is_flag=True, help="As many as there are.")(
        _PLUGIN(command)
    )
    return click.argument("ids", metavar="[ID]...", type=_ID, nargs=-1)(command)


@dead_letters.command("list")
@_PLUGIN
@click.option("--limit", type=click.IntRange(1, LARGEST), default=LIMIT, show_default=True)
def list_letters(idents: tuple[str, ...], limit: int) -> None:
    """List the newest, and how many each statistic has."""
    store, _ = _open()
    with store.reading() as connection:
        totals = deadletters.totals(connection)
        _require_known(idents, totals.keys() | checkpoints.read(connection).keys())
        shown = {one: number for one, number in totals.items() if one in idents or not idents}
        headings = deadletters.newest(connection, shown.keys(), limit)
    if not headings:
        click.echo(NONE)
        return
    table = Table("id", "plugin", "set aside", "attempts", box=None)
    table.add_column("topic", overflow="fold")
    table.add_column("error", overflow="fold")
    for one in headings:
        texts = (one_line(text, LONGEST) for text in (one.topic, one.error))
        table.add_row(str(one.id), one.ident, utc(one.set_aside), str(one.attempts), *texts)
    console().print(table)
    click.echo()
    for ident, number in shown.items():
        click.echo(f"{ident}: {_letters(number)}")
    if len(headings) < sum(shown.values()):
        click.echo(f"the newest {len(headings):,} are listed; --limit lists more")


@dead_letters.command("show")
@click.argument("number", metavar="ID", type=_ID)
def show_letter(number: int) -> None:
    """Tell all of one: its message, and the traceback."""
    store, _ = _open()
    with store.reading() as connection:
        letter = deadletters.read(connection, number)
    if letter is None:
        raise _unknown([number])
    told = {
        "plugin": letter.ident,
        "topic": letter.topic,
        "message": letter.message_id,
        "time": utc(letter.time),
        "arrived": utc(letter.arrived),
        "set aside": utc(letter.set_aside),
        "attempts": str(letter.attempts),
        "error": letter.error,
    }
    for name, value in told.items():
        click.echo(f"{name:9}  {printable(value)}")
    message = json.dumps(decode(letter.body), indent=2, ensure_ascii=False)
    click.echo(f"\n{printable(message, keep=LINES)}\n")
    # Indented: no line that an exception says can pass for one of ours.
    click.echo(indent(printable(letter.traceback, keep=LINES).rstrip(), "  "))


@dead_letters.command("retry")
@_chosen
def retry_letters(**choice: Any) -> None:
    """Hand them to their statistic once more, when it is mended.

    What it counts now is a dead letter no more. Exit code 1 where one failed again.
    """
    store, config = _open()
    letters = _choose(store, **choice)
    if not letters:
        click.echo(NONE)
        return
    installed = service.load(config)
    _require_enabled(installed, letters.keys())
    outcomes: Counter[Outcome] = Counter()
    screen = console()
    results = track(
        _retry(store, config, installed, letters),
        "Retrying",
        total=sum(map(len, letters.values())),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
    try:
        for result in results:
            outcomes[result.outcome] += 1
            if result.outcome is Outcome.FAILED:
                screen.print(f"{result.id} of {result.ident} failed again: {result.error}")
    finally:
        if outcomes:
            told = (f"{outcomes[each]:,} {each}" for each in Outcome if outcomes[each])
            click.echo(", ".join(told))
    if outcomes[Outcome.FAILED]:
        raise click.ClickException("what failed again is kept; see `statscache dead-letters show`")


@dead_letters.command("drop")
@_chosen
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop_letters(yes: bool, **choice: Any) -> None:
    """Drop them: their statistic will never count them."""
    store, _ = _open()
    letters = _choose(store, **choice)
    if not letters:
        click.echo(NONE)
        return
    for ident, numbers in letters.items():
        click.echo(f"{ident}: {_letters(len(numbers))}")
    if not yes:
        click.confirm("They will never be counted. Drop them?", abort=True)
    dropped = sum(_drop(store, *each) for each in letters.items())
    click.echo(f"dropped {_letters(dropped)}")


def _open() -> tuple[Store, Config]:
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    click.get_current_context().call_on_close(store.close)
    schema.prepare(store)
    return store, config


def _choose(
    store: Store, ids: tuple[int, ...], idents: tuple[str, ...], everything: bool
) -> Choice:
    """The letters that were asked for."""
    if sum(map(bool, (ids, idents, everything))) != 1:
        raise click.UsageError("choose: either ids, or --plugin IDENT, or --all")
    with store.reading() as connection:
        letters = deadletters.numbers(connection)
        known = {*letters.values(), *checkpoints.read(connection)}
    _require_known(idents, known)
    wanted = set(ids)
    missing = sorted(wanted - letters.keys())
    if missing:
        raise _unknown(missing)
    chosen: dict[str, list[int]] = {}
    for number, ident in letters.items():
        if everything or number in wanted or ident in idents:
            chosen.setdefault(ident, []).append(number)
    return dict(sorted(chosen.items()))


def _require_known(idents: Collection[str], known: Collection[str]) -> None:
    unknown = sorted({*idents} - {*known})
    if unknown:
        raise click.ClickException(
            f"{', '.join(unknown)} has never counted; see `statscache plugins`"
        )


def _require_enabled(installed: Registry, idents: Collection[str]) -> None:
    missing = sorted({*idents} - installed.enabled.keys())
    if missing:
        raise click.ClickException(
            f"{', '.join(missing)} is switched off, or not installed, or skipped (`statscache "
            "plugins` tells why): nothing was retried. Choose others, or drop its dead letters"
        )


def _unknown(ids: list[int]) -> click.ClickException:
    names = ", ".join(map(str, ids[:LIMIT])) + (", ..." if ids[LIMIT:] else "")
    return click.ClickException(
        f"there is no dead letter {names}; see `statscache dead-letters list`"
    )


def _retry(store: Store, config: Config, installed: Registry, letters: Choice) -> Iterator[Result]:
    for ident, numbers in letters.items():
        yield from retry(store, installed.enabled[ident], config, numbers, time.time())


def _drop(store: Store, ident: str, numbers: list[int]) -> int:
    """Drop those letters of one statistic; how many there still were."""
    dropped = 0
    for start in range(0, len(numbers), TOGETHER):
        with store.writing() as connection:
            checkpoints.lock(connection, ident)
            dropped += deadletters.remove(connection, numbers[start : start + TOGETHER])
    return dropped


def _letters(number: int) -> str:
    return f"{number:,} {'dead letter' if number == 1 else 'dead letters'}"
