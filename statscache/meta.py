"""The door to `fedmsg.meta`, whose processors know who and what a message is about.

They are asked before the table of well-known fields where any are installed: the extra `meta`
brings Fedora's; to build it takes a compiler and the Kerberos headers. Some of them use the network
without a timeout, hence `TimedSource`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import fedmsg.meta
from fedmsg.meta.base import BaseProcessor

from .message import Message
from .timed import UNKNOWN, Answer, TimedSource

OWN = "fedmsg.meta."
"""Where the processors live that fedmsg itself brings."""


def source(config: Mapping[str, Any]) -> TimedSource | None:
    """What the installed processors know; None where only those of fedmsg itself are installed.

    `config` is the configuration of fedmsg.
    """
    if not processors_in(entry_points(group="fedmsg.meta")):
        return None
    # As fedmsg derives it; a processor that names no prefix of its own cannot do without.
    prefix = str(config.get("topic_prefix", "org.fedoraproject")).replace(".", r"\.")
    complete = {"topic_prefix_re": rf"{prefix}\.[^\W\d_]+", **config}
    fedmsg.meta.make_processors(**complete)
    return TimedSource("fedmsg.meta", partial(_lookup, complete))


def processors_in(entries: Iterable[EntryPoint]) -> bool:
    """Whether `entries` name processors besides those that fedmsg itself brings."""
    return any(not entry.value.startswith(OWN) for entry in entries)


def _lookup(config: Mapping[str, Any], message: Message) -> Answer:
    processor = fedmsg.meta.msg2processor(message, **config)
    if type(processor).__module__.startswith(OWN):
        # Nobody's message, or one of fedmsg's own, where it takes the unix account for a person.
        return UNKNOWN
    return Answer(
        _names(processor, "usernames", message, config),
        _names(processor, "packages", message, config),
    )


def _names(
    processor: BaseProcessor, question: str, message: Message, config: Mapping[str, Any]
) -> frozenset[str] | None:
    # The processor itself is asked: msg2usernames would make "nobody" of its failures.
    if getattr(type(processor), question) is getattr(BaseProcessor, question):
        return None
    return frozenset(getattr(processor, question)(message, **config))
