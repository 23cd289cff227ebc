"""Files are replayed beside a hub that hears the same, and whatever is killed, all is exact."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from harness import SCRIPTS, VOLUMES, Bus, Hub, assert_counts_exactly
from reckoning import volumes
from traffic import Message, traffic

EVERYTHING = {"statscache.plugins.enabled": ["*", "volume-by-user-*"]}
KILLS = 12


def record(folder: Path, messages: Sequence[Message]) -> str:
    (folder / "recorded").write_text("".join(json.dumps(one) + "\n" for one in messages))
    return "recorded"


def replay(hub: Hub, *arguments: str) -> subprocess.Popen[str]:
    """Start a replay in the directory of `hub`."""
    return subprocess.Popen(
        [SCRIPTS / "statscache", "replay", *arguments],
        cwd=hub.folder,
        env=hub.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed(hub: Hub, name: str, random: Random) -> int:
    """Kill replays of the file at any moment, but the last; how many that were."""
    kills = 0
    for _ in range(KILLS):
        with replay(hub, name) as command:
            # It takes about a second to begin.
            try:
                command.wait(random.uniform(0.5, 4))
            except subprocess.TimeoutExpired:
                command.kill()
                kills += 1
    with replay(hub, name) as command:
        output, _ = command.communicate(timeout=120)
    assert command.returncode == 0, output
    return kills


@pytest.mark.slow
def test_a_replay_beside_hubs_that_hear_some_of_it(bus: Bus, hubs: list[Hub]) -> None:
    sent = traffic(12_000, seed=11, now=time.time())
    for hub in hubs:
        hub.configure(EVERYTHING)
        hub.listen()
    bus.wait_for(subscribers=2)
    commands = [replay(hub, record(hub.folder, sent[:8_000])) for hub in hubs]
    for start in range(4_000, 12_000, 200):
        bus.send(*sent[start : start + 200])
        time.sleep(0.05)
    for command in commands:
        output, _ = command.communicate(timeout=120)
        assert command.returncode == 0, output
        assert output.endswith("the daemon counts them\n")
    for hub in hubs:
        assert_counts_exactly(hub, sent)


@pytest.mark.slow
def test_replays_that_are_killed_beside_a_hub(bus: Bus, hub: Hub) -> None:
    sent = traffic(20_000, seed=12, now=time.time())
    hub.configure(EVERYTHING)
    hub.listen()
    bus.wait_for(subscribers=1)
    assert killed(hub, record(hub.folder, sent), Random(1))
    assert_counts_exactly(hub, sent)


@pytest.mark.slow
def test_replays_that_are_killed_where_no_hub_runs(hubs: list[Hub]) -> None:
    for hub in hubs:
        sent = traffic(20_000, seed=13, now=time.time())
        hub.configure(EVERYTHING)
        assert killed(hub, record(hub.folder, sent), Random(2))
        for ident in VOLUMES:
            assert hub.volumes(ident) == volumes(sent, ident), (ident, hub.uri)
