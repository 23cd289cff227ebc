"""Plugins of other packages: installed by pip, found by a real hub, and served."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from harness import wait_until
from reckoning import once, tally
from traffic import traffic

PACKAGES = Path(__file__).parent / "outside"

HOUR, DAY = 3_600, 86_400

READ = """
import json, sys
from statscache.web import create_app
answer = create_app().test_client().get(sys.argv[1])
print(json.dumps(answer.get_json()))
"""


@pytest.fixture
def packages(tmp_path):
    """Where what users have written is installed."""
    shutil.copytree(PACKAGES, tmp_path / "packages")
    packages = sorted((tmp_path / "packages").iterdir())
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")
    target = tmp_path / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", target, *packages]
    subprocess.run(pip, check=True)
    return target


@pytest.fixture
def installed(hub, packages):
    """The hub, and beside it what its users have written."""
    hub.environment["PYTHONPATH"] = str(packages)
    hub.configure({"statscache.plugins.enabled": ["builds-*", "pushes-*", "elder-*"]})
    return hub


@pytest.mark.slow
def test_plugins_of_others_count_exactly_across_a_kill_and_are_served(bus, installed):
    hub = installed.listen()
    bus.wait_for(subscribers=1)
    sent = traffic(4_000, seed=7, now=time.time())
    bus.send(*sent[:2_000])
    wait_until(lambda: hub.query("SELECT * FROM data_elder_15s"))
    bus.send(*sent[2_000:])
    hub.kill()
    bus.wait_for(subscribers=0)
    hub.listen()
    bus.wait_for(subscribers=1)
    bus.send(*hub.missing(sent))

    hub.wait_for_arrival(sent)
    hub.end()
    hub.listen()
    wait_until(hub.has_counted_all)
    by_category = partial(tally, sent, keys=lambda message: [(message["topic"].split(".")[3],)])
    assert served(hub, "elder-volume-by-category-15s", "category") == by_category(15)
    assert served(hub, "elder-volume-by-category-1d", "category") == by_category(DAY)
    assert served(hub, "builds-by-state-1h", "state") == tally(sent, HOUR, build)
    assert served(hub, "pushes-by-person-5s", "person", "repository") == tally(sent, 5, push)
    assert not hub.complaints


@pytest.mark.slow
def test_work_that_plugins_of_old_do_beside_is_counted_once_and_done_at_least_once(
    bus, hubs, packages
):
    for hub in hubs:
        hub.environment["PYTHONPATH"] = str(packages)
        hub.configure({"statscache.plugins.enabled": ["lookup-*"]})
        hub.listen()
    bus.wait_for(subscribers=2)
    sent = traffic(3_000, seed=5, now=time.time())
    for place in range(0, len(sent), 1_000):
        bus.send(*sent[place : place + 1_000])
        for hub in hubs:
            # In the midst of it: some was worked, and some of that is not written yet.
            wait_until(lambda hub=hub, some=place // 2 + 100: len(worked(hub)) > some)
            hub.kill()
        bus.wait_for(subscribers=0)
        for hub in hubs:
            hub.listen()
        bus.wait_for(subscribers=2)
        missing = [one for hub in hubs for one in hub.missing(sent[: place + 1_000])]
        bus.send(*missing)
    builds = Counter(f"{one['name']} {one['build_id']}" for one in of(sent, ".buildsys."))
    pushes = Counter(one["commit"]["rev"] for one in of(sent, "git.receive"))
    edits = len(list(of(sent, ".wiki.")))
    for hub in hubs:
        hub.wait_for_arrival(sent)
        wait_until(hub.has_counted_all, 90)
        wait_until(lambda hub=hub: not query(hub, "builds WHERE owner IS NULL"), 90)
        assert Counter(row.build for row in query(hub, "builds")) == builds
        assert all(row.owner == f"owner of {row.build}" for row in query(hub, "builds"))
        assert Counter(row.rev for row in query(hub, "pushes")) == pushes
        assert [row.scalar for row in query(hub, "edits")] == [edits]
        assert {*builds, *pushes} <= {*worked(hub)}
        assert hub.query("SELECT * FROM statscache_dead_letter") == []
        assert not hub.complaints
        hub.end()


def query(hub, what):
    return hub.query(f"SELECT * FROM data_lookup_{what}")


def worked(hub):
    """What was looked up, each as often as it was."""
    log = hub.folder / "worked.log"
    return log.read_text().splitlines() if log.exists() else []


def of(sent, topic):
    """The contents of those messages, once each."""
    return (message["msg"] for message in once(sent) if topic in message["topic"])


def served(hub, ident, *key):
    """What the web application answers, as a reckoning has it."""
    command = [sys.executable, "-c", READ, f"/api/{ident}?rows_per_page=1000"]
    done = subprocess.run(
        command, cwd=hub.folder, env=hub.environment, check=True, stdout=subprocess.PIPE
    )
    rows = json.loads(done.stdout)
    amount = "scalar" if "scalar" in rows[0] else "volume"
    return {(row["timestamp"], *(row[name] for name in key)): row[amount] for row in rows}


def build(message):
    if message["topic"].endswith("buildsys.build.state.change"):
        yield ({0: "building", 1: "complete", 3: "failed"}.get(message["msg"]["new"], "other"),)


def push(message):
    if message["topic"].endswith("git.receive"):
        yield message["msg"]["commit"]["username"], message["msg"]["commit"]["repo"]
