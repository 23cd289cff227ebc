"""One plugin's way through the journal: bucket after bucket, each counted exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.engine import Connection

from ..config import Config
from ..errors import MovedError
from ..journal import Journal
from ..registry import Statistic
from ..store import Store, checkpoints, deadletters, erased, owed
from ..store.checkpoints import Checkpoint, Step
from ..store.faults import is_canceled, is_outage
from ..store.owed import Missed
from ..text import one_line, sentence
from . import people, retention
from .buckets import Bucket, Slices, bucket, copies
from .instance import Instance

CANCELED_AT_MOST = 3
"""So many times in a row a statement may be cut off, while others commit, before it is poison."""

log = logging.getLogger(__name__)


class PluginCounter:
    """Counts for one statistic; used by one thread at a time.

    Args:
        slices: shared with the counters of the other statistics.
        token: of the daemon that owns the database.
        all_commits: how many transactions all counters have committed.

    Attributes:
        position: its bookmark as it was last seen.
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
        self.position = 0
        self.commits = 0
        self._config = config
        self._store = store
        self._journal = journal
        self._slices = slices
        self._token = token
        self._all_commits = all_commits
        self._instance = Instance(statistic, config, store)
        self._dead_in_a_row = 0
        self._canceled_in_a_row = 0
        self._commits_then = 0

    @property
    def ident(self) -> str:
        return self.statistic.ident

    def run(self, until: int, now: float) -> bool:
        """Count the next bucket of what stands up to the position `until`; whether more is left.

        It may reach further, where another plugin was there before. An asynchronous plugin has an
        empty one, where nothing is left.

        `now` is when it had arrived, in epoch seconds.

        Raises:
            OwnerError: another daemon counts now.
            MovedError: something else moved the bookmark; what is left is due again.
            sqlalchemy.exc.DBAPIError: the database is away; the same bucket is due again.
        """
        retention.expire(self._store, self.statistic, self._config, now)
        checkpoint = self._checkpoint()
        self.position = checkpoint.position
        if checkpoint.suspended:
            return False
        if checkpoint.position < until:
            part = self._slices.read(checkpoint.position, until)
            missed = self._missed() if part.addressed else ()
            due = bucket(self.statistic, checkpoint, part, self._journal, missed)
        elif self.statistic.is_asynchronous:
            due = Bucket((), (), checkpoint.position, checkpoint.position, now, 0)
        else:
            return False
        try:
            self._count(due._replace(arrived=now) if due.end >= until else due, now)
        except MovedError:
            if self._checkpoint().position != due.begin:
                raise
            # Only its rows were changed meanwhile, by a retry or so: the same bucket once more.
            return True
        self._canceled_in_a_row = 0
        return due.end < until

    def stop(self) -> None:
        """Stop the plugin's instance and throw it away."""
        self._instance.stop()

    def _count(self, due: Bucket, now: float) -> None:
        """Count `due`; where the plugin fails over it, cut it in two until the poison is found."""
        if due.messages or self.statistic.is_asynchronous:
            # First: what a new instance writes when it begins raises the revision.
            self._instance.begin()
        checkpoint = self._checkpoint()
        if checkpoint.suspended:
            return
        if checkpoint.position != due.begin:
            raise MovedError(f"the bookmark of {self.ident} moved while its bucket was counted")
        failure = self._hand_over(checkpoint, due, now)
        if failure is None:
            self.commits += 1
            self._dead_in_a_row = 0 if due.messages else self._dead_in_a_row
        elif self._checkpoint().position != due.begin:
            raise MovedError(
                f"{self.ident} failed ({sentence(failure)}), but ended its transaction before "
                "that: what it had written by then stands, and is not counted again"
            ) from failure
        elif len(due.messages) == 1:
            self._set_aside(checkpoint, due, now, failure)
        else:
            for half in due.halves():
                # Decoded anew: nobody knows what the plugin did to those that it was handed.
                messages = copies(self.statistic, (entry for _, entry in half.kept))
                self._count(half._replace(messages=messages), now)

    def _hand_over(self, checkpoint: Checkpoint, due: Bucket, now: float) -> BaseException | None:
        """Commit the plugin's rows and its checkpoint together; what it failed with, if it did."""
        step = Step(due.end, due.arrived, len(due.messages), due.expired)

        def move(connection: Connection) -> int:
            return checkpoints.advance(connection, checkpoint, step, self._token)

        return self._instance.hand_over(due.messages, move, now, self._must_wait)

    def _set_aside(
        self, checkpoint: Checkpoint, due: Bucket, now: float, error: BaseException
    ) -> None:
        """Move the bookmark past one message, and keep it as a dead letter."""
        step = Step(due.end, due.arrived, 0, due.expired)
        entry = due.kept[0].entry
        in_a_row = self._dead_in_a_row + 1
        too_many = in_a_row >= self._config["statscache.engine.suspend_after"]
        with self._store.writing() as connection:
            checkpoints.advance(connection, checkpoint, step, self._token)
            kept = people.without(erased.read(connection), entry)
            quiet = kept is not entry
            deadletters.add(connection, self.ident, kept, error, now, quiet)
            standing = deadletters.count(connection, self.ident)
            if too_many:
                # Everybody may read why; what the plugin says may hold the message.
                reason = f"{in_a_row} dead letters in a row, the last by {type(error).__name__}"
                checkpoints.suspend(connection, self.ident, one_line(reason))
        self._dead_in_a_row = 0 if too_many else in_a_row
        log.error(
            "%s cannot digest message %s (topic %s), set aside as a dead letter: %s (%d now stand)",
            self.ident,
            one_line(entry.id),
            one_line(entry.topic),
            type(error).__name__ if quiet else sentence(error),
            standing,
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
        """Whether the database is at fault, and the same bucket is due again.

        A statement that is cut off again and again, while others commit, is the plugin's fault.
        """
        if not is_canceled(error):
            return is_outage(error)
        if not self._canceled_in_a_row:
            self._commits_then = self._all_commits()
        self._canceled_in_a_row += 1
        others_commit = self._all_commits() > self._commits_then
        return self._canceled_in_a_row <= CANCELED_AT_MOST or not others_commit

    def _missed(self) -> list[Missed]:
        with self._store.reading() as connection:
            return owed.missed(connection, self.ident)

    def _checkpoint(self) -> Checkpoint:
        with self._store.reading() as connection:
            return checkpoints.read_one(connection, self.ident)
