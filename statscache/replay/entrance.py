"""The entrance for messages of the past: beside the daemon, or, where none runs, in its place."""

from __future__ import annotations

import tempfile
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ..backlog.importer import Importer
from ..config import Config
from ..engine import Engine
from ..errors import AddresseeError, JournalInUseError
from ..journal import Journal, Reader, Writer
from ..message import EVERYBODY
from ..registry import Registry
from ..store import Store, checkpoints, dump, ownership
from .pace import Pace

COPY = "journal.sqlite"

TOGETHER = 5_000
"""Entries in one transaction where nobody else waits to write."""


class Entrance(NamedTuple):
    """What brings messages in, and how fast; `counts`: this process, no daemon, counts them."""

    importer: Importer
    pace: Pace
    counts: bool


@contextmanager
def enter(
    config: Config,
    installed: Registry,
    store: Store,
    addressees: Sequence[str] = (EVERYBODY,),
    now: Callable[[], float] = clock.time,
) -> Iterator[Entrance]:
    """Let this process bring messages in for `addressees`.

    Where no daemon holds the journal, this process holds it, and counts. `now` gives epoch seconds.

    Raises:
        JournalInUseError: the journal is being repaired or adopted.
        AddresseeError: the daemon does not know one of them.
        OwnerError: the database is fed from another journal.
        StatscacheError: the journal or the database cannot be used as it is.
    """
    path = config["statscache.journal.path"]
    try:
        journal = Journal(path)
    except JournalInUseError:
        with closing(Writer(path)) as guest:
            ownership.require_fed(store, guest)
            guest.expect_much()
            require_joined(addressees, store)
            pace = Pace(guest, store, installed.enabled, now=now)
            yield Entrance(Importer(guest, store, config), pace, False)
            ownership.require_fed(store, guest)
        return
    engine = Engine(config, installed, store, journal)
    try:
        engine.start(now(), listens=False)
        pace = Pace(journal, store, installed.enabled, engine, now=now)
        journal.expect_much()
        yield Entrance(Importer(journal, store, config, TOGETHER), pace, True)
    finally:
        engine.stop(now())


@contextmanager
def rehearse(config: Config, store: Store) -> Iterator[Importer]:
    """Lets messages in that go nowhere, to tell what would become of them."""
    path = Path(config["statscache.journal.path"])
    with tempfile.TemporaryDirectory(prefix="statscache-") as folder:
        copy = Path(folder) / COPY
        if path.exists():
            with closing(Reader(path)) as journal, journal.snapshot() as pinned:
                dump.copy_sqlite(pinned, copy, lambda *_: None)
        with closing(Journal(copy)) as journal:
            yield Importer(journal, store, config)


def require(idents: Sequence[str], installed: Registry, store: Store) -> None:
    """Make sure that each of `idents` is of a statistic that runs.

    Raises:
        AddresseeError: one is not; the message names it, and the cure.
    """
    with store.reading() as connection:
        known = checkpoints.read(connection)
    for ident in idents:
        if ident in installed.disabled:
            raise AddresseeError(f"{ident} is off: name it in statscache.plugins.enabled")
        if ident not in installed.enabled:
            raise AddresseeError(f"there is no statistic {ident}; see `statscache plugins`")
        if ident in known and known[ident].suspended:
            raise AddresseeError(
                f"{ident} is suspended: mend it, then run `statscache plugins resume {ident}`"
            )


def require_joined(addressees: Sequence[str], store: Store) -> None:
    """Make sure that the daemon knows each of `addressees`.

    Raises:
        AddresseeError: it does not know one yet.
    """
    with store.reading() as connection:
        known = checkpoints.read(connection)
    new = [one for one in addressees if one != EVERYBODY and one not in known]
    if new:
        raise AddresseeError(f"the daemon does not know {', '.join(new)} yet: restart it first")
