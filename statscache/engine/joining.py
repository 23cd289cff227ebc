"""How a plugin joins: where it begins to count, and which history it is owed."""

from __future__ import annotations

from collections.abc import Collection

from ..config import Config
from ..journal import Journal, Span
from ..message import EARLIEST, EVERYBODY
from ..registry import Statistic
from ..store import Store, checkpoints, owed
from ..store.checkpoints import Checkpoint
from ..store.tables import ASKED
from . import retention


def begins(statistic: Statistic, config: Config, now: float) -> float:
    """From when on the plugin wants history: the start of a window, epoch seconds.

    The plugin says how much is useful, the configuration how much there may be; else it is what
    the setting gives to everybody.
    """
    epoch, useful = config["statscache.consumer.epoch"], statistic.plugin.backlog_delta
    since = float(EARLIEST)
    if epoch is None and useful is None:
        since = now - config["statscache.datagrepper.backlog"]
    if epoch is not None:
        since = max(since, epoch)
    if useful is not None:
        since = max(since, now - useful.total_seconds())
    kept_since = retention.horizon(statistic, config, now)
    return max(statistic.window_start(max(since, EARLIEST)), kept_since)


def first_checkpoint(
    statistic: Statistic, config: Config, journal: Journal, position: int, now: float
) -> Checkpoint:
    """The checkpoint of a plugin that joins behind `position` of the journal."""
    return Checkpoint(
        ident=statistic.ident,
        journal=journal.uuid,
        position=position,
        origin=position,
        revision=0,
        version=str(statistic.plugin.version),
        complete_until=now,
        horizon=horizon(statistic, config, now),
        counted=0,
        expired=0,
        suspended=None,
        created=now,
    )


def horizon(statistic: Statistic, config: Config, now: float) -> float:
    """The oldest window that a plugin has when it joins: none before the history that is useful.

    Of such a window it would only have what came late.
    """
    if statistic.plugin.backlog_delta is None:
        return retention.horizon(statistic, config, now)
    return begins(statistic, config, now)


def owed_to(new: Collection[Statistic], config: Config, first: bool, now: float) -> dict[str, Span]:
    """What history is owed to whom, when those plugins join; `first`: there are no others.

    Then what they want together is owed to everybody, and brought once. Who wants only some topics
    is owed by itself what is older than that.
    """
    since = {one.ident: begins(one, config, now) for one in new}
    together = [since[one.ident] for one in new if one.plugin.topics is None]
    if not (first and together):
        return {ident: Span(start, now) for ident, start in since.items()}
    shared = Span(min(together), now)
    older = {one: Span(start, shared.start) for one, start in since.items() if start < shared.start}
    return {EVERYBODY: shared, **older}


def ask(
    store: Store, statistics: Collection[Statistic], config: Config, span: Span, now: float
) -> None:
    """Owe what was sent within `span` (epoch seconds) to those statistics; none means everybody.

    What was counted is known by its id, or left out where that is forgotten. A statistic that began
    later begins that much earlier now, as far as its retention goes.
    """
    with store.writing() as connection:
        for one in statistics:
            held = checkpoints.lock(connection, one.ident)
            kept_since = retention.horizon(one, config, now)
            oldest = max(kept_since, min(held.horizon, one.window_start(span.start)))
            checkpoints.set_horizon(connection, one.ident, oldest)
        for addressee in [one.ident for one in statistics] or [EVERYBODY]:
            owed.owe(connection, addressee, *span, ASKED, now)
