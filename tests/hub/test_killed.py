"""A hub that is killed again and again counts every message once, if it is sent again."""

from __future__ import annotations

import time

import pytest
from harness import wait_until
from killing import kill_again_and_again
from traffic import traffic

KILLS = 50
NOW = 1_767_225_600


@pytest.mark.slow
def test_every_volume_table_is_exact_after_fifty_kills(bus, hubs):
    _, lost = kill_again_and_again(bus, hubs, KILLS // len(hubs), seed=5)
    assert lost


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
