"""A rebuild: a plugin of a new version counts anew, and meanwhile its old rows are served."""

from __future__ import annotations

import logging

from ..config import Config
from ..errors import PluginError
from ..registry import Registry
from ..store import Store, aside, changes, checkpoints
from ..store.faults import is_outage
from ..text import sentence
from . import recall

log = logging.getLogger(__name__)


def rebuild_changed(store: Store, registry: Registry, config: Config, now: float) -> None:
    """Let each plugin whose version is not that of its rows count anew.

    Where that cannot be done the log says why, and the plugin goes on with the rows that there are.

    Raises:
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    with store.reading() as connection:
        known = checkpoints.read(connection)
    with store.writing() as connection:
        aside.drop(connection, known)
    for ident, statistic in registry.enabled.items():
        if ident in known and known[ident].version != str(statistic.plugin.version):
            try:
                if config["statscache.datagrepper.endpoint"] is None:
                    raise PluginError(
                        "there is no history to count them anew from: set "
                        "statscache.datagrepper.endpoint, or run `statscache plugins reset "
                        f"{ident} --without-history` and replay what was recorded"
                    )
                rebuild(store, registry, ident, config, now)
            except Exception as error:
                if is_outage(error):
                    raise
                log.error(
                    "%s goes on with the rows that version %s has counted: %s",
                    ident,
                    known[ident].version,
                    sentence(error),
                )


def rebuild(store: Store, registry: Registry, ident: str, config: Config, now: float) -> None:
    """Put the rows of `ident` aside, and let its plugin count from nothing, in one transaction.

    What the statistic had is owed to it. When that is healed, the rows that stand aside go.

    Raises:
        PluginError: it shares its table with others.
        sqlalchemy.exc.DBAPIError: nothing was changed.
    """
    statistic = registry.enabled[ident]
    others = registry.sharing(statistic)
    if others:
        raise PluginError(f"it keeps them in one table with {', '.join(others)}")
    with store.writing() as connection:
        held = checkpoints.lock(connection, ident)
        if statistic.model:
            aside.put(connection, ident, statistic.model)
            checkpoints.stamp(connection, ident)
        recall.begin_anew(connection, statistic, config, held, now)
        changes.note(connection, ident, held.revision, (), now)
    log.warning(
        "%s counts anew, by version %s; the rows of version %s are served until it is done",
        ident,
        statistic.plugin.version,
        held.version,
    )
