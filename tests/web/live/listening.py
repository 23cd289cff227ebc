"""A reader of Server-Sent Events, as a browser is one, and commits for it to hear of."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any, NamedTuple

Rows = dict[tuple[Any, ...], list[dict[str, Any]]]
"""By the values of the columns that are named as the key."""


class Event(NamedTuple):
    kind: str
    id: str
    data: dict[str, Any]


class Listener:
    """Reads one stream, and does with it what the standard says."""

    def __init__(self, response: IO[bytes], heard: str = "") -> None:
        self.response = response
        self.heard = heard
        self.comments = 0

    @classmethod
    def of(cls, text: bytes) -> Iterator[Event]:
        """The events of a text."""
        listener = cls(BytesIO(text))
        while event := listener.next():
            yield event

    def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        kind, data = "message", []
        while line := self.response.readline().decode():
            name, _, value = line.rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if line == "\n" and data:
                return Event(kind, self.heard, json.loads("\n".join(data)))
            if line == "\n":
                kind = "message"
            elif name == "id":
                self.heard = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif not name:
                self.comments += 1
        return None


@contextmanager
def listening(port: int, path: str, heard: str = "", timeout: float = 20) -> Iterator[Listener]:
    """A listener that is connected; `heard` is what it has heard before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Last-Event-ID": heard} if heard else {})
        with connection.getresponse() as response:
            assert response.status == 200, response.read()
            yield Listener(response, heard)
    finally:
        connection.close()


def connect(port: int, path: str, receive: int | None = None) -> socket.socket:
    """A reader who need not read; `receive` is what the kernel keeps for it, in bytes."""
    client = socket.socket()
    if receive:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.settimeout(30)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def key(names: list[str], row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def apply(names: list[str], rows: Rows, event: Event) -> None:
    """What a dashboard does with an event."""
    if before := event.data.get("before"):
        for place in [place for place, found in rows.items() if found[0]["timestamp"] < before]:
            del rows[place]
    for place in (*event.data["gone"], *event.data["rows"]):
        rows.pop(key(names, place), None)
    for row in event.data["rows"]:
        rows.setdefault(key(names, row), []).append(row)
