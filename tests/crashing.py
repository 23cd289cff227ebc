"""A daemon that kills itself: `python crashing.py URI JOURNAL [POINT COUNT]`.

The bus brings all messages again in each of its lives, in small batches; at the COUNT-th time that
it comes to POINT it dies as by `kill -9`. Without a point it lives to the end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guests import Ids, bad, build, outside_package
from samples import NOW, message

from statscache.engine import Engine

MESSAGES = 60
BATCH = 5
POISON = 17
POINTS = (
    "accepted",
    "journal written",
    "in update",
    "before commit",
    "after commit",
    "before trim",
    "after trim",
    "ending",
)


class Fate:
    """Counts how often the process came to its point, and lets it die there in the end."""

    def __init__(self, point: str, count: int) -> None:
        self._point = point
        self._left = count

    def comes_to(self, point: str, *_: Any) -> None:
        if point == self._point:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        def working(*arguments: Any, **options: Any) -> Any:
            self.comes_to(before)
            result = work(*arguments, **options)
            self.comes_to(after)
            return result

        return working


def fussy(number: int) -> None:
    if number == POISON:
        raise ValueError("not that one")


def live(engine: Engine, fate: Fate) -> None:
    """Take the whole bus in, with turns in between, and end."""
    dialect = engine.store.engine.dialect
    dialect.do_commit = fate.around(dialect.do_commit, "before commit", "after commit")
    engine.journal.trim = fate.around(engine.journal.trim, "before trim", "after trim")
    engine.start(NOW)
    for number in range(MESSAGES):
        engine.accept(message(number, timestamp=int(NOW) - 7 * number), NOW, more=True)
        fate.comes_to("accepted")
        if number % BATCH == BATCH - 1:
            engine.flush(NOW)
            fate.comes_to("journal written")
            if not engine.drain(NOW):
                raise TimeoutError
    fate.comes_to("ending")
    engine.stop(NOW)


def main(uri: str, journal: str, point: str = "", count: str = "0") -> None:
    fate = Fate(point, int(count))
    plugin = bad(lambda _: fate.comes_to("in update"), process=lambda message: fussy(message["i"]))
    engine = build(uri, Path(journal), Ids, plugin, *outside_package(), engine__batch=7)
    live(engine, fate)


if __name__ == "__main__":
    main(*sys.argv[1:])
