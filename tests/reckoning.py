"""What the tables of the built-in statistics must hold for a list of messages.

Reckoned from the documented rules alone, without any of the code that counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Message = dict[str, Any]

Key = tuple[str, ...]

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

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


STATES = {0: "building", 1: "complete", 3: "failed", 4: "canceled"}
"""Of builds."""


def volumes(messages: Iterable[Message], ident: str) -> dict[tuple[Any, ...], int]:
    """The rows of `volume-1s`, `volume-by-topic-1h` and the like: start of window, key: volume."""
    *name, length = ident.split("-")
    seconds = int(length[:-1]) * SECONDS[length[-1]]
    if not name[1:]:
        return tally(messages, seconds, lambda message: [()])
    return tally(messages, seconds, lambda message: [(key,) for key in KEYS[name[-1]](message)])


def others(messages: Iterable[Message], ident: str) -> dict[tuple[Any, ...], int]:
    """The rows of the other statistics that count, as they are stored: start, keys: volume."""
    name, _, length = ident.rpartition("-")
    return tally(messages, int(length[:-1]) * SECONDS[length[-1]], OTHERS[name])


def newest(messages: Iterable[Message]) -> dict[str, float]:
    """When the newest message of each topic was sent."""
    found: dict[str, float] = {}
    for message in messages:
        topic, time = message["topic"], message["timestamp"]
        found[topic] = max(time, found.get(topic, time))
    return found


def tally(
    messages: Iterable[Message], seconds: int, keys: Callable[[Message], Iterable[Key]]
) -> dict[tuple[Any, ...], int]:
    """How often each key comes in each window of so many seconds: start of window, key: number."""
    rows: Counter[tuple[Any, ...]] = Counter()
    for message in once(messages):
        start = message["timestamp"] // seconds * seconds
        rows.update((start, *key) for key in keys(message))
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
    parts = [message["topic"], int(message["timestamp"]), message["msg"]]
    return json.dumps(parts, sort_keys=True)


def _mark(who: str) -> str:
    return hashlib.blake2b(who.encode(), digest_size=8).hexdigest()


def _people(message: Message) -> list[str]:
    return [_mark(who) for who in WHO[_category(message)](message["msg"])]


def _builds(message: Message) -> list[Key]:
    if not message["topic"].endswith(".buildsys.build.state.change"):
        return []
    return [("other", STATES[message["msg"]["new"]])]


def _updates(message: Message) -> list[Key]:
    _, _, event = message["topic"].partition(".bodhi.update.")
    return [(event, "unspecified")] if event else []


OTHERS: dict[str, Callable[[Message], Iterable[Key]]] = {
    "active-contributors": lambda message: [(one,) for one in _people(message)],
    "active-contributors-by-category": lambda message: [
        (_category(message), one) for one in _people(message)
    ],
    "bodhi-updates": _updates,
    "koji-builds": _builds,
}


def _category(message: Message) -> str:
    return str(message["topic"].split(".")[3])
