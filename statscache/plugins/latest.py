"""The newest event of each kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from ..errors import PluginError
from ..formats.value import canonical
from ..message import Message
from ..models import BaseModel, LatestModel, latest_model
from ..schedule import Schedule
from ..text import key as text_key
from ..times import epoch, moment
from .api import BasePlugin
from .count import refuse_odd_columns

Key = str | int | tuple[str | int, ...]
Parts = tuple[str, ...]
Found = tuple[Key, Mapping[str, Any]]
"""An event: its key, with a text for each key column, and what is to be kept of it."""


class Latest(BasePlugin):
    """Keeps the newest event of each key, by the time of the messages, in whatever order they come.

    A subclass names its key columns in `by` and says in `event` what a message tells. The rows have
    a `timestamp`, the key columns and a `payload`; table and migration come by themselves. Of two
    events of the same moment, the one whose payload is the greater text is kept.
    """

    by: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        schedule: Schedule | None,
        config: Mapping[str, Any],
        model: type[BaseModel] | None = None,
    ) -> None:
        super().__init__(schedule, config, model)
        if schedule is not None:
            raise PluginError(
                f"{type(self).__name__} keeps one row for each key, whenever that was: leave its "
                "interval out"
            )
        refuse_odd_columns(self.by, set(dir(LatestModel)))
        if not self.by:
            raise PluginError(f"{type(self).__name__} has no key columns: name them in `by`")

    @cached_property
    def model(self) -> Any:
        """The class of the rows, made when it is first asked for."""
        return latest_model(self.ident, tuple(self.by))

    def event(self, message: Message) -> Found | Iterable[Found] | None:
        """What `message` tells: a key and a dictionary, several such, or None: nothing.

        A key is a text for one key column, a tuple of texts for several.
        """
        return None

    def handle(self, session: Session, messages: Sequence[Message]) -> None:
        found = list(self._found(messages))
        last: dict[Parts, datetime] = {}
        for time, parts, _ in found:
            last[parts] = max(last.get(parts, time), time)
        # In a flood that is far fewer payloads to write out than there were messages.
        newest = (one for one in found if one[0] == last[one[1]])
        self.model.put(
            session, ((epoch(time), parts, canonical(payload)) for time, parts, payload in newest)
        )

    def _found(
        self, messages: Iterable[Message]
    ) -> Iterator[tuple[datetime, Parts, dict[str, Any]]]:
        """The events: the moment as it is stored, the texts of the key, and the payload."""
        for message in messages:
            found = self.event(message)
            for one in (found,) if _is_event(found) else found or ():
                yield moment(message["timestamp"]), *self._taken_apart(one)

    def _taken_apart(self, found: Any) -> tuple[Parts, dict[str, Any]]:
        if not _is_event(found):
            raise PluginError(f"an event of {self.ident} is a key and a dictionary, not {found!r}")
        key, payload = found
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) != len(self.by):
            raise PluginError(
                f"{self.ident} keeps events by {', '.join(self.by)}, but got one of {key!r}"
            )
        return tuple(map(text_key, parts)), dict(payload)


def _is_event(found: Any) -> bool:
    return isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping)
