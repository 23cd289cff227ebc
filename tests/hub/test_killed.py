"""A hub that is killed again and again counts every message once, if it is sent again."""

from __future__ import annotations

import time
from random import Random

import pytest
from harness import LISTENING, assert_counts_exactly, wait_until
from traffic import traffic

KILLS = 5
PART = 4_000
NOW = 1_767_225_600


@pytest.mark.slow
def test_every_volume_table_is_exact_after_five_kills(bus, hubs):
    random = Random(5)
    sent = []
    lost = 0
    for hub in hubs:
        hub.configure({"statscache.plugins.enabled": ["*", "volume-by-user-*"]})
        hub.listen()
    for kill in range(KILLS):
        bus.wait_for(subscribers=2)
        sent += traffic(PART, seed=kill, now=time.time())
        bus.send(*sent[-PART:])
        time.sleep(random.uniform(0, 1.5))
        for hub in hubs:
            hub.kill()
        bus.wait_for(subscribers=0)
        again = [message for hub in hubs for message in hub.missing(sent)]
        lost += len(again)
        for hub in hubs:
            hub.start()
        bus.wait_for(subscribers=2)
        bus.send(*again)

    assert lost
    for hub in hubs:
        hub.wait_for(LISTENING)
        hub.wait_for_arrival(sent)
        # What is left to count is counted at once after a restart.
        hub.end()
        hub.listen()
        assert_counts_exactly(hub, sent)


@pytest.mark.slow
def test_a_killed_hub_does_not_claim_to_have_heard_what_it_lost(bus, hub):
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = []
    with hub.blocked_journal():
        for _ in range(20):
            # So slowly that it arrives at once, and waits in memory.
            part = [{**each, "timestamp": time.time()} for each in traffic(500, len(sent), NOW)]
            bus.send(*part)
            sent += part
            time.sleep(0.1)
    wait_until(hub.journaled)
    hub.kill()

    lost = [message for message in hub.missing(sent) if "msg_id" in message]
    (heard_until,) = hub.journaled("SELECT stop FROM listening")
    assert lost
    assert heard_until < min(message["timestamp"] for message in lost) + 0.5
