"""An account is erased beside a real daemon, in the midst of a flood."""

from __future__ import annotations

import time

import pytest
from harness import VOLUMES, wait_until
from reckoning import volumes
from traffic import traffic

USERS = {"statscache.plugins.enabled": ["volume*"]}


@pytest.mark.slow
def test_who_is_erased_while_messages_come_in_does_not_come_back_and_nothing_else_changes(
    bus, hubs
):
    for hub in hubs:
        hub.configure(USERS)
        hub.listen()
    bus.wait_for(subscribers=2)
    sent = traffic(6_000, seed=11, now=time.time())
    for place in range(0, len(sent), 1_000):
        bus.send(*sent[place : place + 1_000])
        if place == 2_000:
            for hub in hubs:
                assert "erased ada: " in hub.statscache("user", "erase", "ada", "--yes")
                assert about(hub, "ada", '"row"') == []
    for hub in hubs:
        hub.wait_for_arrival(sent)
        wait_until(hub.has_counted_all, 90)
        for ident in VOLUMES:
            expected = volumes(sent, ident)
            if "by-user" in ident:
                expected = {key: one for key, one in expected.items() if key[1] != "ada"}
            assert hub.volumes(ident) == expected, (ident, hub.uri)
        assert not hub.complaints
        hub.statscache("user", "erase", "ada", "--yes")
        assert about(hub, "ada", "") == []


def about(hub, account, what):
    """The lines of an export that have that in them."""
    return [line for line in hub.statscache("user", "export", account).splitlines() if what in line]
