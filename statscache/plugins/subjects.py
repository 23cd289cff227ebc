"""Who and what a message is about: accounts, packages, and the parts of its topic.

Accounts and packages are what the publisher states in the headers, else what a registered source
knows (`ask`), else what the table of well-known fields finds. A message's own `username` is never
taken: it is the unix account of the publisher. No function here raises, and none changes a message.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from ..message import Message
from .fields import OTHERS, Fields, fields
from .names import Reader, accounts
from .names import packages as package_names
from .paths import find

ENVIRONMENTS = frozenset({"dev", "prod", "stage", "stg"})
"""The words in a topic that name the deployment a message comes from."""

UNCLASSIFIED = "unclassified"
"""The category of a message whose topic names none."""


class TopicParts(NamedTuple):
    """A topic taken apart; a part that it does not have is empty.

    `org.fedoraproject.prod.bodhi.update.comment` has the prefix `org.fedoraproject`, the
    environment `prod`, the category `bodhi` and the event `update.comment`.
    """

    prefix: str
    environment: str
    category: str
    event: str


class Source(Protocol):
    """Something that knows better than the table; None means that it does not know."""

    def users(self, message: Message) -> AbstractSet[str] | None: ...

    def packages(self, message: Message) -> AbstractSet[str] | None: ...


_source: Source | None = None


def ask(source: Source | None) -> None:
    """From now on ask `source` before the table is consulted; None: only the table."""
    global _source  # noqa: PLW0603  one process, one source of names
    _source = source


def users(message: Any) -> frozenset[str]:
    """The accounts that `message` is about."""
    if not isinstance(message, dict):
        return frozenset()
    known = _stated(message, "fedora_messaging_user_")
    if not known and _source is not None:
        known = _source.users(message)
    if known is None:
        return find(_fields(message).users, message.get("msg"))
    return _clean(known, accounts)


def packages(message: Any) -> frozenset[str]:
    """The source packages that `message` is about."""
    if not isinstance(message, dict):
        return frozenset()
    known = _stated(message, "fedora_messaging_rpm_")
    if not known and _source is not None:
        known = _source.packages(message)
    if known is None:
        return find(_fields(message).packages, message.get("msg"))
    return _clean(known, package_names)


def topic_parts(message: Any) -> TopicParts:
    """The parts of the topic of `message`."""
    topic = message.get("topic") if isinstance(message, dict) else None
    return _split(topic) if isinstance(topic, str) else _split("")


def _stated(message: Message, prefix: str) -> AbstractSet[str] | None:
    """The names that the headers of `message` state; None where they state none."""
    headers = message.get("headers")
    if not headers or not isinstance(headers, dict):
        return None
    stated = {
        header.removeprefix(prefix)
        for header, value in headers.items()
        if value is True and header.startswith(prefix)
    }
    return stated or None


def _clean(known: AbstractSet[str], read: Reader) -> frozenset[str]:
    return frozenset(name for value in known for name in read(value))


def _fields(message: Message) -> Fields:
    topic = message.get("topic")
    return _topic_fields(topic) if isinstance(topic, str) else OTHERS


# Fedora's bus has seen 28,000 topics in all its years, and a few hundred in a day.
@lru_cache(maxsize=4096)
def _topic_fields(topic: str) -> Fields:
    parts = _split(topic)
    return fields(parts.category, parts.event)


@lru_cache(maxsize=4096)
def _split(topic: str) -> TopicParts:
    parts = topic.split(".")
    before, has_environment = _before_category(parts)
    return TopicParts(
        prefix=".".join(parts[: before - has_environment]),
        environment=parts[before - 1] if has_environment else "",
        category=(parts[before] if before < len(parts) else "") or UNCLASSIFIED,
        event=".".join(parts[before + 1 :]),
    )


def _before_category(parts: list[str]) -> tuple[int, bool]:
    """How many parts precede the category, and whether the last of them is an environment."""
    for place, part in enumerate(parts):
        if 0 < place < 4 and part in ENVIRONMENTS:
            return place + 1, True
        if part.endswith("VirtualTopic"):  # Red Hat's bus: VirtualTopic.eng.brew.build.complete
            return place + 2, False
    return (3, False) if len(parts) > 3 else (0, False)
