"""Everything that statscache raises on purpose; each message says what was wrong and the cure."""

from __future__ import annotations

from pathlib import Path


class StatscacheError(Exception):
    """The root: catching it catches every error that statscache raises on purpose."""


class ConfigError(StatscacheError):
    """A setting is unknown or has a value that cannot be used; nothing was started."""


class RefusedError(StatscacheError):
    """A message cannot be accepted: `reason` is a short, fixed phrase to count by."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class JournalError(StatscacheError):
    """The journal cannot be used as it is."""


class JournalDamagedError(JournalError):
    """The file of the journal is not what was written: `what` is the damage."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"the journal {path} is damaged: {what}; stop the daemon and run "
            "`statscache journal repair`"
        )
        self.what = what


class JournalInUseError(JournalError):
    """Another process holds the journal; the message names it."""


class JournalWriteError(JournalError):
    """The journal could not be written just now (a full disk, say); nothing was stored."""


class StoreError(StatscacheError):
    """The database cannot be used as it is."""


class SchemaError(StoreError):
    """The tables are behind or ahead of this version; the message names the command."""


class OwnerError(StoreError):
    """The database belongs to another journal or another daemon; the message names it."""


class MovedError(StoreError):
    """The bookmark is not where it was read: somebody else counted; ask the store again."""


class BackupError(StatscacheError):
    """A backup could not be taken; nothing that looks like one was left behind."""


class AddresseeError(StatscacheError):
    """A statistic cannot be brought anything; the message names it, and the cure."""


class StalledError(StatscacheError):
    """The statistics do not get on; the message names the one that is farthest behind."""


class PluginError(StatscacheError):
    """A plugin broke its contract, by its definition or while it ran."""


class UnknownPluginError(PluginError):
    """What was named has no plugins; the message says what may be named."""


class ContractError(PluginError):
    """A plugin was held to the contract, and breaks it; the message names the fault."""


class TransactionEndedError(PluginError):
    """A plugin ended the transaction that its rows and its checkpoint share."""


class HistoryError(StatscacheError):
    """The history cannot be read; asking again does not help."""


class HistoryAwayError(HistoryError):
    """The history did not answer, or not in whole: the same question may be answered later.

    `retry_after` is how many seconds the host asks to be left alone.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLongError(HistoryError):
    """An answer of the history is longer than is read; a smaller question may be answered."""


class ReplayError(HistoryError):
    """A file of recorded messages, or a line of it, cannot be read; the message names both."""


class QueryError(StatscacheError):
    """An argument of a request is not usable; names the argument, its value, what is allowed."""

    def __init__(self, argument: str, value: str, allowed: str) -> None:
        super().__init__(f"{argument} was {value!r}; allowed: {allowed}")
        self.argument = argument
        self.value = value
        self.allowed = allowed


class ChartError(StatscacheError):
    """There is nothing that a chart could show."""


class ExportError(StatscacheError):
    """An export was broken off; what the client has of it does not look whole."""
