"""`statscache db`: the tables."""

from __future__ import annotations

import click

from .. import hubconfig
from ..store import Store, schema, views


@click.group()
def db() -> None:
    """The tables of the database."""


@db.command()
def upgrade() -> None:
    """Bring the tables up to date; needed for PostgreSQL at each new version."""
    store = Store(hubconfig.read()["statscache.sqlalchemy.uri"])
    before = schema.current(store)
    schema.upgrade(store)
    after = schema.current(store)
    if before == after:
        click.echo(f"{store} is up to date at revision {after}")
    else:
        click.echo(f"{store} went from revision {before or 'none'} to {after}")


@db.command()
@click.argument("role")
def reader(role: str) -> None:
    """Print the SQL that makes ROLE one who may read the views of the statistics.

    Pipe it into psql. The role reads nothing else, and writes nothing.
    """
    store = Store(hubconfig.read()["statscache.sqlalchemy.uri"])
    if store.is_sqlite:
        raise click.ClickException(
            f"{store} is an SQLite file, which has no roles: whoever may read the file reads all"
        )
    with store.reading() as connection:
        for statement in views.reader(connection, role):
            click.echo(f"{statement};")


@db.command()
def current() -> None:
    """Tell the revision of the tables; exit code 1 where `db upgrade` is due."""
    store = Store(hubconfig.read()["statscache.sqlalchemy.uri"])
    found, head = schema.current(store), schema.head()
    click.echo(f"{store} is at revision {found or 'none'}; this version needs {head}")
    if found != head:
        raise SystemExit(1)
