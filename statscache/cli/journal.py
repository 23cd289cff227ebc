"""`statscache journal`: the journal, and which one a database is fed from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from .. import hubconfig
from ..journal import Journal, Reader
from ..journal.salvage import Salvage
from ..store import Store, ownership, schema
from ..store import repair as repairing
from ..text import one_line
from ..times import utc

SHOWN = 10
"""Stretches of positions that are named one by one."""


@click.group()
def journal() -> None:
    """The journal of what the bus handed over."""


@journal.command()
def show() -> None:
    """Tell what is in the journal; the daemon may run meanwhile."""
    with closing(Reader(Path(hubconfig.read()["statscache.journal.path"]))) as opened:
        click.echo(f"{opened.path}: journal {opened.uuid}")
        begin, end = opened.begin(), opened.end()
        positions = (
            f"positions {begin + 1} to {end}" if begin < end else f"empty, at position {end}"
        )
        click.echo(f"{positions}, {opened.size():,} bytes")
        click.echo(
            f"{opened.entries():,} entries wait to be counted or trimmed; "
            f"{opened.ids():,} ids are known"
        )
        since = opened.known_since()
        arrived = f"arrived since {utc(since)}" if since else "ever arrived"
        click.echo(f"ids are known of all that {arrived}")
        for span in opened.spans()[-5:]:
            click.echo(f"listened from {utc(span.start)} to {utc(span.stop)}")
        for refusals in opened.refused():
            click.echo(f"refused {refusals.number} messages: {refusals.reason}")


@journal.command()
@click.confirmation_option(
    prompt="Statistics will go on from this journal; what the database has not counted from the "
    "one before is then missing until history brings it. Go on?"
)
def adopt() -> None:
    """Let the database go on from this journal, after the one before was lost or restored.

    The daemon must not be running.
    """
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    schema.prepare(store)
    opened = Journal(config["statscache.journal.path"])
    owed = ownership.adopt(store, opened, time.time())
    opened.close()
    click.echo(f"{store} is fed from {opened.path} ({opened.uuid}) from now on")
    if owed:
        click.echo(f"what came from {utc(owed[0])} to {utc(owed[1])} may be missing, and is owed")


@journal.command()
def repair() -> None:
    """Save what can be saved of a damaged journal; the daemon must not be running.

    The damaged file is moved aside. What a statistic had not counted, and is lost, is owed to it.
    """
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    schema.prepare(store)
    path = Path(config["statscache.journal.path"])
    done = repairing.repair(store, path, time.time())
    if done is None:
        click.echo(f"{path} is whole, and was left as it is")
        return
    click.echo(f"{path} was damaged ({one_line(done.damage)}), and is now {done.aside}")
    for line in _saved(done.salvage):
        click.echo(line)
    for ident, span in sorted(done.owed.items()):
        start, stop = utc(span.start), utc(span.stop)
        click.echo(f"{ident}: what came from {start} to {stop} may be missing, and is owed")


def _saved(salvage: Salvage) -> Iterator[str]:
    yield f"{salvage.entries:,} entries and {salvage.ids:,} ids are saved"
    if salvage.lost:
        number = sum(last - first + 1 for first, last in salvage.lost)
        shown = ", ".join(map(str, salvage.lost[:SHOWN])) + ", ..." * (len(salvage.lost) > SHOWN)
        yield f"{number:,} entries that not all statistics had counted are lost: {shown}"
    if salvage.uncounted:
        yield f"{salvage.uncounted:,} of them no statistic had counted"
    if salvage.doubtful:
        yield "how far the journal went cannot be read: more may be lost than that"
    if salvage.ids_lost:
        yield "ids may be lost: a message that came before is counted again if it comes again"
