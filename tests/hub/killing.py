"""Hubs that are killed again and again while the bus is busy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random

from harness import LISTENING, VOLUMES, Bus, Hub, assert_counts_exactly
from reckoning import volumes
from traffic import Message, traffic

PART = 400
"""Messages between two kills."""

SECONDS = 0.5
"""From the first of them to the kill, at the most."""


def kill_again_and_again(
    bus: Bus, hubs: Sequence[Hub], times: int, seed: int
) -> tuple[list[Message], int]:
    """Kill all `hubs` so many times; each is sent again what it had not kept.

    Returns when they have counted everything, and each table is as it has to be: what was sent, and
    how many messages kills have taken.

    Raises:
        AssertionError: one is not; it says which.
    """
    random = Random(seed)
    sent: list[Message] = []
    lost = 0
    for hub in hubs:
        hub.configure({"statscache.plugins.enabled": ["*", "volume-by-user-*"]})
        hub.listen()
    for _ in range(times):
        bus.wait_for(subscribers=len(hubs))
        sent += traffic(PART, random.getrandbits(32), now=time.time())
        bus.send(*sent[-PART:])
        time.sleep(random.uniform(0, SECONDS))
        for hub in hubs:
            hub.kill()
        bus.wait_for(subscribers=0)
        again = [message for hub in hubs for message in hub.missing(sent)]
        lost += sum("msg_id" in message for message in again)
        for hub in hubs:
            hub.start()
        bus.wait_for(subscribers=len(hubs))
        bus.send(*again)

    for hub in hubs:
        hub.wait_for(LISTENING)
        hub.wait_for_arrival(sent)
        # What is left to count is counted at once after a restart.
        hub.end()
        hub.listen()
        assert_counts_exactly(hub, sent)
    return sent, lost


def rows(sent: Sequence[Message]) -> int:
    """How many rows are compared for each hub."""
    return sum(len(volumes(sent, ident)) for ident in VOLUMES)
