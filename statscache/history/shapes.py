"""The one shape that plugins get: the plain fedmsg dictionary.

The same message has other shapes elsewhere: fedora-messaging and datagrepper's `/v2/search` say
`id`, `body` and the header `sent-at`; datagrepper's `/raw` says what fedmsg says, and more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..message import Message, topic_of


def as_fedmsg(raw: Any) -> Message:
    """`raw`, in whichever of the shapes, as fedmsg sends it; `raw` itself is not changed.

    It has `topic` and `msg`, and where they are known `timestamp` (epoch seconds), `msg_id`, `i`,
    `username` and `headers`; nothing else. The id stays as it is: it is compared without the year
    that a bridge may have put in front.

    Raises:
        RefusedError: no JSON object, or no topic.
    """
    topic = topic_of(raw)
    headers = raw.get("headers")
    if not isinstance(headers, Mapping):
        headers = {}
    if "msg" in raw or "body" not in raw:
        msg, stamp, name = raw.get("msg"), raw.get("timestamp"), raw.get("msg_id")
    else:
        msg, stamp, name = raw["body"], _sent_at(headers), raw.get("id")
    known = {
        "timestamp": _whole(stamp),
        "msg_id": name,
        "i": raw.get("i"),
        "username": raw.get("username"),
        "headers": dict(headers) or None,
    }
    stated = {key: value for key, value in known.items() if value is not None}
    return {"topic": topic, "msg": msg, **stated}


def _sent_at(headers: Mapping[str, Any]) -> float | None:
    """The header `sent-at`, ISO 8601, in epoch seconds; None where there is no such time."""
    try:
        sent = datetime.fromisoformat(headers["sent-at"])
    except (KeyError, TypeError, ValueError):
        return None
    return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).timestamp()


def _whole(stamp: Any) -> Any:
    """An `int` where `stamp` has no fraction: so did fedmsg stamp it."""
    return int(stamp) if isinstance(stamp, float) and stamp.is_integer() else stamp
