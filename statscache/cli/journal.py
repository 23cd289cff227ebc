"""`statscache journal`: the journal, and which one a database is fed from."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from .. import hubconfig
from ..journal import Journal
from ..store import Store, ownership, schema


@click.group()
def journal() -> None:
    """The journal of what the bus handed over. The daemon must not be running."""


@journal.command()
def show() -> None:
    """Tell what is in the journal."""
    opened = Journal(hubconfig.read()["statscache.journal.path"])
    click.echo(f"{opened.path}: journal {opened.uuid}")
    click.echo(f"positions {opened.begin() + 1} to {opened.end()}, {opened.size():,} bytes")
    for span in opened.spans()[-5:]:
        click.echo(f"listened from {_utc(span.start)} to {_utc(span.stop)}")
    for refusals in opened.refused():
        click.echo(f"refused {refusals.number} messages: {refusals.reason}")
    opened.close()


@journal.command()
@click.confirmation_option(
    prompt="Statistics will go on from this journal; what the database has not counted from the "
    "one before is then missing until history brings it. Go on?"
)
def adopt() -> None:
    """Let the database go on from this journal, after the one before was lost or restored."""
    config = hubconfig.read()
    store = Store(config["statscache.sqlalchemy.uri"])
    schema.prepare(store)
    opened = Journal(config["statscache.journal.path"])
    owed = ownership.adopt(store, opened, time.time())
    opened.close()
    click.echo(f"{store} is fed from {opened.path} ({opened.uuid}) from now on")
    if owed:
        click.echo(f"what came from {_utc(owed[0])} to {_utc(owed[1])} may be missing, and is owed")


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
