"""The engine: what comes in goes into the journal, and each turn lets the plugins count it."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ..backlog import Backlog
from ..config import Config
from ..errors import JournalDamagedError, OwnerError, RefusedError, StatscacheError, StoreError
from ..history import Datagrepper
from ..journal import Journal, Span
from ..registry import Registry, Statistic
from ..store import Store, aside, checkpoints, deadletters, meters, owed, ownership, schema
from ..store.checkpoints import Checkpoint
from ..store.faults import is_outage
from ..store.tables import BEFORE_THE_PLUGIN
from ..text import sentence, trace
from . import joining, rebuild, retention, upkeep
from .buckets import Slices
from .counting import PluginCounter
from .intake import Intake
from .measures import Measures
from .outage import Outage
from .workers import Pool, Rank

PERIODS = (60, 5, 1)
"""Seconds between the turns of each producer, the slowest first."""

WITHOUT_INTERVAL = 5

TELLS = 5
"""The producer with whose turns other processes are told what was measured."""

SLICE_BYTES = 16 << 20
STOP_SECONDS = 5.0
TURN = "the turn"
UPKEEP = "upkeep of the journal and the store"
MEASURES = "telling what was measured"
HISTORY = "reading history"
OUTAGE = "an outage"

log = logging.getLogger(__package__)


def period(statistic: Statistic) -> int:
    """The producer that a statistic rides: the slowest whose period divides its interval."""
    if statistic.schedule is None:
        return WITHOUT_INTERVAL
    return next(seconds for seconds in PERIODS if statistic.schedule.length % seconds == 0)


class Engine:
    """Counts for all enabled plugins. Any thread may call it; times are epoch seconds.

    Args:
        journal: held by this engine alone.
        history: what is owed is read from it, if there is one.
    """

    def __init__(
        self,
        config: Config,
        registry: Registry,
        store: Store,
        journal: Journal,
        history: Datagrepper | None = None,
    ) -> None:
        self.config = config
        self.registry = registry
        self.store = store
        self.journal = journal
        self.intake = Intake(journal, config)
        self.measures = Measures(clock.time())
        self._joined = journal.end()
        self._pool = Pool(config["statscache.engine.workers"])
        self._history = history
        self._watch_measures()
        self._backlog: Backlog | None = None
        self._reading = Pool(1)
        self._batch = config["statscache.engine.batch"]
        self._slices = Slices(journal, self._batch, SLICE_BYTES)
        self._counters: dict[str, PluginCounter] = {}
        self._token = ""
        self._outage = Outage(str(store))
        self._preparing = threading.Lock()
        self._stopping = threading.Event()
        self._telling = threading.Lock()
        self._complaints: dict[str, str] = {}
        self._waiting: set[str] = set()

    def start(self, now: float, listens: bool = True) -> None:
        """Take the database over and begin to listen, unless nothing comes from the bus here.

        A database that cannot be reached is waited for; meanwhile the journal takes everything.

        Raises:
            StatscacheError: the database cannot be used as it is; the message says the cure.
        """
        try:
            self._prepare(now)
        except SQLAlchemyError as error:
            if not is_outage(error):
                raise StoreError(
                    f"the database {self.store} cannot be used ({sentence(error)}): let this user "
                    "read, write and create tables in it"
                ) from error
            self._outage.begin(error, now)
        if listens:
            self.intake.listen(now)
        else:
            # What the bus carries before and after this moment is in a gap.
            self.journal.append((), Span(now, now))

    def accept(self, message: Mapping[str, Any], now: float, more: bool = False) -> bool:
        """Take in one message that arrived at `now`; see `Intake.accept`."""
        return self.intake.accept(message, now, more)

    def refuse(self, error: RefusedError, now: float) -> None:
        """Count a message that cannot even be handed over."""
        self.intake.refuse(error, now)

    def flush(self, now: float) -> None:
        """Commit to the journal what waits."""
        self.intake.flush(now)

    def turn(self, seconds: int, now: float) -> None:
        """Let the plugins that ride this producer count what has arrived until `now`.

        Returns at once; the counting goes on in other threads. Lets no exception out.
        """
        self.measures.add(meters.TURNS, label=f"{seconds}s")
        try:
            self.flush(now)
            if self._ready(now):
                self._turn(seconds, now)
                self._outage.end(now)
                self._complaints.pop(TURN, None)
        except BaseException as error:
            self._note(error, TURN, now)

    def owes(self, now: float) -> bool:
        """Whether owed history can be read, or has been to its end and is not counted."""
        return self._backlog is not None and self._backlog.is_left(now)

    def drain(self, now: float, timeout: float = 60) -> bool:
        """Let every plugin count everything now; whether that was done within `timeout` seconds."""
        until = clock.monotonic() + timeout
        # What is being counted goes only up to where the journal ended when that began.
        self._pool.wait(timeout)
        for seconds in PERIODS:
            self.turn(seconds, now)
        return self._pool.wait(until - clock.monotonic())

    def stop(self, now: float) -> None:
        """Commit what waits, let what is being counted be finished, and let go of everything."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        try:
            self.intake.end(now)
            self._reading.stop(STOP_SECONDS)
            if self._pool.stop(STOP_SECONDS):
                for counter in self._counters.values():
                    counter.stop()
                self._release()
        finally:
            self.journal.close()
            self.store.close()

    # -- preparing -------------------------------------------------------------------------

    def _ready(self, now: float) -> bool:
        if self._stopping.is_set():
            return False
        with self._preparing:
            if not self._token:
                self._prepare(now)
        return True

    def _prepare(self, now: float) -> None:
        """Check the database, own it, and open a checkpoint for each plugin that has none."""
        schema.prepare(self.store)
        token = ownership.claim(self.store, self.journal, now)
        if not self.journal.spans():
            # Statistics that join now, and are killed before they listen, have a gap behind them.
            self.journal.append((), Span(now, now))
        rebuild.rebuild_changed(self.store, self.registry, self.config, now)
        statistics = [one for one in self.registry.enabled.values() if self._has_table(one)]
        self._open_checkpoints(statistics, now)
        idents = [statistic.ident for statistic in statistics]
        upkeep.pass_by(self.store, self.journal, idents, self.journal.begin(), token, now)
        upkeep.tell(self.store, self.journal, now)
        self._counters = {
            statistic.ident: PluginCounter(
                statistic, self.config, self.store, self.journal, self._slices, token, self._commits
            )
            for statistic in statistics
        }
        self._tell_measures(now)
        self._backlog = self._new_backlog(now)
        self._token = token
        log.info("%d statistics are kept in %s", len(self._counters), self.store)
        self._tell_of_dead_letters()

    def _tell_of_dead_letters(self) -> None:
        with self.store.reading() as connection:
            totals = deadletters.totals(connection)
        if totals:
            standing = sum(totals.values())
            log.warning("%d dead letters stand; see `statscache dead-letters list`", standing)

    def _has_table(self, statistic: Statistic) -> bool:
        """Make the table of the statistic where it is absent; a plugin's failure is its own."""
        try:
            with self.store.writing() as connection:
                if statistic.model:
                    schema.create_missing(connection, [statistic.model])
                    aside.show(connection, statistic.ident, statistic.model)
        except Exception as error:
            if is_outage(error):
                raise
            said = f"it is skipped, its table cannot be made: {sentence(error)}"
            if self._complaints.get(statistic.ident) != said:
                self._complaints[statistic.ident] = said
                log.error("%s: %s", statistic.ident, said)
            return False
        return True

    def _new_backlog(self, now: float) -> Backlog | None:
        if self._history is None:
            return None
        statistics = {ident: counter.statistic for ident, counter in self._counters.items()}
        journal, store, config = self.journal, self.store, self.config
        stopping = self._stopping
        return Backlog(self._history, journal, store, config, statistics, stopping, now)

    def _open_checkpoints(self, statistics: list[Statistic], now: float) -> None:
        """A new plugin joins where the journal ended when the daemon started."""
        with self.store.writing() as connection:
            known = checkpoints.read(connection)
            position = self._joined if known else self.journal.begin()
            new = [one for one in statistics if one.ident not in known]
            for one in new:
                checkpoint = joining.first_checkpoint(one, self.config, self.journal, position, now)
                checkpoints.create(connection, checkpoint)
            for addressee, span in joining.owed_to(new, self.config, not known, now).items():
                owed.owe(connection, addressee, *span, BEFORE_THE_PLUGIN, now)

    def _release(self) -> None:
        try:
            if self._token:
                upkeep.tell(self.store, self.journal, clock.time())
                ownership.release(self.store, self._token)
        except (SQLAlchemyError, StatscacheError) as error:
            log.warning("the database was not told of the end: %s", sentence(error))

    # -- counting --------------------------------------------------------------------------

    def _turn(self, seconds: int, now: float) -> None:
        until = self.journal.end()
        busy = self._pool.busy()
        if not busy:
            self._slices.forget()
        with self.store.reading() as connection:
            known = checkpoints.read(connection)
        resting = []
        for ident, counter in self._counters.items():
            checkpoint = known[ident]
            behind = until - checkpoint.position > self._batch
            rides = period(counter.statistic) == seconds or ident in self._waiting or behind
            if self._is_due(counter, checkpoint, until, rides, now):
                work = partial(self._count, counter, until, now)
                # Who is furthest behind is next: those that stand together share what they read.
                self._submit(self._pool, ident, work, now, partial(getattr, counter, "position"))
            elif rides and ident not in busy and not checkpoint.suspended:
                resting.append(ident)
        self._rest(resting, until, now)
        if seconds == TELLS:
            self._submit(self._pool, MEASURES, partial(self._tell_measures, now), now)
        if seconds == PERIODS[0] or UPKEEP in self._waiting:
            self._submit(self._pool, UPKEEP, partial(self._keep_up, now), now)
        if self._backlog and self._backlog.is_due(now):
            self._submit(self._reading, HISTORY, partial(self._backlog.work, now), now)

    def _count(self, counter: PluginCounter, until: int, now: float) -> bool:
        with self.measures.timing(meters.COUNTING, counter.ident):
            return counter.run(until, now)

    def _is_due(
        self, counter: PluginCounter, checkpoint: Checkpoint, until: int, rides: bool, now: float
    ) -> bool:
        if checkpoint.suspended:
            return False
        if rides and (checkpoint.position < until or counter.statistic.is_asynchronous):
            return True
        return retention.horizon(counter.statistic, self.config, now) > checkpoint.horizon

    def _rest(self, idents: list[str], until: int, now: float) -> None:
        with self.store.writing() as connection:
            ownership.beat(connection, self._token, now)
            if idents:
                checkpoints.rest(connection, idents, until, now)

    def _submit(
        self, pool: Pool, what: str, work: Callable[[], bool], now: float, rank: Rank = int
    ) -> None:
        def job() -> bool:
            try:
                more = work()
            except BaseException as error:
                self._note(error, what, now)
                return False
            self._complaints.pop(what, None)
            self._waiting.discard(what)
            return more

        pool.submit(what, job, rank)

    def _keep_up(self, now: float) -> bool:
        upkeep.tell(self.store, self.journal, now)
        upkeep.prune(self.store, self.config)
        idents = self._counters.keys()
        upkeep.trim(self.store, self.journal, self.config, idents, self._token, now)
        return False

    def _watch_measures(self) -> None:
        intake, history = self.intake, self._history
        self.measures.watch(meters.ACCEPTED, lambda: intake.accepted)
        self.measures.watch(meters.DUPLICATES, lambda: intake.duplicates)
        if history is not None:
            self.measures.watch(meters.HISTORY, lambda: history.requests)

    def _tell_measures(self, now: float) -> bool:
        self.measures.tell(self.store, self.journal, self._counters.keys(), now)
        return False

    def _commits(self) -> int:
        return sum(counter.commits for counter in self._counters.values())

    def _note(self, error: BaseException, what: str, now: float) -> None:
        """Tell the log of a failure, once and not every second."""
        if is_outage(error) and self._is_everybodys(error, what, now):
            return
        said = sentence(error, 1000)
        if isinstance(error, OwnerError):
            what = TURN  # whoever finds it out first says it for all
        elif isinstance(error, JournalDamagedError):
            what = said  # as above, but there may be several
        # The words of an outage hold what was being written, which is more each time.
        complaint = OUTAGE if is_outage(error) else said
        with self._telling:
            if self._complaints.get(what) == complaint:
                return
            self._complaints[what] = complaint
        if isinstance(error, OwnerError | JournalDamagedError):
            log.critical("%s", said)
        elif isinstance(error, StatscacheError):
            log.error("%s: %s", what, said)
        else:
            log.error("%s failed: %s; it is tried again\n%s", what, said, trace(error))

    def _is_everybodys(self, error: BaseException, what: str, now: float) -> bool:
        """Whether the database is away for all, or that is for the next turn to find out."""
        if what == TURN:
            self._outage.begin(error, now)
            return True
        first = what not in self._waiting
        self._waiting.add(what)
        return first or self._outage.since is not None
