"""The one transaction in which a plugin's rows and its checkpoint are committed together."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from .errors import TransactionEndedError
from .models import BaseModel
from .models.base import TOUCHED, Touched
from .models.columns import epoch
from .store import Store, in_transaction

_ENDS = re.compile(r"\s*(COMMIT|END|ABORT|BEGIN|START|PREPARE|ROLLBACK(?!\s+TO\b))\b", re.I)


class GuestSession(Session):
    """The session that a plugin is handed: its `commit()` and `rollback()` end a savepoint only.

    The transaction opens with the first statement, not before. `touched` collects the rows that
    were changed through it; `used` says whether it ran a statement at all.
    """

    def __init__(self, connection: Callable[[], Connection]) -> None:
        super().__init__(join_transaction_mode="create_savepoint")
        self._open = connection
        self.used = False
        self.touched: set[Touched] = self.info.setdefault(TOUCHED, set())

    def get_bind(self, *_arguments: Any, **_options: Any) -> Connection:
        self.used = True
        return self._open()

    def flush(self, objects: Any = None) -> None:
        for instance in {*self.new, *self.dirty, *self.deleted}:
            if isinstance(instance, BaseModel) and instance.timestamp is not None:
                self.touched.add((_seconds(instance.timestamp), _key(instance)))
        super().flush(objects)


class Transaction:
    """Opens on first use, with `lock` as its first statement; `commit` makes it last.

    A guest that ends it from inside is stopped by TransactionEndedError before the database hears
    of it, or, where it went round SQLAlchemy, before anything more is written.
    """

    def __init__(self, store: Store, lock: Callable[[Connection], None]) -> None:
        self.session = GuestSession(self.connection)
        self._store = store
        self._lock = lock
        self._stack = ExitStack()
        self._connection: Connection | None = None
        self._locked = False
        self._finishing = False

    def connection(self) -> Connection:
        """The connection, in its transaction, the checkpoint locked."""
        if self._connection is None:
            connection = self._stack.enter_context(self._store.connection(self))
            connection.begin()
            self._connection = connection
            self._lock(connection)
            self._locked = True
        return self._connection

    @property
    def touched(self) -> set[Touched]:
        """The rows that were changed through the session, as far as it can tell."""
        return self.session.touched

    def commit(self) -> None:
        """Write everything down.

        Raises:
            TransactionEndedError: a guest ended the transaction behind our back.
        """
        self.session.commit()
        connection = self.connection()
        self._refuse_if_ended(connection)
        self._finishing = True
        connection.commit()

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._finishing = True
        try:
            self.session.close()
        finally:
            self._stack.close()

    def beginning(self, _connection: Connection) -> None:
        if self._connection is not None:
            raise TransactionEndedError("the transaction has ended; a plugin cannot begin another")

    def ending(self, _connection: Connection) -> None:
        if not self._finishing:
            raise TransactionEndedError(
                "a plugin may not end the transaction of its connection: use session.commit()"
            )

    def executing(self, connection: Connection, statement: str) -> None:
        if not self._locked or self._finishing:
            return
        if _ENDS.match(statement):
            raise TransactionEndedError(
                f"a plugin may not run {statement.split(maxsplit=1)[0]}: use session.commit()"
            )
        self._refuse_if_ended(connection)

    def _refuse_if_ended(self, connection: Connection) -> None:
        if not in_transaction(connection):
            raise TransactionEndedError(
                "a plugin ended the transaction behind our back (a commit or rollback of the "
                "driver's own connection, or a conflict resolved by OR ROLLBACK)"
            )


def _seconds(timestamp: Any) -> float:
    return epoch(timestamp) if hasattr(timestamp, "timestamp") else float(timestamp)


def _key(instance: BaseModel) -> tuple[tuple[str, Any], ...]:
    """What tells the rows of one window apart: the indexed texts and those named like keys."""
    names = sorted(name for name in ("category", "category_constraint") if hasattr(instance, name))
    return tuple((name, getattr(instance, name)) for name in (*instance.by, *names))
