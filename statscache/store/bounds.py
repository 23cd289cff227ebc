"""What binds the connections of a process that only reads, and may be forked.

Nothing can be written, no statement runs for ever, and no process uses a connection of another.
"""

from __future__ import annotations

import math
import os
import time
from functools import partial
from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock: about a millisecond."""

WITHIN = "statscache_within"
DEADLINE = "statscache_deadline"

_bound: WeakSet[Engine] = WeakSet()


def bind(engine: Engine, within: float) -> None:
    """Bind all connections of `engine`; a statement may take `within` seconds.

    A file of SQLite has to be opened to be read only.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "before_cursor_execute", partial(_on_sqlite_execute, within))
    else:
        event.listen(engine, "connect", partial(_on_postgresql_connect, within))
    _bound.add(engine)


def allow(connection: Connection, within: float) -> None:
    """Let each statement take `within` seconds until the end of the transaction."""
    if connection.dialect.name == "sqlite":
        connection.execution_options(**{WITHIN: within})
    else:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_milliseconds(within)}")


def _on_sqlite_connect(driver: Any, record: Any) -> None:
    def is_late() -> bool:
        deadline: float = record.info.get(DEADLINE, math.inf)
        return time.monotonic() > deadline

    driver.set_progress_handler(is_late, STEPS)


def _on_sqlite_execute(
    within: float,
    connection: Connection,
    _cursor: Any,
    _statement: str,
    _values: Any,
    _context: Any,
    _many: bool,
) -> None:
    seconds = connection.get_execution_options().get(WITHIN, within)
    connection.info[DEADLINE] = time.monotonic() + seconds


def _on_postgresql_connect(within: float, driver: Any, _record: Any) -> None:
    with driver.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        cursor.execute(f"SET statement_timeout = {_milliseconds(within)}")
    driver.commit()


def _let_go() -> None:
    """After a fork: what was open stays with the process that opened it, unused and unclosed."""
    for engine in list(_bound):
        engine.dispose(close=False)


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)


# Not when a connection is handed out: it has been pinged by then, on everybody's socket.
os.register_at_fork(after_in_child=_let_go)
