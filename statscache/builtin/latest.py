"""When each topic was last heard of: what is silent that should not be."""

from __future__ import annotations

from typing import Any

from ..plugins import Latest

Message = dict[str, Any]


class LatestMessagePerTopic(Latest):
    """The newest message of each topic: when it was sent, and its id.

    Whoever waits for a topic finds out here that it has fallen silent. What the messages say is
    not kept; `payload` has the `msg_id`, without the year that bridges add.
    """

    name, by = "latest message per topic", ("topic",)
    reads_only = envelope_only = True

    def event(self, message: Message) -> tuple[str, dict[str, str]]:
        return message["topic"], {"msg_id": message["msg_id"]}
