"""The web application in a process of its own, over a database with some days of traffic."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from datagrepper import Archive
from datagrepper import Datagrepper as StandIn
from samples import message
from web.served import served

from statscache import service
from statscache.config import Config
from statscache.demo import history
from statscache.demo.history import HANDOVER, HOUR
from statscache.demo.traffic import DAY

DAYS = 9
"""Of history: more than a week, which the dashboard compares with."""

GAP = (2.1 * DAY, 2 * DAY)
"""Seconds ago: from when to when nobody listened."""

TOPIC = "org.fedoraproject.prod.git.pages.looked.at"
HEARD = 3
"""So many messages of that topic were heard in the hour before the last whole one."""


class Site(NamedTuple):
    """Where the pages are, ending in `/`, what they lead to, and the `hour` (epoch) of `TOPIC`."""

    url: str
    datagrepper: StandIn
    hour: int


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """The application over a database in `folder`."""
    config = service.configure(
        {
            "statscache.journal.path": folder / "journal.sqlite",
            "statscache.sqlalchemy.uri": f"sqlite:///{folder / 'statscache.sqlite'}",
        }
    )
    now = time.time()
    hour = int(now // HOUR - 2) * HOUR
    first, last = (now - ago for ago in GAP)
    fill(config, now - DAYS * DAY, first)
    fill(config, last, now)
    with StandIn(hear(config, hour, now)) as stand_in:
        uri = config["statscache.sqlalchemy.uri"]
        with served(uri, datagrepper__endpoint=stand_in.url) as running:
            yield Site(f"http://127.0.0.1:{running.port}/", stand_in, hour)


def fill(config: Config, start: float, stop: float) -> None:
    """Count invented traffic; nobody listens from `stop` (epoch seconds) on."""
    deque(history.fill(config, start, stop, seed=1, now=lambda: stop - HANDOVER), maxlen=0)


def hear(config: Config, hour: int, now: float) -> Archive:
    """Count the messages of `TOPIC`; what the bus carried then, and just before and after."""
    times = [hour + HOUR * number // HEARD for number in range(-1, HEARD + 1)]
    sent = [message(n, topic=TOPIC, timestamp=at) for n, at in enumerate(times)]
    other = message(len(sent), timestamp=hour)
    engine = service.build(config)
    engine.start(now)
    for one in sent[1:-1]:
        engine.accept(one, now)
    engine.drain(now)
    engine.stop(now)
    return Archive([*sent, other])
