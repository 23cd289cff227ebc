"""`statscache user`: what is kept about an account, and how it is erased."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import click

from .. import hubconfig, service
from ..config import Config
from ..engine import people
from ..engine.people import JOURNAL, LETTERS
from ..journal import Reader, Writer
from ..message import ERASED
from ..registry import Registry
from ..store import Store, checkpoints, schema
from ..text import KEY_LENGTH, printable

_KINDS = {JOURNAL: "entry", LETTERS: "letter"}


class _Account(click.ParamType[str]):
    name = "name"

    def convert(self, value: str, param: object, context: object) -> str:
        is_text = value.strip() and value.isprintable()
        if not is_text or len(value) > KEY_LENGTH or value == ERASED:
            self.fail(f"{value!r} is no account: give its name, as it stands in messages")
        return value


_NAME = click.argument("name", type=_Account())


@click.group()
def user() -> None:
    """What is kept about an account.

    The rows of statistics that name it, dead letters and entries of the journal that are about it.
    The daemon may be running.
    """


@user.command("export")
@_NAME
def export_user(name: str) -> None:
    """Print all of it, a JSON object a line."""
    config, installed, store = _open()
    plugins = people.personal(installed, config)
    _name_strangers(store, installed)
    with closing(Reader(Path(config["statscache.journal.path"]))) as journal:
        for where, what in people.export(store, journal, plugins, name):
            kind = _KINDS.get(where, "row")
            click.echo(json.dumps({"from": where, kind: what}, default=str))


@user.command("erase")
@_NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(name: str, yes: bool) -> None:
    """Delete the rows that name it, and take its name out of messages that wait.

    It is not counted again, whatever comes: messages about it are, as messages about nobody.
    """
    config, installed, store = _open()
    plugins = people.personal(installed, config)
    _name_strangers(store, installed)
    with closing(Writer(Path(config["statscache.journal.path"]))) as journal:
        if not yes:
            found = Counter(where for where, _ in people.export(store, journal, plugins, name))
            click.echo(f"about {printable(name)} there are: {_told(found)}")
            click.confirm("This cannot be undone. Erase it?", abort=True)
        gone = people.erase(store, journal, plugins, name, time.time())
    click.echo(f"erased {printable(name)}: {_told(gone)}")
    click.echo("backups that were taken before hold it still")


def _open() -> tuple[Config, Registry, Store]:
    config = hubconfig.read()
    installed = service.load(config)
    store = Store(config["statscache.sqlalchemy.uri"])
    click.get_current_context().call_on_close(store.close)
    schema.prepare(store)
    return config, installed, store


def _name_strangers(store: Store, installed: Registry) -> None:
    """Say whose rows cannot be told, because the plugin is not here."""
    with store.reading() as connection:
        known = checkpoints.read(connection).keys()
    strangers = sorted(known - installed.enabled.keys() - installed.disabled.keys())
    if strangers:
        click.echo(
            f"not looked into: the rows of {', '.join(strangers)}; whether they name accounts only "
            "their plugins can tell, which are not installed, or skipped",
            err=True,
        )


def _told(numbers: Mapping[str, int]) -> str:
    """`3 rows of volume-by-user-1d, 1 entry of the journal`, or `nothing`."""
    told = [_one(where, number) for where, number in sorted(numbers.items())]
    return ", ".join(told) or "nothing"


def _one(where: str, number: int) -> str:
    if where == JOURNAL:
        return f"{number:,} {'message' if number == 1 else 'messages'} in the journal"
    if where == LETTERS:
        return f"{number:,} {'dead letter' if number == 1 else 'dead letters'}"
    return f"{number:,} {'row' if number == 1 else 'rows'} of {where}"
