"""Messages on their way to plugins that are tried: what is wanted, and a note of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ..config import Config
from ..errors import RefusedError
from ..message import Entry, Message, entry, usable_time
from ..registry import Statistic
from ..verify.source import Found


class Trial:
    """What was read for `statistics`: how many messages of each topic, and what was refused."""

    def __init__(self, statistics: Sequence[Statistic], config: Config, now: float) -> None:
        self.topics: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._statistics = statistics
        self.config = config
        self._now = now

    @property
    def number(self) -> int:
        """Messages in all."""
        return self.topics.total()

    def wanted(self, statistic: Statistic) -> int:
        """How many messages had a topic that the statistic wants."""
        return sum(n for topic, n in self.topics.items() if statistic.wants(topic))

    def entries(self, found: Iterable[Found]) -> Iterator[Entry]:
        """What any of the statistics wants, ready to be counted.

        It arrived when it was sent, and what has no time now.
        """
        for one in found:
            try:
                if isinstance(one, RefusedError):
                    raise one
                made = self._entry(one)
            except RefusedError as error:
                self.refused[error.reason] += 1
                continue
            self.topics[made.topic] += 1
            if any(statistic.wants(made.topic) for statistic in self._statistics):
                yield made

    def _entry(self, message: Message) -> Entry:
        stamp = usable_time(message.get("timestamp"))
        return entry(
            message,
            self._now if stamp is None else stamp,
            maximum_future=self.config["statscache.consumer.maximum_future"],
            maximum_bytes=self.config["statscache.consumer.maximum_bytes"],
        )
