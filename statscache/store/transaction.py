"""The one transaction in which a plugin's rows and its checkpoint are committed together."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RootTransaction
from sqlalchemy.orm import Session

from ..errors import TransactionEndedError
from ..models import BaseModel
from ..models.base import TOUCHED, Touched
from ..times import epoch
from . import checkpoints
from .database import Store, in_transaction
from .faults import is_outage


def _words(pattern: str) -> re.Pattern[str]:
    """Statements that begin so, after blanks and comments."""
    return re.compile(rf"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:{pattern})\b", re.I | re.S)


_ENDS = _words(r"COMMIT|END|ABORT|BEGIN|START|PREPARE|ROLLBACK(?!\s+TO\b)")
_OUTLASTS = _words(r"SET(?!\s+LOCAL\b)|RESET|DISCARD|LISTEN|PRAGMA|ATTACH")
_ONLY_READS = _words("SELECT|SAVEPOINT|RELEASE|ROLLBACK")


class GuestSession(Session):
    """The session that a plugin is handed: its `commit()` and `rollback()` end a savepoint only.

    The transaction opens with the first statement, not before. `touched` collects the rows that
    were changed through it; `explained` says that it knows of what the running statement writes;
    `used` says whether it ran a statement at all. An instance that `is_barred` is not written.

    One that `is_kept` serves transaction after transaction, and what it has read stays in it.
    """

    def __init__(self, is_kept: bool = False) -> None:
        super().__init__(join_transaction_mode="create_savepoint", expire_on_commit=not is_kept)
        self.is_kept = is_kept
        self.used = False
        self.explained = False
        self.touched: set[Touched] = self.info.setdefault(TOUCHED, set())
        self.is_barred: Callable[[object], bool] | None = None

    def bind_to(self, connection: Callable[[], Connection]) -> None:
        """Use that connection from now on."""
        self._open = connection
        self.used = self.explained = False
        self.touched.clear()

    def get_bind(self, *_arguments: Any, **_options: Any) -> Connection:
        self.used = True
        return self._open()

    def flush(self, objects: Any = None) -> None:
        for one in filter(self.is_barred, [*self.new, *self.dirty]) if self.is_barred else ():
            (self.expunge if one in self.new else self.delete)(one)
        changed = {*self.new, *self.dirty, *self.deleted}
        rows = [row for one in changed if isinstance(one, BaseModel) for row in _touched(one)]
        self.touched.update(row for row in rows if row)
        self.explained = all(rows)
        try:
            super().flush(objects)
        finally:
            self.explained = False


class Transaction:
    """Opens on first use, with `lock` as its first statement; `commit` makes it last.

    A guest that ends it from inside is stopped by TransactionEndedError before the database hears
    of it, or, where it went round SQLAlchemy, before anything more is written.

    Args:
        ident: the statistic whose rows are changed.
        lock: locks the checkpoint of that statistic, and what else has to be; its new revision.
        session: one that is kept, and is bound to this transaction now; else it has its own.
    """

    def __init__(
        self,
        store: Store,
        ident: str,
        lock: Callable[[Connection], int] | None = None,
        session: GuestSession | None = None,
    ) -> None:
        self.session = session or GuestSession()
        self.session.bind_to(self._lend)
        self.revision = 0
        self._store = store
        self._ident = ident
        self._lock = lock or self._lock_checkpoint
        self._thread = threading.get_ident()
        self._stack = ExitStack()
        self._connection: Connection | None = None
        self._root: RootTransaction | None = None
        self._failure: BaseException | None = None
        self._outage: BaseException | None = None
        self._stamped = False
        self._unexplained = False
        self._tainted = False
        self._finishing = False

    def connection(self) -> Connection:
        """The connection, in its transaction, the checkpoint locked.

        What keeps it from being opened is raised again however often a guest asks.
        """
        self._require_own_thread()
        if self._failure:
            raise self._failure
        if self._connection is None:
            try:
                self._connection = self._begin()
            except BaseException as error:
                self._failure = error
                raise
        return self._connection

    @property
    def touched(self) -> set[Touched]:
        """The rows that were changed through the session; none if it cannot be told which."""
        return set() if self._unexplained else self.session.touched

    def commit(self) -> None:
        """Write everything down.

        Raises:
            TransactionEndedError: a guest ended the transaction behind our back.
        """
        self.session.commit()
        held = checkpoints.read_one(self.connection(), self._ident)
        if held.revision != self.revision or self._root is None:
            raise TransactionEndedError("a plugin rolled the transaction back behind our back")
        self._finishing = True
        self._root.commit()

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._finishing = True
        self._failure = TransactionEndedError("a plugin may not keep its session for later")
        with self._stack:
            if self._connection and not self._connection.closed and (error or self._tainted):
                # Nobody knows in what state a guest left it.
                self._connection.invalidate()
            self._let_go(error)
        if error and self._outage and not is_outage(error):
            raise self._outage from error

    def _let_go(self, error: BaseException | None) -> None:
        if error or not self.session.is_kept:
            self.session.close()
        elif not self.session.in_transaction():
            # Or the first thread that changes a row begins it, and two at once break it.
            self.session.begin()

    def beginning(self, _connection: Connection) -> None:
        if self._connection is not None:
            raise TransactionEndedError("the transaction has ended; a plugin cannot begin another")

    def ending(self, _connection: Connection) -> None:
        if self._connection is not None and not self._finishing:
            raise TransactionEndedError(
                "a plugin may not end the transaction of its connection: use session.commit()"
            )

    def executing(self, connection: Connection, statement: str, noted: bool) -> None:
        self._require_own_thread()
        if self._connection is None or self._finishing:
            return
        if _ENDS.match(statement):
            raise TransactionEndedError(
                f"a plugin may not run {statement.strip():.40}: use session.commit()"
            )
        if not in_transaction(connection):
            raise TransactionEndedError(
                "a plugin ended the transaction behind our back (a commit or rollback of the "
                "driver's own connection, or a conflict resolved by OR ROLLBACK)"
            )
        if _OUTLASTS.match(statement):
            self._tainted = True
        if not (noted or self.session.explained or _ONLY_READS.match(statement)):
            self._unexplained = True

    def failed(self, error: BaseException) -> None:
        if is_outage(error):
            self._outage = error

    def _require_own_thread(self) -> None:
        """In another thread it could outlast the transaction, and meet that of somebody else."""
        if threading.get_ident() != self._thread:
            raise TransactionEndedError("a plugin may not use its session in another thread")

    def _lock_checkpoint(self, connection: Connection) -> int:
        return checkpoints.lock(connection, self._ident).revision

    def _lend(self) -> Connection:
        """The connection for a guest, whose rows have another tag from here on.

        First, as the lock: then they have it also where the guest commits behind our back.
        """
        connection = self.connection()
        if not self._stamped:
            checkpoints.stamp(connection, self._ident)
            self._stamped = True
        return connection

    def _begin(self) -> Connection:
        connection = self._stack.enter_context(self._store.connection(self))
        self._root = connection.begin()
        self.revision = self._lock(connection)
        return connection


def _touched(instance: BaseModel) -> list[Touched | None]:
    """The row that `instance` is, and that which it was; None where that cannot be told."""
    names = ("timestamp", *_keys(instance))
    now = [getattr(instance, name) for name in names]
    attributes, is_stored = sa.inspect(instance).attrs, sa.inspect(instance).persistent
    changes = [attributes[name].history for name in names]
    if not is_stored or not any(change.added for change in changes):
        return [_row(names, now)]
    if any(change.added and not change.deleted for change in changes):
        return [None]
    was = [
        change.deleted[0] if change.deleted else value
        for change, value in zip(changes, now, strict=True)
    ]
    return [_row(names, was), _row(names, now)]


def _row(names: Sequence[str], values: Sequence[Any]) -> Touched | None:
    """The row with these values, if that can be told before it is written."""
    time, *key = values
    if not isinstance(time, datetime | int | float):
        return None
    seconds = epoch(time) if isinstance(time, datetime) else float(time)
    return seconds, tuple(zip(names[1:], key, strict=True))


def _keys(instance: BaseModel) -> tuple[str, ...]:
    """What tells the rows of one window apart: the indexed texts and those named like keys."""
    names = sorted(name for name in ("category", "category_constraint") if hasattr(instance, name))
    return (*instance.by, *names)
