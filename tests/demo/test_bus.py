"""The demo's bus, heard by a subscriber over ZeroMQ."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import zmq

from statscache.demo.bus import invented
from statscache.demo.parts import Parts


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with Parts(tmp_path, threading.Event()) as parts:
        yield parts


@pytest.fixture
def hear() -> Iterator:
    context = zmq.Context()

    def hear(endpoint: str, number: int) -> list[list[bytes]]:
        with context.socket(zmq.SUB) as socket:
            socket.set(zmq.RCVTIMEO, 20_000)
            socket.subscribe("")
            socket.connect(endpoint)
            return [socket.recv_multipart() for _ in range(number)]

    yield hear
    context.term()


def start(parts: Parts, *arguments: str) -> str:
    bus = parts.start("bus", "statscache.demo.bus:main", *arguments)
    return parts.wait("the bus", lambda: bus.said(r"Publishing on (\S+)"))


def test_the_first_subscriber_hears_all_that_is_due_and_then_each_in_its_time(parts, hear):
    since = time.time() - 60
    endpoint = start(parts, f"--since={since}", "--rate=5", "--seed=7")
    time.sleep(1)
    expected = list(islice(invented(since, 5, 7), 1000))
    due = sum(1 for at, _ in expected if at <= time.time())
    heard = hear(endpoint, due + 3)
    assert [json.loads(body) for _, body in heard] == [m for _, m in expected[: due + 3]]
    assert [topic.decode() for topic, _ in heard] == [m["topic"] for _, m in expected[: due + 3]]
    assert time.time() >= expected[due + 2].at


def test_a_recording_is_heard_to_its_end_whatever_is_in_it(parts, hear, tmp_path):
    file = tmp_path / "messages.jsonl"
    odd = [{"topic": "a.\ud800.c"}, {"topic": None}, {"msg": {}}, {"topic": "z", "x": math.inf}]
    file.write_text("no JSON\n" + "".join(f"{json.dumps(message)}\n" for message in odd))
    endpoint = start(parts, f"--since={time.time()}", f"--messages={file}")
    heard = hear(endpoint, len(odd))
    assert [json.loads(body) for _, body in heard] == odd
    assert [topic for topic, _ in heard] == [b"a.?.c", b"None", b"", b"z"]
    log = tmp_path / "bus.log"
    parts.wait("the end", lambda: "the last message" in log.read_text() or None)
    assert "line 1 is left out" in log.read_text()
    parts.check()
