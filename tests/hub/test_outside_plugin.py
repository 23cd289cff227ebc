"""Plugins of other packages: installed by pip, found by a real hub, and served."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from harness import wait_until
from reckoning import tally
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
def installed(hub, tmp_path):
    """The hub, and beside it what its users have written."""
    shutil.copytree(PACKAGES, tmp_path / "packages")
    packages = sorted((tmp_path / "packages").iterdir())
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")
    target = tmp_path / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", target, *packages]
    subprocess.run(pip, check=True)
    hub.environment["PYTHONPATH"] = str(target)
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
