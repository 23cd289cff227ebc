"""A hub that is asked to end writes down all that has arrived, and how long it has listened."""

from __future__ import annotations

import json
import time
from itertools import cycle, islice
from signal import SIGHUP, SIGINT, SIGTERM

import pytest
from harness import wait_until
from reckoning import identity, once
from traffic import traffic

SOON = 8
"""Seconds; the threads of the producers look once a second whether they are to end."""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [SIGTERM, SIGINT, SIGHUP])
def test_a_quiet_hub_ends_soon(hub, number):
    hub.listen()

    hub.signal(number)

    assert hub.wait(SOON) == 0
    assert not hub.complaints


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_what_waits_in_memory_is_written_even_if_the_hub_is_asked_twice(bus, hub, number):
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = [message for message in traffic(5_000, 2, time.time()) if "msg_id" in message]

    with hub.blocked_journal():
        bus.send(*sent)
        time.sleep(2)
        hub.signal(number)
        time.sleep(0.5)
        hub.signal(number)
        time.sleep(0.5)

    assert hub.wait(SOON) == 0
    assert hub.journaled() == [identity(message) for message in once(sent)]
    assert not hub.complaints


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_flood_does_not_keep_the_hub_from_ending(bus, hub, number):
    hub.listen()
    bus.wait_for(subscribers=1)
    sent = [message for message in traffic(20_000, 3, time.time()) if "msg_id" in message]
    flood = cycle([(each["topic"].encode(), json.dumps(each).encode()) for each in sent])

    send(bus, islice(flood, 60_000))
    hub.signal(number)
    asked = time.monotonic()
    while hub.process.poll() is None and time.monotonic() - asked < SOON:
        send(bus, islice(flood, 1_000))

    assert hub.wait(0) == 0
    journaled = hub.journaled()
    assert journaled == [identity(message) for message in once(sent)][: len(journaled)]
    assert not hub.complaints


def send(bus, messages):
    for topic, body in messages:
        bus.send_frames(topic, body)
    time.sleep(0.02)


def test_what_comes_between_two_runs_is_owed(bus, hub):
    hub.listen()
    before = time.time()
    hub.end()
    ended = time.time()
    hub.listen()

    first, second = hub.journaled("SELECT start, stop FROM listening ORDER BY start")
    assert first[0] < before <= first[1] <= ended <= second[0]
    assert hub.query("SELECT start, stop FROM statscache_coverage ORDER BY start")[0] == first
    gaps = "SELECT addressee, start, stop FROM statscache_owed WHERE reason = 'not listening'"
    owed = wait_until(lambda: hub.query(gaps), 5)
    assert owed == [("", first[1], second[0])]


def test_a_hub_whose_journal_breaks_says_so_and_ends_all_the_same(bus, hub):
    hub.listen()
    bus.wait_for(subscribers=1)
    for path in (hub.journal, hub.journal.with_name("journal.sqlite-wal")):
        path.write_bytes(b"broken" * (path.stat().st_size // 6))
    bus.send(*traffic(10, seed=1, now=time.time()))
    hub.wait_for("run `statscache journal repair`")

    hub.signal(SIGTERM)

    assert hub.wait(SOON) == 0
    assert "Traceback" not in hub.log
