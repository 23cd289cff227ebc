"""What comes out of Koji."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ..plugins import Count

Message = dict[str, Any]

STATES = ("building", "complete", "deleted", "failed", "canceled")
"""By the numbers that Koji has for them (`koji.BUILD_STATES`)."""

OTHER = "other"

_RELEASE = re.compile(r"(?:^|[._])(eln|(?:fc|el)\d+)")


class KojiBuilds(Count):
    """Koji builds that entered a state, by state and by the release they are for.

    `state` is `building`, `complete`, `failed`, `canceled` or `deleted`. `release` is told by the
    build's own release: `fc44`, `el10`, `eln`, or `other`. Koji's primary instance only.
    """

    name, by = "koji builds", ("release", "state")
    topics = tuple(
        f"org.fedoraproject.{environment}.buildsys.build.state.change"
        for environment in ("prod", "stg")
    )
    unit = "builds"
    reads_only = True

    def count(self, message: Message) -> Iterator[tuple[str, str]]:
        msg = message.get("msg")
        if isinstance(msg, dict) and msg.get("instance", "primary") == "primary":
            yield release(msg.get("release")), state(msg.get("new"))


def release(text: Any) -> str:
    """`fc44` of `1.20260101git.fc44.1`: the last that looks like one."""
    found = _RELEASE.findall(text) if isinstance(text, str) else []
    return found[-1] if found else OTHER


def state(number: Any) -> str:
    """The name of one of Koji's states."""
    known = type(number) is int and 0 <= number < len(STATES)
    return STATES[number] if known else OTHER


koji = KojiBuilds.at(timedelta(hours=1), timedelta(days=1))
