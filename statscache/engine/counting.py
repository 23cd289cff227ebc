"""One plugin's way through the journal: bucket after bucket, each counted exactly once."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from sqlalchemy.engine import Connection

from ..config import Config
from ..errors import MovedError, OwnerError, PluginError
from ..journal import Journal
from ..plugins import BasePlugin
from ..registry import Statistic
from ..store import Store, changes, checkpoints, deadletters
from ..store.checkpoints import Checkpoint, Step
from ..store.faults import is_canceled, is_outage
from ..store.transaction import Transaction
from ..text import one_line, sentence
from . import retention
from .buckets import Bucket, Slices, bucket

CANCELED_AT_MOST = 3
"""So many times in a row a statement may be cut off, while others commit, before it is poison."""

log = logging.getLogger(__name__)


class PluginCounter:
    """Counts for one statistic; used by one thread at a time.

    Args:
        slices: shared with the counters of the other statistics.
        token: of the daemon that owns the database.
        all_commits: how many transactions all counters have committed.
    """

    def __init__(
        self,
        statistic: Statistic,
        config: Config,
        store: Store,
        journal: Journal,
        slices: Slices,
        token: str,
        all_commits: Callable[[], int],
    ) -> None:
        self.statistic = statistic
        self.commits = 0
        self._config = config
        self._store = store
        self._journal = journal
        self._slices = slices
        self._token = token
        self._all_commits = all_commits
        self._plugin: BasePlugin | None = None
        self._dead_in_a_row = 0
        self._canceled_in_a_row = 0
        self._commits_then = 0

    @property
    def ident(self) -> str:
        return self.statistic.ident

    def run(self, until: int, now: float) -> bool:
        """Count the next bucket of what stands up to the position `until`; whether more is left.

        `now` is when it had arrived, in epoch seconds.

        Raises:
            OwnerError: another daemon counts now.
            MovedError: something else moved the bookmark; what is left is due again.
            sqlalchemy.exc.DBAPIError: the database is away; the same bucket is due again.
        """
        retention.expire(self._store, self.statistic, self._config, now)
        checkpoint = self._checkpoint()
        if checkpoint.suspended or checkpoint.position >= until:
            return False
        part = self._slices.read(checkpoint.position, until)
        due = bucket(self.statistic, checkpoint, part, self._journal)
        self._count(due._replace(arrived=now) if due.end == until else due, now)
        return due.end < until

    def plugin(self) -> BasePlugin:
        """The plugin's instance, built, initialized and launched if there is none."""
        if self._plugin is None:
            plugin = self.statistic.build(self._config)
            with Transaction(self._store, self.ident, self._lock) as transaction:
                plugin.initialize(transaction.session)
                plugin.launch(transaction.session)
                if transaction.session.used:
                    transaction.commit()
            self._plugin = plugin
        return self._plugin

    def stop(self) -> None:
        """Stop the plugin's instance and throw it away."""
        plugin, self._plugin = self._plugin, None
        if plugin is not None:
            try:
                plugin.stop()
            except BaseException as error:
                log.warning("stopping %s failed: %s", self.ident, sentence(error))

    def _count(self, due: Bucket, now: float) -> None:
        """Count `due`; where that fails, cut it in two until the poison is found."""
        checkpoint = self._checkpoint()
        if checkpoint.suspended:
            return
        if checkpoint.position != due.begin:
            raise MovedError(f"the bookmark of {self.ident} moved while its bucket was counted")
        plugin = self.plugin() if due.messages else None
        failure = self._failure(plugin, checkpoint, due, now)
        if failure:
            self._digest(checkpoint, due, now, failure)
            return
        self.commits += 1
        self._canceled_in_a_row = 0
        if due.messages:
            self._dead_in_a_row = 0

    def _failure(
        self, plugin: BasePlugin | None, checkpoint: Checkpoint, due: Bucket, now: float
    ) -> BaseException | None:
        """Commit `due`; what the plugin raised, if it is to be blamed."""
        try:
            self._commit(plugin, checkpoint, due, now)
        except BaseException as error:
            self.stop()
            if isinstance(error, MovedError | OwnerError) or self._must_wait(error):
                raise
            return error
        return None

    def _digest(
        self, checkpoint: Checkpoint, due: Bucket, now: float, error: BaseException
    ) -> None:
        """Isolate the message that the plugin cannot digest."""
        if self._checkpoint().position != due.begin:
            raise MovedError(
                f"{self.ident} failed ({sentence(error)}), but ended its transaction before that: "
                "what it had written by then stands, and is not counted again"
            ) from error
        if not due.messages:
            raise PluginError(f"{self.ident} fails without a message") from error
        if len(due.messages) == 1:
            self._set_aside(checkpoint, due, now, error)
            return
        for half in due.halves():
            self._count(half, now)

    def _commit(
        self, plugin: BasePlugin | None, checkpoint: Checkpoint, due: Bucket, now: float
    ) -> None:
        """The plugin's rows and its checkpoint, in one transaction."""
        step = Step(due.end, due.arrived, len(due.messages), due.expired)

        def move(connection: Connection) -> int:
            return checkpoints.advance(connection, checkpoint, step, self._token)

        with Transaction(self._store, self.ident, move) as transaction:
            session = transaction.session
            if plugin:
                plugin.handle(session, due.messages)
                session.flush()
            if session.used:
                connection, touched = transaction.connection(), transaction.touched
                changes.note(connection, self.ident, transaction.revision, touched, now)
            transaction.commit()

    def _set_aside(
        self, checkpoint: Checkpoint, due: Bucket, now: float, error: BaseException
    ) -> None:
        """Move the bookmark past one message, and keep it as a dead letter."""
        step = Step(due.end, due.arrived, 0, due.expired)
        entry = due.kept[0].entry
        with self._store.writing() as connection:
            checkpoints.advance(connection, checkpoint, step, self._token)
            text = "".join(traceback.format_exception(error))
            deadletters.add(connection, self.ident, entry, sentence(error), text, now)
            in_a_row = self._dead_in_a_row + 1
            too_many = in_a_row >= self._config["statscache.engine.suspend_after"]
            if too_many:
                checkpoints.suspend(connection, self.ident, sentence(error))
        self._dead_in_a_row = 0 if too_many else in_a_row
        log.error(
            "%s cannot digest message %s (topic %s), set aside as a dead letter: %s",
            self.ident,
            one_line(entry.id),
            one_line(entry.topic),
            sentence(error),
        )
        if too_many:
            log.critical(
                "%s is suspended after %d dead letters in a row, its bookmark is kept; mend it, "
                "then run `statscache plugins resume %s`",
                self.ident,
                in_a_row,
                self.ident,
            )

    def _must_wait(self, error: BaseException) -> bool:
        """Whether the database is at fault, and the same bucket is due again."""
        if not is_outage(error):
            return False
        if not is_canceled(error):
            return True
        if not self._canceled_in_a_row:
            self._commits_then = self._all_commits()
        self._canceled_in_a_row += 1
        others_commit = self._all_commits() > self._commits_then
        return self._canceled_in_a_row <= CANCELED_AT_MOST or not others_commit

    def _checkpoint(self) -> Checkpoint:
        with self._store.reading() as connection:
            return checkpoints.read_one(connection, self.ident)

    def _lock(self, connection: Connection) -> int:
        return checkpoints.lock(connection, self.ident).revision
