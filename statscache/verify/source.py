"""Where the messages of the past are taken from, to be counted once more."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from ..config import DAY
from ..errors import RefusedError
from ..history import Datagrepper, as_fedmsg
from ..history.lines import read as read_lines
from ..message import Message, usable_time

Found = Message | RefusedError
"""A message in fedmsg's shape, or why something is none."""

Read = Callable[[int, int], Iterator[Found]]
"""Gives what was sent in [start, stop), whole epoch seconds, and what has no time."""


class Source(NamedTuple):
    """What reads messages, and how many seconds of them are best read at once."""

    read: Read
    length: float


def of_datagrepper(client: Datagrepper, topics: Collection[str] | None = None) -> Source:
    """The archive of the bus, a day at once; all of it, or what has one of the `topics`."""

    def read(start: int, stop: int) -> Iterator[Found]:
        for window in client.windows(start, stop, topics):
            yield from window.messages
            yield from window.refused

    return Source(read, DAY)


def of_files(paths: Sequence[str]) -> Source:
    """Files of recorded messages, each of which is read in whole whatever is asked for.

    A line that cannot be read is a ReplayError.
    """

    def read(start: int, stop: int) -> Iterator[Found]:
        for path in paths:
            for line in read_lines(path):
                try:
                    message = as_fedmsg(line.message)
                except RefusedError as error:
                    yield error
                    continue
                stamp = usable_time(message.get("timestamp"))
                if stamp is None or start <= stamp < stop:
                    yield message

    return Source(read, math.inf)
