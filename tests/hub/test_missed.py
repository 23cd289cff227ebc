"""What a hub has missed, and what it has lost to a kill, comes from history; each message once."""

from __future__ import annotations

import time
from random import Random

import pytest
from datagrepper import Archive, Datagrepper
from harness import Bus, Hub, assert_counts_exactly, wait_until
from traffic import Message, traffic

PART = 400
"""Messages in one go."""

OWED = "SELECT count(*) AS number FROM statscache_owed WHERE healed IS NULL"


def part(random: Random) -> list[Message]:
    """Messages of just now that have ids; some come twice."""
    made = traffic(PART, random.getrandbits(32), now=time.time())
    return [{**one, "timestamp": int(time.time())} for one in made if "msg_id" in one]


@pytest.mark.slow
def test_what_is_sent_while_the_hub_is_dead_comes_from_history(bus: Bus, hub: Hub) -> None:
    random, archive = Random(7), Archive()
    with Datagrepper(archive, "bad_gateway", every=10) as history:
        hub.configure(
            {
                "statscache.plugins.enabled": ["*", "volume-by-user-*"],
                "statscache.datagrepper.endpoint": history.url,
                "statscache.datagrepper.overlap": 2,
                "statscache.datagrepper.backlog": 60,
            }
        )
        hub.listen()
        bus.wait_for(subscribers=1)
        heard = part(random)
        archive.add(*heard)
        bus.send(*heard)
        time.sleep(random.uniform(0, 0.5))
        hub.kill()
        bus.wait_for(subscribers=0)
        missed = part(random)
        archive.add(*missed)
        time.sleep(1)

        hub.start()
        hub.wait_for("(not listening) is read from history", 90)
        hub.kill()
        bus.wait_for(subscribers=1)
        bus.wait_for(subscribers=0)
        hub.start()
        bus.wait_for(subscribers=1)
        again = part(random)
        archive.add(*again)
        bus.send(*again)

        assert_counts_exactly(hub, [*heard, *missed, *again])
        wait_until(lambda: hub.query(OWED) == [(0,)], 90)
        assert len(hub.query("SELECT id FROM statscache_owed")) >= 3
