"""A whole engine in a temporary folder, which counts once more what history has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..config import DAY, Config
from ..engine import Engine
from ..errors import PluginError
from ..journal import Journal
from ..message import EARLIEST, Entry
from ..registry import Registry, Statistic
from ..store import Store, checkpoints, erased

TOGETHER = 1_000
WAITING = 20_000
"""Entries that wait to be counted, at the most."""

PATIENCE = 600.0
"""Seconds that counting these may take."""


@contextmanager
def scratch(statistics: Sequence[Statistic], config: Config, real: Store) -> Iterator[Engine]:
    """An engine that runs `statistics` and keeps whatever they count, and which goes in the end.

    Who was erased in the `real` store is nobody here, too.
    """
    with (
        TemporaryDirectory(prefix="statscache-verify-") as folder,
        running(Path(folder), statistics, config) as engine,
    ):
        with real.reading() as here, engine.store.writing() as there:
            erased.copy(there, erased.read(here))
        yield engine


@contextmanager
def running(
    folder: Path, statistics: Sequence[Statistic], config: Config, **settings: Any
) -> Iterator[Engine]:
    """An engine that runs `statistics` on what is in `folder`; settings as in `engine__batch=10`.

    It is the same code that counts. Its clock stands at the beginning, so that nothing expires, and
    it has no history of its own to fetch.
    """
    values = {
        **config,
        "statscache.sqlalchemy.uri": f"sqlite:///{folder}/statscache.sqlite",
        "statscache.journal.path": Path(folder, "journal.sqlite"),
        "statscache.consumer.epoch": None,
        "statscache.journal.dedupe_horizon": 366 * DAY,
        "statscache.datagrepper.endpoint": None,
        "statscache.engine.suspend_after": 1_000_000,
        **{f"statscache.{name.replace('__', '.')}": one for name, one in settings.items()},
    }
    own = Config(values, foreign=config.foreign)
    named = Registry({one.ident: one for one in statistics}, {}, [])
    store = Store(own["statscache.sqlalchemy.uri"], len(statistics) + 5)
    engine = Engine(own, named, store, Journal(own["statscache.journal.path"]))
    try:
        engine.start(EARLIEST, listens=False)
        yield engine
    finally:
        engine.stop(EARLIEST)


def count(engine: Engine, entries: Iterable[Entry]) -> None:
    """Have the engine count all of `entries`, each id once for each addressee.

    Raises:
        PluginError: a statistic does not get on; the log says why.
    """
    each = iter(entries)
    counted = engine.journal.end()
    while part := list(islice(each, TOGETHER)):
        engine.journal.append(part)
        if engine.journal.end() - counted >= WAITING:
            _drain(engine)
            counted = engine.journal.end()
    _drain(engine)


def _drain(engine: Engine) -> None:
    done = engine.drain(EARLIEST, PATIENCE)
    with engine.store.reading() as connection:
        known = checkpoints.read(connection)
    late = sorted(ident for ident, one in known.items() if one.position < engine.journal.end())
    if not done or late or known.keys() != engine.registry.enabled.keys():
        named = late or sorted(engine.registry.enabled.keys() - known.keys())
        raise PluginError(
            f"{', '.join(named)} cannot be recomputed, the log says why; mend it, or name others"
        )
