"""A recall: rows of a statistic are deleted, and its history is owed to it again."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from ..backlog import plan
from ..config import Config
from ..errors import PluginError
from ..journal import Span
from ..message import EVERYBODY
from ..plugins import BasePlugin
from ..registry import Registry, Statistic
from ..store import Store, changes, checkpoints, deadletters, owed
from ..store.checkpoints import Checkpoint
from ..store.transaction import Transaction
from ..times import moment
from . import joining, retention


def recall(
    store: Store, registry: Registry, ident: str, config: Config, since: float | None, now: float
) -> Span:
    """Delete the rows from the window of `since` on (epoch seconds; None: all), and owe them.

    In one transaction, also while a daemon counts. The plugin goes on with what comes in; what
    came before is brought to it alone. Its dead letters of that time go: they come again, too.
    Returns what is owed. That begins earlier than asked for, where history was brought to the
    plugin alone that reaches into the time: it cannot be told where in that a message stood.

    Raises:
        PluginError: its rows cannot be told from those of another.
        sqlalchemy.exc.DBAPIError: the database is away; nothing was changed.
    """
    statistic = registry.enabled[ident]
    require_own_rows(statistic, registry)
    plugin = statistic.build(config)
    with Transaction(store, ident) as transaction:
        connection = transaction.connection()
        held = checkpoints.read_one(connection, ident)
        start = 0.0 if since is None else _from(connection, statistic, config, since)
        plugin.revert(moment(start), transaction.session)
        transaction.session.flush()
        if since is None:
            owes = begin_anew(connection, statistic, config, held, now)
        else:
            owes = Span(max(start, held.horizon), now)
            _owe(connection, held, start, owes)
        changes.note(connection, ident, transaction.revision, (), now)
        transaction.commit()
    return owes


def begin_anew(
    connection: Connection, statistic: Statistic, config: Config, held: Checkpoint, now: float
) -> Span:
    """Let a statistic that has no rows any more count from nothing; what is owed to it.

    Its checkpoint is locked, and was `held` then.
    """
    owes = Span(_first(connection, statistic, config, held, now), now)
    horizon = min(joining.horizon(statistic, config, now), owes.start)
    version = str(statistic.plugin.version)
    checkpoints.reset(connection, statistic.ident, version, horizon, now)
    _owe(connection, held, 0.0, owes)
    return owes


def require_own_rows(statistic: Statistic, registry: Registry) -> None:
    """Refuse to delete rows of others, unless the plugin itself knows which are its own.

    Raises:
        PluginError: its rows cannot be told from those of another.
    """
    others = registry.sharing(statistic)
    if others and statistic.plugin.revert is BasePlugin.revert:
        raise PluginError(
            f"{statistic.ident} keeps its rows in one table with {', '.join(others)}: they cannot "
            "be told apart, unless its plugin has a `revert` of its own"
        )


def _owe(connection: Connection, held: Checkpoint, start: float, owes: Span) -> None:
    """Owe what was counted, and what could not be, of the rows from `start` on."""
    deadletters.remove_since(connection, held.ident, start)
    owed.recall(connection, held.ident, start, *owes, held.position, owes.stop)


def _from(connection: Connection, statistic: Statistic, config: Config, since: float) -> float:
    """The start of the first window that is recalled, epoch seconds."""
    start = statistic.window_start
    overlap = config["statscache.datagrepper.overlap"]
    mine = [one for one in owed.read(connection) if one.addressee == statistic.ident]
    brought = [plan.span(one, overlap) for one in mine]
    if any(one.stop > start(since) for one in brought):
        since = min(since, *(one.start for one in brought))
    return max(0.0, float(start(since)))


def _first(
    connection: Connection, statistic: Statistic, config: Config, held: Checkpoint, now: float
) -> float:
    """From when on the history is owed: no less than it had, epoch seconds."""
    had = [
        debt.start
        for debt in owed.read(connection)
        if debt.addressee in (EVERYBODY, statistic.ident)
        and debt.opened >= held.created
        and debt.accepted is None
    ]
    first = min(joining.begins(statistic, config, now), held.created, *had)
    return max(float(statistic.window_start(first)), retention.horizon(statistic, config, now))
