"""The entrance for messages of the past: beside the daemon, or beside a counter."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ..backlog.importer import TOGETHER as FEW
from ..backlog.importer import Importer
from ..config import Config
from ..errors import AddresseeError
from ..journal import Journal, Reader, Writer
from ..message import EVERYBODY
from ..registry import Registry
from ..store import Store, checkpoints, dump, ownership
from .counter import Counter
from .pace import Pace
from .replay import TOGETHER

COPY = "journal.sqlite"


class Entrance(NamedTuple):
    """What brings messages in, and how fast."""

    importer: Importer
    pace: Pace


@contextmanager
def enter(
    config: Config,
    installed: Registry,
    store: Store,
    addressees: Sequence[str] = (EVERYBODY,),
    counter: Counter | None = None,
) -> Iterator[Entrance]:
    """Let this process bring messages in for `addressees`; `counter` counts them, or the daemon.

    Raises:
        JournalInUseError: the journal is being repaired or adopted.
        AddresseeError: the daemon does not know one of them.
        OwnerError: the database is fed from another journal.
        StatscacheError: the journal or the database cannot be used as it is.
    """
    alone = counter is not None
    with closing(Writer(config["statscache.journal.path"], gives_way=not alone)) as guest:
        ownership.require_fed(store, guest)
        guest.expect_much()
        require_joined(addressees, store)
        # Where nobody else waits to write, all of a step are written in one transaction.
        importer = Importer(guest, store, config, TOGETHER if alone else FEW)
        yield Entrance(importer, Pace(guest, store, installed.enabled, counter))
        ownership.require_fed(store, guest)


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
