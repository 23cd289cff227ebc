"""Retries all dead letters, as another process: `python retrying.py URI [POINT COUNT]`.

It begins when it is told to on standard input, and prints what became of each letter. At the
COUNT-th time that it comes to POINT it dies as by `kill -9`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from fate import COMMIT, IDLE, PROCESSING, UPDATING, Fate, Place
from guests import SECOND, Message, Outside, Point
from samples import NOW
from sqlalchemy.orm import Session

from statscache import registry
from statscache.config import Config
from statscache.engine.retry import retry
from statscache.plugins import BasePlugin, Count
from statscache.store import Store, deadletters

POISON = range(0, 80, 2)
BEGUN = "begun"
POINTS = (PROCESSING, UPDATING, f"before {COMMIT}", f"after {COMMIT}", BEGUN)


def plugins(mended: bool, fate: Fate | None = None) -> list[type[BasePlugin]]:
    """Two that fail over `POISON` until they are mended; both add to rows that all share."""

    def digest(message: Message) -> None:
        if fate:
            fate.comes_to(PROCESSING)
        if message["i"] in POISON and not mended:
            raise ValueError(f"not {message['i']}")

    class Fussy(Count):
        name, by, interval = "fussy", ("name",), SECOND

        def count(self, message: Message) -> Iterator[str]:
            digest(message)
            yield "all"
            yield message["msg_id"]

        def handle(self, session: Session, messages: Any) -> None:
            super().handle(session, messages)
            if fate:
                fate.comes_to(UPDATING)

    class Elder(Outside):
        """Reads a row, adds to it, and commits; once for each message."""

        name, interval = "elder", timedelta(seconds=15)

        def process(self, message: Message) -> None:
            digest(message)
            super().process(message)

        def update(self, session: Session) -> None:
            super().update(session)
            if fate:
                fate.comes_to(UPDATING)

    return [Fussy, Elder]


def main(uri: str, point: str = "", count: str = "0") -> None:
    fate = Fate(Place(IDLE, point), int(count))
    config = Config({"statscache.sqlalchemy.uri": uri})
    installed = registry.load(config, [Point(plugins(mended=True, fate=fate))])
    store = Store(uri)
    fate.watch_store(store)
    sys.stdin.readline()
    with store.reading() as connection:
        letters = deadletters.numbers(connection)
    for ident, statistic in installed.enabled.items():
        numbers = [number for number in letters if letters[number] == ident]
        fate.comes_to(BEGUN)
        for result in retry(store, statistic, config, numbers, NOW):
            print(result.ident, result.outcome, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
