"""How the messages of the past arrived here, as far as the journal knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ..config import Config
from ..errors import RefusedError
from ..journal import Reader
from ..journal.rows import Seen
from ..message import EVERYBODY, Entry, Message, derived_id, entry, message_id, usable_time
from ..store.checkpoints import Checkpoint
from ..store.owed import Missed
from .source import Found

TOGETHER = 500
NO_TIME = "no usable time"


class Arrival(NamedTuple):
    """A message as the journal had it, and where its id came in: nowhere if it is not known.

    One that is not known has arrived when it was sent, as far as anybody can tell.
    """

    entry: Entry
    seen: Sequence[Seen]

    def is_ahead(self, checkpoint: Checkpoint) -> bool:
        """Whether the statistic that stands there will yet be handed it."""
        return any(
            one.position > checkpoint.position and one.addressee in (EVERYBODY, checkpoint.ident)
            for one in self.seen
        )

    def was_handed(self, checkpoint: Checkpoint, missed: Sequence[Missed]) -> bool:
        """Whether the statistic that stands there was handed it, as the journal knows."""
        return any(
            one.addressee == checkpoint.ident
            or (one.addressee == EVERYBODY and _was_there(one, self.entry.time, checkpoint, missed))
            for one in self.seen
        )


def arrivals(
    found: Iterable[Found], journal: Reader, config: Config, now: float, outside: Counter[str]
) -> Iterator[Arrival]:
    """Each message of `found` that can be compared; `outside` counts the others by reason."""
    nameless = journal.has_derived()
    each = iter(found)
    while part := list(islice(each, TOGETHER)):
        messages: list[Message] = []
        for one in part:
            if isinstance(one, RefusedError):
                outside[one.reason] += 1
            else:
                messages.append(one)
        for made in _known(messages, journal, nameless):
            try:
                yield _arrival(*made, config, now)
            except RefusedError as error:
                outside[error.reason] += 1


def _known(
    messages: Sequence[Message], journal: Reader, nameless: bool
) -> Iterator[tuple[Message, list[Seen]]]:
    """Each message under the id that the journal knows, and where that came in."""
    forms = [_forms(message, nameless) for message in messages]
    wanted: dict[str, list[Seen]] = {name: [] for names in forms for name, _ in names}
    for one in journal.all_seen(list(wanted)):
        wanted[one.id].append(one)
    for names in forms:
        known = [(message, wanted[name]) for name, message in names if wanted[name]]
        yield known[0] if known else (names[0][1], [])


def _forms(message: Message, nameless: bool) -> list[tuple[str, Message]]:
    """The ids that a message may be known by, and the message as it is then."""
    stamp = usable_time(message.get("timestamp"))
    try:
        forms = [(message_id(message, stamp), message)]
        if nameless and stamp is not None:
            forms.append((derived_id(message, stamp), {**message, "msg_id": None}))
    except RefusedError:
        return [("", message)]
    return forms


def _arrival(message: Message, seen: Sequence[Seen], config: Config, now: float) -> Arrival:
    stamp = usable_time(message.get("timestamp"))
    if stamp is None and not seen:
        raise RefusedError(NO_TIME)
    arrived = min((one.arrived for one in seen), default=now)
    made = entry(
        message,
        arrived,
        maximum_future=config["statscache.consumer.maximum_future"],
        maximum_bytes=config["statscache.consumer.maximum_bytes"],
    )
    return Arrival(made if seen else made._replace(arrived=made.time), seen)


def _was_there(one: Seen, time: float, checkpoint: Checkpoint, missed: Sequence[Missed]) -> bool:
    """Whether the plugin ran when that came in for everybody, and missed nothing of it."""
    if any(each.holds(one.position, one.arrived, time) for each in missed):
        return False
    return one.position > checkpoint.origin or one.position == 0
