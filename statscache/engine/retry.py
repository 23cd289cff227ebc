"""Dead letters handed to their plugin once more: each is counted once, or stays what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from sqlalchemy.engine import Connection

from ..config import Config
from ..errors import MovedError, PluginError
from ..registry import Statistic
from ..store import Store, checkpoints, deadletters, schema
from ..store.checkpoints import Checkpoint
from ..store.deadletters import Letter
from ..store.faults import is_canceled, is_outage
from ..text import sentence
from . import retention
from .buckets import copies
from .instance import Instance


class Outcome(StrEnum):
    """What became of a dead letter."""

    COUNTED = "counted"
    EXPIRED = "expired"
    """Its window is older than rows are kept: it is not begun again."""

    FAILED = "failed again"
    GONE = "gone"
    """Somebody else has taken it meanwhile."""


class Result(NamedTuple):
    """What became of the dead letter of that id; `error` is one line, where it failed again."""

    id: int
    ident: str
    outcome: Outcome
    error: str = ""


def retry(
    store: Store, statistic: Statistic, config: Config, numbers: Iterable[int], now: float
) -> Iterator[Result]:
    """Hand the dead letters of those ids to `statistic`, each in a transaction of its own.

    Others may count, retry and drop at the same time. Whatever is raised, the letter that was being
    tried is either counted or stays.

    Raises:
        PluginError: the plugin cannot even begin.
        SchemaError: its table lacks columns.
        sqlalchemy.exc.DBAPIError: the database is away.
    """
    with store.writing() as connection:
        schema.create_missing(connection, [statistic.model] if statistic.model else [])
    retention.expire(store, statistic, config, now)
    instance = Instance(statistic, config, store)
    try:
        for number in numbers:
            yield _retry(store, instance, number, now)
    finally:
        instance.stop()


def _retry(store: Store, instance: Instance, number: int, now: float) -> Result:
    statistic = instance.statistic
    result = partial(Result, number, statistic.ident)
    with store.reading() as connection:
        letter = deadletters.read(connection, number)
        checkpoint = checkpoints.read_one(connection, statistic.ident)
    if letter is None:
        return result(Outcome.GONE)
    try:
        if _is_expired(statistic, letter, checkpoint):
            _expire(store, letter)
            return result(Outcome.EXPIRED)
        failure = _hand_over(instance, letter, now)
    except MovedError:
        # Somebody else has it; or it was only rewritten, or expired, meanwhile.
        return _retry(store, instance, number, now)
    if failure is None:
        return result(Outcome.COUNTED)
    return result(_keep(store, letter, failure), sentence(failure))


def _hand_over(instance: Instance, letter: Letter, now: float) -> BaseException | None:
    """Count the letter; what the plugin failed with, if it did."""

    def take(connection: Connection) -> int:
        held = _take(connection, letter, counted=1)
        if _is_expired(instance.statistic, letter, held):
            raise MovedError(f"the rows for dead letter {letter.id} have just gone")
        return held.revision

    _begin(instance)
    messages = copies(instance.statistic, [letter.entry])
    return instance.hand_over(messages, take, now, _is_excused)


def _expire(store: Store, letter: Letter) -> None:
    with store.writing() as connection:
        _take(connection, letter, expired=1)


def _take(connection: Connection, letter: Letter, **number: int) -> Checkpoint:
    """Lock the checkpoint, before anything else is done, and take the letter away."""
    held = checkpoints.lock(connection, letter.ident, **number)
    if not deadletters.remove(connection, [letter.id]):
        raise MovedError(f"somebody else has taken dead letter {letter.id}")
    return held


def _keep(store: Store, letter: Letter, failure: BaseException) -> Outcome:
    with store.writing() as connection:
        kept = deadletters.fail_again(connection, letter, failure)
    return Outcome.FAILED if kept else Outcome.GONE


def _begin(instance: Instance) -> None:
    try:
        instance.begin()
    except BaseException as error:
        if _is_excused(error):
            raise
        raise PluginError(
            f"{instance.ident} cannot begin: {sentence(error)}; mend it first, its dead letters "
            "are kept"
        ) from error


def _is_expired(statistic: Statistic, letter: Letter, checkpoint: Checkpoint) -> bool:
    return statistic.window_start(letter.time) < checkpoint.horizon


def _is_excused(error: BaseException) -> bool:
    """Whether it is not the plugin that failed, but the database, or whoever pressed Ctrl-C."""
    away = is_outage(error) and not is_canceled(error)
    return away or isinstance(error, KeyboardInterrupt)
