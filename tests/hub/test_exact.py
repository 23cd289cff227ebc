"""What a hub counts from a flood is what the messages come to, to the last row."""

from __future__ import annotations

import time

import pytest
from harness import assert_counts_exactly
from traffic import traffic


@pytest.mark.slow
def test_every_volume_table_is_exact_after_a_flood(bus, hubs):
    for hub in hubs:
        hub.configure({"statscache.plugins.enabled": ["*", "volume-by-user-*"]})
        hub.start()
    bus.wait_for(subscribers=2)

    sent = traffic(20_000, seed=1, now=time.time())
    bus.send(*sent)

    for hub in hubs:
        assert_counts_exactly(hub, sent)
