"""Where a process kills itself: at one of the steps that it takes, and in the middle of them.

The steps are seen from the tests only; the daemon knows nothing of them.
"""

from __future__ import annotations

import ctypes
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import event

from statscache.backlog import backlog, importer
from statscache.engine import Engine, counting, recall, retention, upkeep
from statscache.journal import Journal
from statscache.store import Store, schema

STORE = STATEMENT, COMMIT = "a statement of the store", "COMMIT of the store"
JOURNAL = JOURNAL_STATEMENT, JOURNAL_COMMIT = "a statement of the journal", "COMMIT of the journal"
ACCEPTED, PROCESSING, UPDATING = "a message accepted", "in process", "in update"
PLUGIN = PROCESSING, UPDATING


class Place(NamedTuple):
    """A step of a phase: before it, after it, or either."""

    phase: str
    step: str


Phases = dict[str, tuple[Any, str, tuple[str, ...]]]

BRINGING = "bringing what was missed"

PHASES: Phases = {
    "opening the journal": (Journal, "__init__", JOURNAL),
    "starting": (Engine, "start", (*STORE, JOURNAL_STATEMENT)),
    "migrating": (schema, "upgrade", STORE),
    "taking in": (Journal, "append", JOURNAL),
    "turning": (Engine, "turn", STORE),
    "counting": (counting.PluginCounter, "run", (*STORE, *PLUGIN)),
    "setting aside": (counting.PluginCounter, "_set_aside", STORE),
    "expiring": (retention, "expire", STORE),
    "telling of spans": (upkeep, "tell", (*STORE, JOURNAL_STATEMENT)),
    "trimming": (upkeep, "trim", (STATEMENT, *JOURNAL)),
    "stopping": (Engine, "stop", STORE),
}
"""What the daemon can be at (the innermost counts), the function that does it, and its steps."""

PHASES_OF_HISTORY: Phases = {
    "reading history": (backlog.Backlog, "work", (*STORE, JOURNAL_STATEMENT)),
    BRINGING: (importer.Importer, "bring", JOURNAL),
    "disowning": (Journal, "disown", JOURNAL),
    "recalling": (recall, "recall", STORE),
}
"""The same, where there is a history; bringing is a way of taking in, and counts as bringing."""

IDLE = "in between"
NOWHERE = Place("", "")


def _places(phases: Phases) -> list[Place]:
    return [Place(phase, step) for phase, (_, _, steps) in phases.items() for step in steps]


PLACES = [*_places(PHASES), Place(IDLE, ACCEPTED)]
PLACES_OF_HISTORY = _places(PHASES_OF_HISTORY)


class Report(ctypes.Structure):
    """What a life tells its parent, in memory that they share.

    How much of the feed the bus has sent it, and how much of that it has acknowledged, the time it
    had come to (epoch seconds), and where it killed itself.
    """

    _fields_ = (
        ("sent", ctypes.c_long),
        ("acknowledged", ctypes.c_long),
        ("now", ctypes.c_double),
        ("phase", ctypes.c_char * 32),
        ("step", ctypes.c_char * 48),
    )

    def place(self) -> Place:
        return Place(self.phase.decode(), self.step.decode())


class Fate:
    """Kills the process when it comes to `place` for the `number`-th time; 0 lets it live.

    Args:
        report: where the process tells of the place.
        sent: what the process sends to itself, if it is not to die.
    """

    def __init__(
        self,
        place: Place,
        number: int,
        report: Report | None = None,
        sent: signal.Signals = signal.SIGKILL,
    ) -> None:
        self._place = place
        self._left = number
        self._report = report or Report()
        self._sent = sent
        self._lock = threading.Lock()
        self._local = threading.local()

    def comes_to(self, step: str) -> None:
        """The process takes that step now."""
        phase = getattr(self._local, "phase", IDLE)
        if phase != self._place.phase or not step.endswith(self._place.step):
            return
        with self._lock:
            self._left -= 1
            if not self._left:
                self._report.phase, self._report.step = phase.encode(), step.encode()
                # To this thread, which then takes no step more.
                signal.pthread_kill(threading.get_ident(), self._sent)

    def watch_phases(self) -> None:
        """Tell what the daemon is at, from now on."""
        for phase, (owner, function, _) in (PHASES | PHASES_OF_HISTORY).items():
            setattr(owner, function, self._within(phase, getattr(owner, function)))

    def watch_store(self, store: Store) -> None:
        """Every statement and every COMMIT of the store is a step, before and after it."""
        for side in ("before", "after"):
            step = partial(self._statement, f"{side} {STATEMENT}")
            event.listen(store.engine, f"{side}_cursor_execute", step)
        dialect = store.engine.dialect
        dialect.do_commit = self._around(dialect.do_commit, COMMIT)

    def watch_journals(self) -> None:
        """The same for every journal that is opened from now on."""
        sqlite3.connect = partial(sqlite3.connect, factory=self._connections())

    def _connections(self) -> type[sqlite3.Connection]:
        fate = self

        class Watched(sqlite3.Connection):
            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                with fate._both_sides(_kind(statement)):
                    return super().execute(statement, *values)

            def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
                with fate._both_sides(_kind(statement)):
                    return super().executemany(statement, *values)

        return Watched

    def _within(self, phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def working(*arguments: Any, **options: Any) -> Any:
            before = getattr(self._local, "phase", IDLE)
            self._local.phase = BRINGING if before == BRINGING else phase
            try:
                return work(*arguments, **options)
            finally:
                self._local.phase = before

        return working

    def _around(self, work: Callable[..., Any], step: str) -> Callable[..., Any]:
        def working(*arguments: Any) -> Any:
            with self._both_sides(step):
                return work(*arguments)

        return working

    @contextmanager
    def _both_sides(self, step: str) -> Iterator[None]:
        self.comes_to(f"before {step}")
        yield
        self.comes_to(f"after {step}")

    def _statement(self, step: str, *_: Any) -> None:
        self.comes_to(step)


def _kind(statement: str) -> str:
    return JOURNAL_COMMIT if statement == "COMMIT" else JOURNAL_STATEMENT
