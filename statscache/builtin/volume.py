"""How many messages there are: in all, and by what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from ..plugins import Count, packages, topic_parts, users

Message = dict[str, Any]

INTERVALS = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


class Volume(Count):
    """Messages on the bus.

    The baseline against which other statistics can be read.
    """

    name = "volume"
    unit = "messages"
    reads_only = envelope_only = True


class VolumeByCategory(Count):
    """Messages by category: the part of the topic after the environment, such as `bodhi`."""

    name, by = "volume, by category", ("category",)
    unit = "messages"
    reads_only = envelope_only = True

    def count(self, message: Message) -> Iterator[str]:
        yield topic_parts(message).category


class VolumeByTopic(Count):
    """Messages by topic."""

    name, by = "volume, by topic", ("topic",)
    unit = "messages"
    reads_only = envelope_only = True

    def count(self, message: Message) -> Iterator[str]:
        yield message["topic"]


class VolumeByUser(Count):
    """Messages by the users they are about; one message can be about several, or none."""

    name, by = "volume, by user", ("user",)
    personal = ("user",)
    unit = "messages"
    reads_only = True

    def count(self, message: Message) -> Iterable[str]:
        return users(message)


class VolumeByPackage(Count):
    """Messages by the packages they are about; one message can be about several, or none."""

    name, by = "volume, by package", ("package",)
    unit = "messages"
    reads_only = True

    def count(self, message: Message) -> Iterable[str]:
        return packages(message)


volume = Volume.at(*INTERVALS)
volume_by_category = VolumeByCategory.at(*INTERVALS)
volume_by_topic = VolumeByTopic.at(*INTERVALS)
volume_by_user = VolumeByUser.at(*INTERVALS)
volume_by_package = VolumeByPackage.at(*INTERVALS)
