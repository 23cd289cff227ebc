"""A whole engine in a temporary folder, which runs the plugins that somebody works on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace, TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..config import Config
from ..engine import Engine
from ..errors import PluginError
from ..message import EARLIEST, Entry
from ..models import CountModel
from ..registry import Statistic
from ..store import checkpoints, deadletters
from ..store.deadletters import Letter
from ..verify.scratch import running

TOGETHER = 1_000
WAITING = 20_000
"""Entries that wait to be counted, at the most."""

PATIENCE = 300.0
"""Seconds that counting these may take."""

LETTERS = 1_000
"""Dead letters of a statistic that are read, at the most."""

Rows = Counter[tuple[Any, ...]]
"""The values of each row, without its id, and how many such rows there are."""


class Bench:
    """Runs `statistics` on a scratch place, from entering it until leaving it.

    Nothing of the user's is touched, and what the engine would tell the log is kept in `said`.
    Settings are named as in `engine__batch=10`.
    """

    def __init__(self, statistics: Sequence[Statistic], config: Config, **settings: Any) -> None:
        self.said: list[str] = []
        self._statistics = {one.ident: one for one in statistics}
        self._config = config
        self._settings: Mapping[str, Any] = settings
        self._run = ExitStack()
        self._folder: Path
        self._engine: Engine
        self._place: ExitStack

    def __enter__(self) -> Bench:
        with ExitStack() as place:
            place.enter_context(overheard(self.said))
            made = TemporaryDirectory(prefix="statscache-plugin-", ignore_cleanup_errors=True)
            self._folder = Path(place.enter_context(made))
            self._start()
            self._place = place.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._place:
            self._run.close()

    def restart(self, statistics: Iterable[Statistic]) -> None:
        """End the engine, and begin with another that runs `statistics` on the same place."""
        self._run.close()
        self._statistics = {one.ident: one for one in statistics}
        self._start()

    def count(self, entries: Iterable[Entry]) -> None:
        """Have all of `entries` counted, each id once.

        Raises:
            PluginError: a statistic cannot even begin; one that is suspended has begun.
        """
        each = iter(entries)
        counted = self._engine.journal.end()
        while part := list(islice(each, TOGETHER)):
            self._engine.journal.append(part)
            if self._engine.journal.end() - counted >= WAITING:
                self._drain()
                counted = self._engine.journal.end()
        self._drain()

    def turn(self) -> bool:
        """Let each statistic count what waits; whether none has anything left."""
        self._engine.drain(EARLIEST, PATIENCE)
        return not self._late()

    def instances(self, ident: str) -> list[Any]:
        """The rows of that statistic as they are shown, the oldest first.

        They are instances of its model, or have the attributes that it shows.
        """
        model = self._statistics[ident].model
        if model is None:
            return []
        with self._engine.store.reading() as connection:
            if issubclass(model, CountModel) and model.hidden_key is not None:
                found = connection.execute(model.folded()).mappings()
                return [SimpleNamespace(**row) for row in found]
            query = sa.select(model).order_by(model.timestamp, model.id)
            return list(Session(connection).scalars(query))

    def rows(self, ident: str) -> Rows:
        """The rows of that statistic, but for columns that depend on when messages arrived."""
        statistic = self._statistics[ident]
        names = statistic.model.columns() if statistic.model else []
        shown = [name for name in names if name not in statistic.plugin.by_arrival]
        return Counter(
            tuple(_comparable(getattr(one, name)) for name in shown)
            for one in self.instances(ident)
        )

    def letters(self, ident: str) -> list[Letter]:
        """What that statistic could not digest, the first of it first."""
        with self._engine.store.reading() as connection:
            found = deadletters.newest(connection, [ident], LETTERS)
            read = [deadletters.read(connection, one.id) for one in reversed(found)]
        return [letter for letter in read if letter]

    def suspended(self, ident: str) -> str | None:
        """Why it was suspended, if it was."""
        with self._engine.store.reading() as connection:
            return checkpoints.read_one(connection, ident).suspended

    def _start(self) -> None:
        these = [*self._statistics.values()]
        engine = running(self._folder, these, self._config, **self._settings)
        self._engine = self._run.enter_context(engine)

    def _drain(self) -> None:
        if not self.turn():
            reason = self.said[-1] if self.said else "it takes too long"
            raise PluginError(f"{', '.join(self._late())} does not get on: {reason}")

    def _late(self) -> list[str]:
        """The statistics that have not counted all, though they are not suspended."""
        end = self._engine.journal.end()
        with self._engine.store.reading() as connection:
            known = checkpoints.read(connection)
        return [
            ident
            for ident in sorted(self._statistics)
            if ident not in known or (known[ident].position < end and not known[ident].suspended)
        ]


def _comparable(value: Any) -> Any:
    """What rows can be told apart by, whatever a column holds."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value if isinstance(value, str | int | float | None) else repr(value)


class _Ear(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


@contextmanager
def overheard(said: list[str]) -> Iterator[None]:
    """Keep what is told to our log in `said`, and let nobody else hear it."""
    logger, ear = logging.getLogger("statscache"), _Ear(said)
    before = logger.propagate, logger.handlers, logger.level
    logger.propagate, logger.handlers = False, [ear]
    try:
        yield
    finally:
        logger.propagate, logger.handlers, logger.level = before
