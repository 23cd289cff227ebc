"""Paths: a short notation for where in a message names are found.

A path leads from `msg` to names. Its steps are separated by dots:

- `update` goes on with the value under that key;
- `*` goes on with every value of an object;
- `{type=rpm}` goes on only where the object's `type` is `rpm` or missing (`{builds=}`: missing);
- `{type==rpm}` goes on only where it is `rpm`.

A step that finds a list goes on with each of its items. What the last step finds is read as an
account or as a package; `:build` and the like at the end name another of the `READERS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from . import names
from .names import Reader

READERS: dict[str, Reader] = {
    "build": names.build_packages,
    "component": names.components,
    "copr": names.copr_packages,
    "tagged": names.tagged_packages,
    "title": names.title_packages,
    "wiki": names.wiki_accounts,
}

ANY = "*"


class Only(NamedTuple):
    """The step that goes on only where `key` is `value`, or missing if that `may_miss`."""

    key: str
    value: str
    may_miss: bool


class Path(NamedTuple):
    """The way from `msg` to values, and what reads names from them."""

    steps: tuple[str | Only, ...]
    read: Reader

    def is_open(self, msg: dict[str, Any]) -> bool:
        """Whether the first step leads anywhere: most do not, which is cheap to see."""
        first = self.steps[0]
        return first in msg or first == ANY or isinstance(first, Only)


def parse(text: str, read: Reader) -> tuple[Path, ...]:
    """The paths in `text`, separated by blanks; `read` is for those that name no reader.

    Raises:
        KeyError: a reader that does not exist.
    """
    paths = []
    for word in text.split():
        steps, _, reader = word.partition(":")
        paths.append(Path(tuple(map(_step, steps.split("."))), READERS[reader] if reader else read))
    return tuple(paths)


def find(paths: Iterable[Path], msg: Any) -> frozenset[str]:
    """The names that `paths` lead to in `msg`, which may be any JSON value."""
    if not isinstance(msg, dict):
        return frozenset()
    found: set[str] = set()
    for path in paths:
        if path.is_open(msg):
            for value in _values(path.steps, msg):
                found.update(path.read(value))
    return frozenset(found)


def _step(text: str) -> str | Only:
    if not text.startswith("{"):
        return text
    key, _, value = text[1:-1].partition("=")
    return Only(key, value.removeprefix("="), may_miss=not value.startswith("="))


def _values(steps: Iterable[str | Only], msg: dict[str, Any]) -> list[Any]:
    values: list[Any] = [msg]
    for step in steps:
        values = [
            found for value in values if isinstance(value, dict) for found in _go(step, value)
        ]
    return values


def _go(step: str | Only, value: dict[str, Any]) -> list[Any]:
    if isinstance(step, Only):
        fits = value[step.key] == step.value if step.key in value else step.may_miss
        return [value] if fits else []
    if step == ANY:
        return [item for each in value.values() for item in _items(each)]
    return _items(value[step]) if step in value else []


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
