"""Statistics that are looked at, or made to crash, while they count."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from ..errors import OwnerError, PluginError
from ..message import Message
from ..plugins import BasePlugin
from ..registry import Statistic

Handle = Callable[[Session, Sequence[Message]], None]


class Witness:
    """Looks at a `statistic` that it makes of another: how long it takes, and what it changes.

    `seconds` were spent on so many `messages`; `changed` is the topic of one that is not what it
    was.
    """

    def __init__(self, statistic: Statistic) -> None:
        self.seconds = 0.0
        self.messages = 0
        self.changed: str | None = None
        self.statistic = _handling(statistic, self._handle)

    def _handle(self, handle: Handle, session: Session, messages: Sequence[Message]) -> None:
        before = copy.deepcopy(list(messages))
        begun = time.perf_counter()
        handle(session, messages)
        session.flush()
        self.seconds += time.perf_counter() - begun
        self.messages += len(messages)
        for was, now in zip(before, messages, strict=False):
            if was != now:
                self.changed = str(was["topic"])


class Crash:
    """Makes each of `statistics` fail once, with its rows written and not committed.

    That is when it was handed so many buckets. The database is told nothing, and neither is the
    plugin: as if the process were killed.
    """

    def __init__(self, statistics: Iterable[Statistic], after: int) -> None:
        self._left: dict[str, int] = {}
        self.statistics = [
            _handling(one, partial(self._handle, one.ident), stop=lambda _self: None)
            for one in statistics
        ]
        for one in self.statistics:
            self._left[one.ident] = after

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """What cannot go on for the crash is no error."""
        try:
            yield
        except PluginError:
            if all(left >= 0 for left in self._left.values()):
                raise

    def _handle(
        self, ident: str, handle: Handle, session: Session, messages: Sequence[Message]
    ) -> None:
        handle(session, messages)
        session.flush()
        self._left[ident] -= 1
        if self._left[ident] == -1:
            raise OwnerError("the process was killed here")


def _handling(statistic: Statistic, handle: Callable[..., None], **more: Any) -> Statistic:
    """The same statistic, whose instances are handed messages through `handle`."""
    plugin = statistic.plugin

    def handled(self: BasePlugin, session: Session, messages: Sequence[Message]) -> None:
        handle(partial(plugin.handle, self), session, messages)

    names = {"__doc__": plugin.__doc__, "__module__": plugin.__module__, "handle": handled, **more}
    return statistic._replace(plugin=type(plugin.__name__, (plugin,), names))
