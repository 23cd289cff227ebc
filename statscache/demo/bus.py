"""The demo's bus: publishes over ZeroMQ what fedmsg's publishers would, in real time."""

from __future__ import annotations

import argparse
import json
import math
import signal
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import zmq

from .recording import replay
from .traffic import MEMORY, Arrival, messages

LOOPBACK = "tcp://127.0.0.1"

PREPARED = 100_000
"""Messages of stories that began before, which are made in a second."""


def main() -> None:
    """Publish from `sys.argv`'s `--since` on, once somebody listens; tells where on stdout."""
    options = _options()
    arrivals = _arrivals(options)
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.XPUB)
    socket.set_hwm(0)
    port = socket.bind_to_random_port(LOOPBACK)
    print(f"Publishing on {LOOPBACK}:{port}", flush=True)
    first = next(arrivals)  # Made before anybody waits for it: it takes a second.
    socket.recv()
    print("Somebody listens", flush=True)
    for arrival in chain([first], arrivals):
        publish(socket, arrival)
    print("That was the last message", flush=True)
    signal.pause()


def publish(socket: zmq.Socket[bytes], arrival: Arrival) -> None:
    """Send a message when it is due, as fedmsg does: a frame with the topic, one with JSON."""
    time.sleep(max(0, arrival.at - time.time()))
    topic = str(arrival.message.get("topic", ""))
    socket.send_multipart([topic.encode(errors="replace"), json.dumps(arrival.message).encode()])


def invented(since: float, rate: float, seed: int) -> Iterator[Arrival]:
    """Invented messages from `since` (epoch seconds) on, without an end."""
    memory = min(MEMORY, PREPARED / rate)
    return messages(since, math.inf, rate=rate, seed=seed, memory=memory)


def _arrivals(options: argparse.Namespace) -> Iterator[Arrival]:
    if options.messages is None:
        return invented(options.since, options.rate, options.seed)
    return replay(options.messages, options.since, options.rate, print)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--since", type=float, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--messages", type=Path)
    return parser.parse_args()
