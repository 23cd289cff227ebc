"""What is told of a change: the text of an event (HTML Living Standard, Server-sent events).

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from ...config import Config
from ...formats import json
from ...formats.value import plain
from ...plugins import BasePlugin
from ...store import aside, changes
from ...store.changes import Changes, Mark, State
from ...times import moment
from ..query import query
from ..query.query import Query
from ..rows import changed
from .topic import Topic

RETRY_MILLISECONDS = 2_000

OPENING = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
"""The beginning of each stream: when to come back after its end."""

NOWHERE = State("", 0, 0, {})
"""What somebody knows whose id tells us nothing."""

NEW, LOST = "new", "lost"
"""Why all rows are to be read: one has just come, or nobody can tell which have changed."""


class Teller:
    """Writes the events of the statistics `plugins`; `now` gives epoch seconds."""

    def __init__(
        self, plugins: Mapping[str, BasePlugin], config: Config, now: Callable[[], float]
    ) -> None:
        self._plugins = plugins
        self._config = config
        self._now = now

    def tell(self, connection: Connection, topic: Topic, before: State | None, now: State) -> bytes:
        """The event that brings whoever knows the rows of `before` to those of `now`.

        Empty, if there is nothing to tell. `now` is the present state, as `connection` sees it.
        """
        if topic.arguments is None:
            return _which(topic, before, now)
        plugin = self._plugins[topic.ident]
        model: Any = plugin.model
        if before is None:
            return _reset(model, topic, now, NEW)
        touched = _touched(connection, topic, before, now)
        if touched is None:
            return _reset(model, topic, now, LOST)
        # Rows that stand aside do not change, but for that the others take their place.
        if not any(touched) or aside.source(connection, topic.ident, model) is not model:
            return b""
        wanted = query.parse(plugin, model, topic.asked, self._config, moment(self._now()))
        found = changed.read(connection, model, wanted, touched.rows)
        if found is None:
            return _reset(model, topic, now, LOST)
        return _message(model, topic, now, wanted, found, touched.expired)


def heartbeat(topic: Topic, state: State | None) -> bytes:
    """A comment, so that nobody takes the line for dead; it also says how far one has heard."""
    return (f"id: {topic.event_id(state)}\n: \n\n" if state else ": \n\n").encode()


def _which(topic: Topic, before: State | None, now: State) -> bytes:
    """Which statistics have changed, and to which revision."""
    marks = {ident: now.marks[ident] for ident in topic.idents if ident in now.marks}
    if before is None or before.owner != now.owner:
        changed, why = marks, NEW if before is None else LOST
    else:
        known = before.marks
        changed = {one: mark for one, mark in marks.items() if _differ(known.get(one), mark)}
        why = None
    if not changed and why is None:
        return b""
    told = {"changed": {ident: mark.revision for ident, mark in changed.items()}}
    data = orjson.dumps(told if why is None else {**told, "why": why}).decode()
    return _event(topic, now, data, why and "reset")


def _differ(old: Mark | None, new: Mark) -> bool:
    """Whether rows may have changed; ids of many statistics tell revisions without tags."""
    same = old is not None and (old.revision, old.recalled) == (new.revision, new.recalled)
    return not (same or new.has_rows_of(old))


def _touched(connection: Connection, topic: Topic, before: State, now: State) -> Changes | None:
    """What became of the table's rows, by whichever statistic."""
    if before == NOWHERE:
        return None
    each = [changes.since(connection, ident, before, now) for ident in topic.idents]
    known = [one for one in each if one]
    if len(known) < len(each):
        return None
    expired = max((one.expired for one in known if one.expired is not None), default=None)
    return Changes([row for one in known for row in one.rows], expired)


def _reset(model: Any, topic: Topic, now: State, why: str) -> bytes:
    key = changed.identity(model)
    told = orjson.dumps({"revision": _revision(topic, now), "key": key, "why": why})
    return _event(topic, now, told.decode(), "reset")


def _message(
    model: Any,
    topic: Topic,
    now: State,
    wanted: Query,
    found: changed.Changed,
    expired: float | None,
) -> bytes:
    if not (found.rows or found.gone or expired is not None):
        return b""
    time = wanted.shape.time
    told = {
        "revision": _revision(topic, now),
        # What goes first: rows that were made since are among those that follow.
        **({} if expired is None else {"before": plain(moment(expired), time)}),
        "rows": orjson.Fragment(json.dumps(found.columns, found.rows, time)),
        "gone": orjson.Fragment(json.dumps(changed.identity(model), found.gone, time)),
    }
    return _event(topic, now, orjson.dumps(told).decode())


def _revision(topic: Topic, state: State) -> int:
    mark = state.marks.get(topic.ident)
    return mark.revision if mark else 0


def _event(topic: Topic, state: State, data: str, kind: str | None = None) -> bytes:
    """JSON has line ends only where blanks would do."""
    line = data.replace("\r", " ").replace("\n", " ")
    named = f"event: {kind}\n" if kind else ""
    return f"{named}id: {topic.event_id(state)}\ndata: {line}\n\n".encode()
