"""A recall: rows of a statistic are deleted, and its history is owed to it again."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from ..config import Config
from ..errors import PluginError
from ..journal import Span
from ..plugins import BasePlugin
from ..registry import Registry, Statistic
from ..store import Store, changes, checkpoints, deadletters, owed
from ..store.tables import RECALLED
from ..store.transaction import Transaction
from ..times import moment
from . import joining
from .buckets import window_start


def recall(
    store: Store, registry: Registry, ident: str, config: Config, since: float | None, now: float
) -> Span:
    """Delete the rows from the window of `since` on (epoch seconds; None: all), and owe them.

    In one transaction, also while a daemon counts. The plugin goes on with what comes in; what
    came before is brought to it alone. Its dead letters of that time go: they come again, too.
    Returns what is owed.

    Raises:
        PluginError: its rows cannot be told from those of another.
        sqlalchemy.exc.DBAPIError: the database is away; nothing was changed.
    """
    statistic = registry.enabled[ident]
    plugin = statistic.build(config)
    _refuse_shared(plugin, statistic, registry)
    start = 0.0 if since is None else float(window_start(statistic)(since))
    owes = Span(joining.begins(statistic, config, now) if since is None else start, now)

    def lock(connection: Connection) -> int:
        revision = checkpoints.lock(connection, ident).revision
        if since is None:
            horizon = joining.horizon(statistic, config, now)
            checkpoints.reset(connection, ident, str(statistic.plugin.version), horizon, now)
        else:
            checkpoints.recall(connection, ident)
        return revision

    with Transaction(store, ident, lock) as transaction:
        connection = transaction.connection()
        plugin.revert(moment(start), transaction.session)
        transaction.session.flush()
        deadletters.remove_since(connection, ident, start)
        owed.drop(connection, ident, start)
        owed.owe(connection, ident, *owes, RECALLED, now)
        changes.note(connection, ident, transaction.revision, (), now)
        transaction.commit()
    return owes


def _refuse_shared(plugin: BasePlugin, statistic: Statistic, registry: Registry) -> None:
    """Refuse to delete rows of others, unless the plugin itself knows which are its own."""
    others = [
        one.ident
        for one in registry.enabled.values()
        if one.model is statistic.model is not None and one is not statistic
    ]
    if others and type(plugin).revert is BasePlugin.revert:
        raise PluginError(
            f"{statistic.ident} keeps its rows in one table with {', '.join(others)}: they cannot "
            "be told apart, unless its plugin has a `revert` of its own"
        )
