"""Numbers of several names, collected one by one, and those of them that a chart can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .chart import MOST_SERIES, Number

Key = tuple[str, ...]
"""The name of a series, in parts."""

REST = "other"
"""What those are called, all of them together, that are too many to show."""


def add(found: dict[Key, dict[int, Number]], key: Key, start: int, value: Any) -> None:
    """Add a value, if it is one, to what the series has in the window that begins at `start`."""
    if value is not None:
        mine = found.setdefault(key, {})
        number = value if isinstance(value, int) else float(value)
        mine[start] = mine[start] + number if start in mine else number


def ranked(found: Mapping[Key, Mapping[int, Number]], rest: Key | None = None) -> list[Key]:
    """Those with most first, the rest at the end."""
    return sorted(found, key=lambda key: (key == rest, -sum(found[key].values()), key))


def most(found: dict[Key, dict[int, Number]], rest: Key) -> list[Key]:
    """Those with most, no more than a chart shows; the others become `rest`, in `found` too."""
    keys = ranked(found)
    if len(keys) <= MOST_SERIES + 1:
        return keys
    shown = {_free(key, rest): found[key] for key in keys[:MOST_SERIES]}
    for key in keys[MOST_SERIES:]:
        for start, number in found[key].items():
            add(shown, rest, start, number)
    found.clear()
    found |= shown
    return [*shown]


def _free(key: Key, rest: Key) -> Key:
    """The key, which is not that of the rest."""
    return tuple(f"{part}_" for part in key) if key == rest else key
