"""Which topics the archive can be asked for: it knows no patterns."""

from __future__ import annotations

from collections.abc import Collection

MOST_TOPICS = 50
"""More topics than these are not asked for one by one: the question would be too long."""

Topics = tuple[str, ...] | None
"""Topics in full, or all."""


def in_full(patterns: Collection[str] | None) -> Topics:
    """The topics of a plugin where it names them in full, each once and sorted, else all."""
    if patterns is None or len(patterns) > MOST_TOPICS:
        return None
    if any(sign in pattern for pattern in patterns for sign in "*?["):
        return None
    return tuple(sorted(set(patterns)))
