"""What a page load of the release engineering dashboard costs: its two requests, by JSONP.

Counts thirty days of the demo's traffic, and of what release engineering does in each of them,
into the default statistics on SQLite. Then a real server is asked as the page asks, many times:
how long both answers take, how many bytes they are, and what processor time the server needs.

    python benchmarks/releng.py [--days 30] [--rate 0.1] [--loads 300] [--uri postgresql://...]
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import merge
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psutil
from live import machine

from statscache import service
from statscache.config import DAY, Config
from statscache.demo import traffic
from statscache.engine import Engine

CHUNK = 5_000
IDENT = "release-engineering-event-logs"
CALLBACK = "jQuery214008562934_1767225600123"
REQUESTS = (f"/api/{IDENT}/layout", f"/api/{IDENT}")
ARCHES, STEPS = ("", "arm", "ppc", "s390"), ("", ".mash", ".pungify", ".rsync")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1")
SERVER = """
import json, sys
from statscache.web import create_app
from statscache.web.server import serve
serve(create_app(json.loads(sys.argv[1])), "127.0.0.1", 0)
"""

Message = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rate", type=float, default=0.1, help="other messages a second")
    parser.add_argument("--loads", type=int, default=300, help="of the page")
    parser.add_argument("--uri", help="an empty database; SQLite in a new folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        uri = arguments.uri or f"sqlite:///{Path(folder) / 'statscache.sqlite'}"
        settings = {
            "statscache.journal.path": str(Path(folder) / "journal.sqlite"),
            "statscache.sqlalchemy.uri": uri,
        }
        print(machine())
        fill(service.build(Config(settings)), arguments.days, arguments.rate)
        with server(settings) as (process, port):
            measure(process, port, arguments.loads)


def fill(engine: Engine, days: int, rate: float) -> None:
    """Count the traffic of so many days, up to now."""
    now, begun, count = time.time(), time.perf_counter(), 0
    engine.start(now)
    others = (one.message for one in traffic.messages(now - days * DAY, now, rate=rate, seed=1))
    messages = merge(others, releng(now, days), key=lambda one: one.get("timestamp") or 0)
    while chunk := list(islice(messages, CHUNK)):
        for message in chunk:
            engine.accept(message, now, more=True)
        assert engine.drain(now)
        count += len(chunk)
    engine.stop(now)
    print(f"{count:,} messages of {days} days, counted in {time.perf_counter() - begun:,.0f} s")


def releng(now: float, days: int) -> Iterator[Message]:
    """What release engineering does, day after day, in order; each kind at its usual pace."""
    random = Random(3)
    for day in range(days):
        start = now - (days - day) * DAY
        sent = [event for events in (composes, images, updates) for event in events(day)]
        times = sorted(int(start + random.random() * (DAY - 60)) for _ in sent)
        random.shuffle(sent)
        for at, (event, msg) in zip(times, sent, strict=True):
            name = f"2026-{UUID(int=random.getrandbits(128), version=4)}"
            topic = f"org.fedoraproject.prod.{event}"
            yield {"topic": topic, "msg": msg, "timestamp": at, "msg_id": name, "i": 1}


def composes(day: int) -> Iterator[tuple[str, Message]]:
    for branch in ("rawhide", "branched"):
        for step in STEPS:
            for arch in ARCHES:
                for event in ("start", "complete"):
                    yield f"compose.{branch}{step}.{event}", {"branch": branch, "arch": arch}
    for series in ("Rawhide", "44", "Cloud-43", "IoT-44", "ELN"):
        name = f"Fedora-{series}-2026{day:04}.n.0"
        location = f"https://kojipkgs.example.org/compose/{name}/compose"
        for status in ("STARTED", "FINISHED"):
            yield (
                "pungi.compose.status.change",
                {"compose_id": name, "status": status, "location": location},
            )


def images(day: int) -> Iterator[tuple[str, Message]]:
    for kind in ("Base-44", "Base-rawhide", "Atomic-44", "Atomic-rawhide"):
        for region in REGIONS:
            name = f"Fedora-Cloud-{kind}-2026{day:04}.0.x86_64"
            msg = {"image_name": name, "destination": region, "status": "completed"}
            for event in ("upload", "test"):
                yield f"fedimg.image.{event}", {**msg, "extra": {"id": f"ami-{day:08x}"}}
    for number in range(40):
        method, arch = (("livecd", "x86_64"), ("livecd", "i686"), ("appliance", "armhfp"))[
            number % 3
        ]
        task = {"method": method, "owner": "masher", "srpm": f"Fedora-Spin{number}-{arch}"}
        for state in ("OPEN", "CLOSED"):
            yield "buildsys.task.state.change", {**task, "id": day * 100 + number, "new": state}
    for cloud in ("aws", "azure", "gcp", "container"):
        for variant in ("Cloud_Base.44.x86_64", "Cloud_Base.rawhide.x86_64", "ELN.aarch64"):
            topic = f"fedora_image_uploader.published.v1.{cloud}.{variant}"
            yield topic, {"image_name": f"Fedora-{variant}-{day}"}


def updates(day: int) -> Iterator[tuple[str, Message]]:
    for release in ("42", "43", "44"):
        for repo in ("updates", "updates-testing"):
            yield "bodhi.updates.fedora.sync", {"release": release, "repo": repo, "bytes": "1 GiB"}
            for event in ("composing", "sync.wait", "sync.done", "complete"):
                yield f"bodhi.compose.{event}", {"repo": f"f{release}-{repo}", "success": True}
    for release in ("8", "9", "10"):
        yield "bodhi.updates.epel.sync", {"release": release, "repo": "epel"}
    for stream in ("stable", "testing", "next", "rawhide"):
        for arch in ("x86_64", "aarch64", "s390x", "ppc64le"):
            msg = {"stream": stream, "basearch": arch, "build_id": f"44.{day}"}
            yield "coreos.build.state.change", {**msg, "state": "STARTED"}
            yield "coreos.build.state.change", {**msg, "state": "FINISHED", "result": "SUCCESS"}


@contextmanager
def server(settings: dict[str, str]) -> Iterator[tuple[psutil.Process, int]]:
    """`statscache serve` over the database, on a port of its own."""
    command = [sys.executable, "-c", SERVER, json.dumps(settings)]
    with subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            (said,) = (line for line in [next(one for one in process.stdout if b"Serving" in one)])
            yield psutil.Process(process.pid), int(said.rpartition(b":")[2].strip(b"/ \n"))
        finally:
            process.terminate()


def measure(process: psutil.Process, port: int, loads: int) -> None:
    load(port, 0)
    times, size, rows, spent = list[float](), 0, 0, cpu(process)
    for number in range(loads):
        begun = time.perf_counter()
        size, rows = load(port, number + 1)
        times.append(time.perf_counter() - begun)
    spent = (cpu(process) - spent) / loads
    print(f"{len(REQUESTS)} requests, {rows} rows, {size:,} bytes without compression")
    middle, slow = statistics.median(times), sorted(times)[int(loads * 0.95)]
    print(f"both answers, of {loads} loads: median {middle * 1e3:.1f} ms, 95 % {slow * 1e3:.1f} ms")
    print(f"processor time of the server for both: {spent * 1e3:.1f} ms")


def load(port: int, number: int) -> tuple[int, int]:
    """Ask as the page does; the bytes of both answers, and the rows of the last."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    size, body = 0, b"[]"
    for path in REQUESTS:
        connection.request(
            "GET", f"{path}?callback={CALLBACK}&_={number}", headers={"Accept": "*/*"}
        )
        with connection.getresponse() as answer:
            assert answer.headers.get_content_type() == "application/javascript"
            body = answer.read()
            size += len(body) + len(str(answer.headers))
    connection.close()
    return size, len(json.loads(body[body.index(b"(") + 1 : body.rindex(b")")]))


def cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


if __name__ == "__main__":
    main()
