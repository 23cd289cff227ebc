"""A reader of Server-Sent Events, as a browser is one, and commits for it to hear of."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from statscache.models import CountModel
from statscache.models.count import Row
from statscache.store import Store, changes
from statscache.store.transaction import Transaction

Rows = dict[tuple[Any, ...], list[dict[str, Any]]]
"""By the values of the columns that are named as the key."""


class Event(NamedTuple):
    kind: str
    id: str
    data: dict[str, Any]


class Listener:
    """Reads one stream, and does with it what the standard says."""

    def __init__(self, response: http.client.HTTPResponse, heard: str = "") -> None:
        self.response = response
        self.heard = heard
        self.comments = 0

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
        response = connection.getresponse()
        assert response.status == 200, response.read()
        yield Listener(response, heard)
    finally:
        connection.close()


def key(names: list[str], row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def apply(names: list[str], rows: Rows, event: Event) -> None:
    """What a dashboard does with an event."""
    for place in (*event.data["gone"], *event.data["rows"]):
        rows.pop(key(names, place), None)
    for row in event.data["rows"]:
        rows.setdefault(key(names, row), []).append(row)


def commit(
    store: Store, ident: str, model: type[CountModel], amounts: Mapping[Row, int], at: float = 0
) -> int:
    """Count, as the engine does it; the new revision."""
    with Transaction(store, ident) as transaction:
        model.add(transaction.session, amounts)
        connection = transaction.connection()
        changes.note(connection, ident, transaction.revision, transaction.touched, at)
        transaction.commit()
    return transaction.revision
