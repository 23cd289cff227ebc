"""The moksha producers, whose ticks are the engine's turns."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any, ClassVar

from moksha.hub.api.producer import PollingProducer

from .consumer import CONSUMER, StatsConsumer

log = logging.getLogger(__name__)


class _TurnProducer(PollingProducer):  # type: ignore[misc] # moksha has no annotations
    """Looks each second whether its turn has come: whole multiples of `period`, epoch seconds.

    The first turn comes at once, for what the last run left uncounted. Looking more often than it
    turns keeps the turns aligned, where moksha's own ticks drift, and lets the thread end within a
    second.
    """

    frequency = timedelta(seconds=1)
    period: ClassVar[int]

    def __init__(self, hub: Any) -> None:
        consumer: StatsConsumer | None = getattr(hub, CONSUMER, None)
        if consumer is None:
            return
        self._consumer = consumer
        self._turned = 0.0
        super().__init__(hub)

    def poll(self) -> None:
        now = time.time()
        if now // self.period != self._turned:
            self._turned = now // self.period
            self._consumer.turn(self.period)


class OneSecondProducer(_TurnProducer):
    period = 1


class FiveSecondProducer(_TurnProducer):
    period = 5


class OneMinuteProducer(_TurnProducer):
    period = 60
