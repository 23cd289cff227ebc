"""The running plugin of one statistic, and the one transaction in which it counts messages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.engine import Connection
from sqlalchemy.orm.exc import StaleDataError

from ..config import Config
from ..errors import MovedError, OwnerError
from ..message import Message
from ..plugins import AsyncPlugin, BasePlugin
from ..registry import Statistic
from ..store import Store, changes, erased
from ..store.erased import Erased
from ..store.transaction import GuestSession, Transaction
from ..text import sentence

log = logging.getLogger(__name__)

Lock = Callable[[Connection], int]
"""Locks the plugin's checkpoint, and says its new revision."""


class Instance:
    """Built when it is needed, thrown away when it has failed; used by one thread at a time."""

    def __init__(self, statistic: Statistic, config: Config, store: Store) -> None:
        self.statistic = statistic
        self._config = config
        self._store = store
        self._plugin: BasePlugin | None = None
        self._kept: GuestSession | None = None

    @property
    def ident(self) -> str:
        return self.statistic.ident

    def begin(self) -> BasePlugin:
        """The plugin; built, initialized and launched if there is none.

        It knows who was erased until now.
        """
        if self._plugin is None:
            self._plugin = plugin = self.statistic.build(self._config)
            self._kept = GuestSession(is_kept=True) if self.statistic.is_asynchronous else None
            try:
                with Transaction(self._store, self.ident, session=self._kept) as transaction:
                    plugin.initialize(transaction.session)
                    plugin.launch(transaction.session)
                    if transaction.session.used:
                        transaction.commit()
            except BaseException:
                self.stop()
                raise
        if self._plugin.personal:
            with self._store.reading() as connection:
                self._plugin.erased = erased.read(connection)
        return self._plugin

    def stop(self) -> None:
        """Stop the plugin, if there is one, and throw it away."""
        plugin, self._plugin = self._plugin, None
        if plugin is not None:
            try:
                plugin.stop()
            except BaseException as error:
                log.warning("stopping %s failed: %s", self.ident, sentence(error))
        if self._kept is not None:
            self._kept.close()

    def hand_over(
        self,
        messages: Sequence[Message],
        lock: Lock,
        now: float,
        is_excused: Callable[[BaseException], bool],
    ) -> BaseException | None:
        """Have the plugin count `messages`, in one transaction whose first statement is `lock`.

        Returns what the plugin failed with; then nothing was written, unless it had ended the
        transaction behind our back. Errors that `is_excused` are not its fault, and raised.

        Raises:
            MovedError, OwnerError: as `lock` does.
            Exception: what else is no failure over these messages; the plugin cannot even begin.
        """
        plugin = self.begin() if messages or self.statistic.is_asynchronous else None
        try:
            self._commit(plugin, messages, lock, now)
        except BaseException as error:
            self.stop()
            if self._kept is not None and isinstance(error, StaleDataError):
                raise MovedError(f"rows that {self.ident} works on have gone") from error
            if not messages or isinstance(error, MovedError | OwnerError) or is_excused(error):
                raise
            return error
        if isinstance(plugin, AsyncPlugin):
            plugin.resume()
        return None

    def _commit(
        self, plugin: BasePlugin | None, messages: Sequence[Message], lock: Lock, now: float
    ) -> None:
        with Transaction(self._store, self.ident, lock, self._kept) as transaction:
            session = transaction.session
            if plugin:
                session.is_barred = partial(_names_erased, plugin) if plugin.personal else None
                plugin.handle(session, messages)
                session.flush()
            if session.used:
                connection, touched = transaction.connection(), transaction.touched
                if plugin and isinstance(plugin.erased, Erased):
                    erased.require(connection, plugin.erased)
                changes.note(connection, self.ident, transaction.revision, touched, now)
            transaction.commit()


def _names_erased(plugin: BasePlugin, row: object) -> bool:
    return any(getattr(row, column, None) in plugin.erased for column in plugin.personal)
