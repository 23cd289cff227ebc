"""What becomes of updates in Bodhi, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ..plugins import Count, Histogram, topic_parts

Message = dict[str, Any]

EVENTS = (
    *("request.testing", "request.stable", "request.batched"),
    *("request.obsolete", "request.unpush", "request.revoke"),
    *("complete.testing", "complete.stable"),
)
UNKNOWN = "unspecified"
"""What Bodhi itself calls it."""


def topics(*events: str) -> tuple[str, ...]:
    """The topics of events of updates."""
    return tuple(
        f"org.fedoraproject.{environment}.bodhi.update.{event}"
        for environment in ("prod", "stg")
        for event in events
    )


def update(message: Message) -> dict[str, Any]:
    """The update that the message is about; empty if it tells nothing of it."""
    msg = message.get("msg")
    found = msg.get("update") if isinstance(msg, dict) else None
    return found if isinstance(found, dict) else {}


def kind(message: Message) -> str:
    """The type of its update: `bugfix`, `security`, `enhancement`, `newpackage`."""
    found = update(message).get("type")
    return found if found and isinstance(found, str) else UNKNOWN


def release(message: Message) -> str:
    """The release that its update is for: `F44`, `EPEL-10`."""
    found = update(message).get("release")
    name = found.get("name") if isinstance(found, dict) else None
    return name if name and isinstance(name, str) else UNKNOWN


def submitted(message: Message) -> float | None:
    """When its update was submitted, in epoch seconds: a number once, a text in UTC today."""
    date = update(message).get("date_submitted")
    if isinstance(date, int | float) and not isinstance(date, bool):
        return date
    try:
        time = datetime.fromisoformat(date) if isinstance(date, str) else None
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() if time else None


class BodhiUpdates(Count):
    """Updates in Bodhi: what was asked for them or became of them, by type.

    `status` is in the words of the topic: `request.testing` was asked for, `complete.stable` has
    come about.
    """

    name, by, interval = "bodhi updates", ("status", "type"), timedelta(days=1)
    topics = topics(*EVENTS)
    unit = "updates"
    reads_only = True

    def count(self, message: Message) -> Iterator[tuple[str, str]]:
        yield topic_parts(message).event.removeprefix("update."), kind(message)


class BodhiTimeToStable(Histogram):
    """How long updates take from being submitted to Bodhi to being stable, in seconds.

    By release and type. Updates of which no date is known are left out.
    """

    name, by, interval = "bodhi time to stable", ("release", "type"), timedelta(days=1)
    topics = topics("complete.stable")
    unit = "seconds"
    reads_only = True

    def count(self, message: Message) -> Iterator[tuple[str, str, float]]:
        start = submitted(message)
        if start is not None and 0 <= start <= message["timestamp"]:
            yield release(message), kind(message), message["timestamp"] - start


bodhi = [BodhiUpdates, BodhiTimeToStable]
