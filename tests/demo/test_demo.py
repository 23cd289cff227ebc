"""`statscache demo` as a newcomer runs it: real processes, real sockets, real signals."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest
from demonstration import STATSCACHE, Demo, until

from statscache.demo.bus import invented
from statscache.message import message_id, usable_time

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
PIP = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]


def get(url: str) -> str:
    with build_opener(ProxyHandler({})).open(url, timeout=10) as response:
        return response.read().decode()


def seconds(demo: Demo) -> list[dict[str, int]]:
    """The latest rows of that statistic."""
    return json.loads(get(f"{demo.url}api/volume-1s"))


StartDemo = Callable[..., Demo]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartDemo]:
    started: list[Demo] = []

    def start(*arguments: str, **options: Any) -> Demo:
        started.append(Demo(tmp_path_factory.mktemp("home"), *arguments, **options))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


@pytest.fixture(scope="module")
def running(start: StartDemo) -> Demo:
    """One that the tests share; those that start others show that two go together."""
    return start("--days=2", "--rate=20").ready()


def test_each_line_to_try_gives_what_it_promises(running):
    lines = [shlex.split(line) for line in running.output.splitlines() if "curl" in line]
    urls = [words[-1] for words in lines]
    assert [words[:-1] for words in lines] == [["curl", "-s"]] * 4
    idents = json.loads(get(urls[0]))
    assert {"volume-1s", "volume-by-category-1h"} <= set(idents)
    rows = list(csv.DictReader(get(urls[1]).splitlines()))
    assert len({row["timestamp"] for row in rows}) > 20
    assert {"bodhi", "buildsys", "copr"} <= {row["category"] for row in rows}
    latest = json.loads(get(urls[2]))
    assert len(latest) == 10
    assert time.time() - latest[0]["timestamp"] < 5
    assert all(f'"ident":"{ident}"' in get(urls[3]) for ident in idents)


def test_the_figures_grow_as_the_bus_speaks(running):
    def figures() -> dict[int, int]:
        return {row["timestamp"]: row["volume"] for row in seconds(running)}

    before = figures()
    until(lambda: len(figures().keys() - before.keys()) > 3, 20)


def test_nothing_is_lost_between_the_history_and_the_hub(running):
    (bus,) = (line for line in running.group() if "demo.bus:main" in line)
    since = float(re.search(r"--since=(\S+)", bus)[1])
    sent = takewhile(lambda arrival: arrival.at < time.time() - 3, invented(since, 20, seed=2))
    expected = {message_id(m, usable_time(m.get("timestamp"))) for _, m in sent}
    assert len(expected) > 50
    with closing(sqlite3.connect(running.folder / "journal.sqlite")) as journal:
        assert expected <= {name for (name,) in journal.execute("SELECT id FROM seen")}
    with closing(sqlite3.connect(running.folder / "statscache.sqlite")) as database:
        reasons = database.execute("SELECT DISTINCT reason FROM statscache_owed").fetchall()
    assert reasons == [("before the plugin",)]


def test_other_commands_work_in_its_directory(running):
    listed = subprocess.run(
        [STATSCACHE, "plugins"], cwd=running.folder, capture_output=True, text=True, check=True
    )
    assert re.search(r"volume-1s +statscache +\S+ +on +[1-9]", listed.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_within_seconds_and_it_can_be_looked_at_again(start, number):
    demo = start("--days=1").ready()
    assert len(demo.group()) == 4
    begun = time.monotonic()
    assert demo.end(number) == 0
    assert time.monotonic() - begun < 8
    assert demo.group() == []
    assert demo.output.rstrip().endswith(f"cd {demo.folder} && {STATSCACHE} serve")
    assert "ended cleanly" in (demo.folder / "hub.log").read_text()
    assert look_again(demo.folder)


def look_again(folder: Path) -> list[Any]:
    """What `statscache serve` answers in the directory of a demo that has ended."""
    serve = subprocess.Popen(
        [STATSCACHE, "serve", "--port=0"], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    with serve:
        url = serve.stdout.readline().split()[-1]
        rows = json.loads(get(f"{url}api/volume-by-category-1d"))
        serve.terminate()
    return rows


def test_nobody_is_left_when_it_is_killed(start):
    demo = start("--days=0").ready()
    assert len(demo.group()) == 4
    demo.process.kill()
    until(lambda: not demo.group(), 10)


def test_it_ends_while_it_fills_in_history(start):
    demo = start("--days=300", "--remove")
    until(lambda: len(demo.group()) == 3, 20)
    time.sleep(1)
    assert demo.end() == 0
    assert demo.group() == []
    assert "its data is gone" in demo.output
    assert not list(demo.process.args[0].parent.glob("statscache-demo-*"))


def test_when_a_part_ends_it_is_named_and_all_end(start):
    demo = start("--days=0").ready()
    for process in psutil.Process(demo.process.pid).children():
        if "fedmsg.commands.hub:hub" in process.cmdline():
            process.kill()
    assert demo.process.wait(20) == 1
    assert (
        f"Error: the demo's hub ended (killed by signal 9); the end of {demo.folder}/hub.log"
        in demo.output
    )
    assert "listening to the bus" in demo.output
    assert demo.group() == []


def test_a_port_that_is_taken_is_told_of_before_anything_else(start, running):
    port = running.url.rstrip("/").rpartition(":")[2]
    demo = start(f"--port={port}")
    assert demo.process.wait(20) == 1
    assert f"cannot listen on 127.0.0.1, port {port}" in demo.output
    assert demo.group() == []


def test_a_recording_is_counted_and_its_bad_lines_are_named(start, tmp_path):
    file, topic = tmp_path / "recorded.jsonl", "org.fedoraproject.prod.git.receive"
    recorded = [
        {"topic": topic, "msg": {"n": n}, "timestamp": 1_400_000_000 + n, "msg_id": f"2014-{n}"}
        for n in range(4)
    ]
    lines = [*(json.dumps(message).encode() for message in [*recorded, recorded[1]]), b"{", b"\xff"]
    file.write_bytes(b"\n".join(lines))
    demo = start(f"--messages={file}").ready()
    assert f"{file}, line 6 is left out: it is not JSON" in demo.output
    assert f"{file}, line 7 is left out: it is not UTF-8" in demo.output
    assert f"{file}: 5 messages are replayed in 0:00:03" in demo.output
    until(lambda: len(seconds(demo)) == 4, 20)
    assert [row["volume"] for row in seconds(demo)] == [1, 1, 1, 1]
    assert len({row["timestamp"] for row in seconds(demo)}) == 4


def test_a_file_without_messages_is_no_demo(start, tmp_path):
    (tmp_path / "poem.txt").write_text("Shall I compare thee\nto a summer's day?\n")
    demo = start(f"--messages={tmp_path}/poem.txt")
    assert demo.process.wait(20) == 1
    assert "poem.txt, line 2 is left out: it is not JSON" in demo.output
    assert "poem.txt holds no message" in demo.output


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("--messages=nowhere", "'nowhere' does not exist"),
        ("--messages=.", "'.' is a directory"),
        ("--rate=0", "0.0 is not in the range"),
        ("--rate=nan", "nan is not a number"),
        ("--directory=..", "is not empty"),
    ],
)
def test_an_option_that_cannot_be_used_is_told_of_at_once(start, option, error):
    demo = start(option)
    assert demo.process.wait(20) > 0
    assert error in demo.output


def test_it_works_from_a_package_without_a_clone(start, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    python = install(package(tmp_path), tmp_path / "venv")
    demo = start("--days=1", program=python.parent / "statscache").ready()
    assert str(tmp_path / "venv") in subprocess.check_output(
        [python, "-P", "-c", "import statscache; print(statscache.__file__)"], text=True
    )
    assert json.loads(get(f"{demo.url}api/volume-by-category-1d"))
    assert "volume-by-category-1d" in get(f"{demo.url}api/?format=html")
    assert demo.end() == 0


def package(folder: Path) -> Path:
    """A wheel, made from a source distribution, made from this clone."""
    clone = folder / "clone"
    litter = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, clone, ignore=litter)
    build = "from setuptools import build_meta; print(build_meta.build_sdist('..'))"
    told = subprocess.check_output([sys.executable, "-c", build], cwd=clone, text=True)
    source = folder / told.split()[-1]
    wheel = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run(wheel, check=True)
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
    for part in ("migrations/env.py", "migrations/script.py.mako", "migrations/versions/0001"):
        assert any(name.startswith(f"statscache/{part}") for name in names), part
    return made


def install(wheel: Path, venv: Path) -> Path:
    """The Python of a new environment with the wheel; what it requires is found in this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.check_output([python, "-c", purelib], text=True).strip())
    # What is installed here, but not what .pth files lead to from here, such as the clone.
    here = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "requirements.pth").write_text("\n".join(here))
    subprocess.run([*PIP, "--python", python, "install", "--no-deps", wheel], check=True)
    return python
