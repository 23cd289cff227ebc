"""What is kept about an account: found, and erased.

Its rows are deleted. Messages that are about it, in the journal and among the dead letters, stay to
be counted, without the name. The list of who was erased keeps the name from coming back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..config import Config
from ..errors import PluginError
from ..formats.value import plain
from ..journal import Kept, Reader, Writer
from ..message import Entry, decode, encode
from ..plugins import BasePlugin, users
from ..plugins.redaction import redact
from ..registry import Registry
from ..store import Store, aside, changes, checkpoints, deadletters, erased
from ..store.erased import Erased
from ..store.transaction import Transaction
from ..text import sentence

TOGETHER = 1_000
"""Entries of the journal that are read, or written, at once."""

JOURNAL = "journal"
LETTERS = "dead letters"
"""What is found is in one of these, or in the rows of a statistic."""

Plugins = Mapping[str, BasePlugin]
"""Plugins whose rows name accounts, by ident."""


def personal(installed: Registry, config: Config) -> Plugins:
    """An instance of each plugin whose rows name accounts, also of such as are off.

    Raises:
        PluginError: one cannot be built; its rows cannot be told.
    """
    found = {}
    for ident, statistic in sorted({**installed.disabled, **installed.enabled}.items()):
        if statistic.plugin.personal:
            try:
                found[ident] = statistic.build(config)
                sa.inspect(found[ident].model)
            except Exception as error:
                raise PluginError(
                    f"the rows of {ident} may hold the name, but its plugin cannot be used "
                    f"({sentence(error)}): mend it first"
                ) from error
    return found


def export(
    store: Store, journal: Reader, plugins: Plugins, name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """All that is kept about the account `name`: where it is, and what; JSON can say it."""
    with store.reading() as connection:
        for ident, plugin in plugins.items():
            for row in _rows(connection, ident, plugin, name):
                yield ident, row
        for ident in checkpoints.read(connection):
            for letter in deadletters.of(connection, ident):
                if is_about(letter.entry, name):
                    told = letter._asdict() | {"message": decode(letter.body)}
                    del told["body"]
                    yield LETTERS, told
    for position, entry in _entries(journal, name):
        told = {"position": position, "arrived": entry.arrived, "message": decode(entry.body)}
        yield JOURNAL, told


def erase(store: Store, journal: Writer, plugins: Plugins, name: str, now: float) -> Counter[str]:
    """Erase the account `name`, at `now` (epoch seconds), also while a daemon counts.

    First it is put on the list, then each statistic is gone through under its lock, and the
    journal in the end: what is cut off in between can be done once more. Returns how much went, by
    where it was.

    Raises:
        JournalError: the journal cannot be read, or written.
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    with store.writing() as connection:
        erased.add(connection, name, now)
        idents = sorted(checkpoints.read(connection))
    gone: Counter[str] = Counter()
    for ident in idents:
        gone += _erase(store, ident, plugins.get(ident), name, now)
    about = _entries(journal, name)
    while part := list(islice(about, TOGETHER)):
        redacted = [one._replace(entry=_without([name], one.entry)) for one in part]
        gone[JOURNAL] += journal.rewrite(redacted)
    return +gone


def without(those: Erased, entry: Entry) -> Entry:
    """The entry, about none of `those` accounts; the same one if it was about none."""
    if not those.marks:
        return entry
    names = [name for name in users(decode(entry.body)) if name in those]
    return _without(names, entry) if names else entry


def is_about(entry: Entry, name: str) -> bool:
    """Whether the message is about the account `name`."""
    body = entry.body.lower()
    # Most are not: this saves decoding them.
    there = name.lower() in body if isinstance(body, str) else name.lower().encode() in body
    return there and name in users(decode(entry.body))


def _without(names: list[str], entry: Entry) -> Entry:
    return entry._replace(body=encode(redact(decode(entry.body), names)))


def _entries(journal: Reader, name: str) -> Iterator[Kept]:
    """What stands in the journal about the account."""
    position, end = journal.begin(), journal.end()
    while position < end:
        part = journal.slice(position, end, TOGETHER)
        position = part[-1].position if part else end
        yield from (one for one in part if is_about(one.entry, name))


def _rows(
    connection: Connection, ident: str, plugin: BasePlugin, name: str
) -> Iterator[dict[str, Any]]:
    """The rows, and those that stand aside while they are counted anew."""
    if not _has_table(connection, plugin):
        return
    columns = [one.key for one in sa.inspect(plugin.model).column_attrs if one.key != "id"]
    for model in dict.fromkeys((plugin.model, aside.source(connection, ident, plugin.model))):
        there = plugin.written(name).items()
        those = sa.or_(*(getattr(model, column) == text for column, text in there))
        query = sa.select(*(getattr(model, column) for column in columns)).where(those)
        for row in connection.execute(query.order_by(model.timestamp)):
            yield dict(zip(columns, map(plain, row), strict=True))


def _has_table(connection: Connection, plugin: BasePlugin) -> bool:
    return sa.inspect(connection).has_table(plugin.model.__tablename__)


def _erase(
    store: Store, ident: str, plugin: BasePlugin | None, name: str, now: float
) -> Counter[str]:
    """Erase the account from the rows and the dead letters of one statistic."""
    gone: Counter[str] = Counter()
    with Transaction(store, ident) as transaction:
        connection = transaction.connection()
        if plugin and _has_table(connection, plugin):
            gone[ident] = plugin.erase(name, transaction.session)
            gone[ident] += aside.erase(connection, ident, plugin.written(name))
            transaction.session.flush()
            # What was noted may name it, too.
            changes.forget(connection, ident)
            changes.note(connection, ident, transaction.revision, (), now)
        about = [one for one in deadletters.of(connection, ident) if is_about(one.entry, name)]
        for letter in about:
            deadletters.rewrite(connection, letter, _without([name], letter.entry).body)
        gone[LETTERS] = len(about)
        transaction.commit()
    return gone
