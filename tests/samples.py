"""Messages for the tests, and the moment at which they all take place."""

from __future__ import annotations

import uuid
from typing import Any

NOW = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC: the time of all tests that do not say another."""


def message(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A message of the bus: `number` makes it one of its own."""
    return {
        "topic": "org.fedoraproject.prod.buildsys.build.state.change",
        "msg": {"name": "kernel", "owner": "ada", "new": number},
        "timestamp": int(NOW) - 60,
        "msg_id": f"2026-{name(number)}",
        "i": number,
        "username": "apache",
        **changes,
    }


def name(number: int) -> str:
    """The id of that message, as the journal knows it."""
    return str(uuid.UUID(int=number))
