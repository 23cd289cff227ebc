"""Counts, while a command such as `statscache replay` brings messages in where no daemon runs."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from .. import hubconfig, registry, service
from ..config import Config
from ..engine import Engine
from ..journal import Journal
from ..replay import counter
from ..replay.counter import Counter
from ..store import Store

BATCH = 20_000
"""Messages that a plugin is handed together: nobody else waits for it."""

GARBAGE = (200_000, 50, 100)
"""When Python looks for reference cycles: messages have none, and there are very many of them."""


def beside() -> AbstractContextManager[Counter | None]:
    """A process of its own that counts; None where another process, a daemon, holds the journal.

    Raises:
        StatscacheError: the journal or the database cannot be used as it is.
    """
    return counter.running([sys.executable, "-P", "-c", f"from {__name__} import main; main()"])


def main() -> None:
    """Be that process."""
    gc.set_threshold(*GARBAGE)
    counter.serve(_engine())


@contextmanager
def _engine() -> Iterator[Engine]:
    # What is to be said of settings and plugins, the command has said.
    logging.disable()
    config = hubconfig.read()
    installed = service.load(config)
    logging.disable(logging.NOTSET)
    batch = {"statscache.engine.batch": max(BATCH, config["statscache.engine.batch"])}
    config = Config({**config, **batch}, registry.names(config))
    journal = Journal(config["statscache.journal.path"])
    connections = len(installed.enabled) + config["statscache.engine.workers"]
    store = Store(config["statscache.sqlalchemy.uri"], connections)
    engine = Engine(config, installed, store, journal)
    try:
        engine.start(time.time(), listens=False)
        yield engine
    finally:
        engine.stop(time.time())
