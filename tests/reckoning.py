"""What the volume tables must hold for a list of messages.

Reckoned from the documented rules alone, without any of the code that counts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Message = dict[str, Any]

LENGTHS = {"1s": 1, "5s": 5, "1m": 60, "1h": 3_600, "1d": 86_400}

WHO: dict[str, Callable[[Any], Iterable[str]]] = {
    "bodhi": lambda msg: {msg["agent"], msg["update"]["user"]},
    "buildsys": lambda msg: {msg["owner"]},
    "git": lambda msg: {msg["agent"], msg["commit"]["username"]},
    "wiki": lambda msg: {msg["user"].lower()},
}
"""The people that a message of each category is about."""

WHAT: dict[str, Callable[[Any], Iterable[str]]] = {
    "bodhi": lambda msg: {build["nvr"].rsplit("-", 2)[0] for build in msg["update"]["builds"]},
    "buildsys": lambda msg: {msg["name"]},
    "git": lambda msg: {msg["commit"]["repo"]},
    "wiki": lambda msg: (),
}
"""The packages that a message of each category is about."""

KEYS: dict[str, Callable[[Message], Iterable[str]]] = {
    "category": lambda message: [_category(message)],
    "topic": lambda message: [message["topic"]],
    "user": lambda message: WHO[_category(message)](message["msg"]),
    "package": lambda message: WHAT[_category(message)](message["msg"]),
}


def volumes(messages: Iterable[Message], ident: str) -> dict[tuple[Any, ...], int]:
    """The rows of `volume-1s`, `volume-by-topic-1h` and the like: start of window, key: volume."""
    *name, length = ident.split("-")
    rows: Counter[tuple[Any, ...]] = Counter()
    for message in once(messages):
        start = message["timestamp"] // LENGTHS[length] * LENGTHS[length]
        keys = [(key,) for key in KEYS[name[-1]](message)] if name[1:] else [()]
        rows.update((start, *key) for key in keys)
    return dict(rows)


def once(messages: Iterable[Message]) -> Iterator[Message]:
    """Each message where it arrives first."""
    seen = set()
    for message in messages:
        if (name := identity(message)) not in seen:
            seen.add(name)
            yield message


def identity(message: Message) -> str:
    """What makes a message the same as another: its id, but for the year that a bridge adds."""
    if "msg_id" in message:
        return re.sub(r"^\d{4}-", "", message["msg_id"])
    return json.dumps(
        [message["topic"], int(message["timestamp"]), message["msg"]], sort_keys=True
    )


def _category(message: Message) -> str:
    return str(message["topic"].split(".")[3])
