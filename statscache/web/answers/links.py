"""The way from a row to its messages: a question to datagrepper for its window and key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

from ...errors import QueryError
from ...history.datagrepper import SEARCH, base
from ...history.host import ENDPOINT, public
from ...history.topics import in_full
from ...plugins import BasePlugin
from ...plugins.subjects import UNCLASSIFIED
from ...text import is_cut
from ...times import epoch
from ..query.query import Query
from ..rows.keys import REST

MESSAGES = "messages"

BY_NAME = {name: name for name in ("category", "package", "topic", "user")}
"""The columns that datagrepper can be asked for unless the plugin says otherwise."""


NO_KEYS = (REST, UNCLASSIFIED, "")
"""What we call messages that datagrepper has no name for."""

Link = Callable[[Sequence[Any]], str]


def to_messages(
    plugin: BasePlugin, query: Query, columns: Sequence[str], endpoint: str | None
) -> Link:
    """What gives the URL of the messages of a row of `query`, which shows `columns`.

    What datagrepper cannot be asked for is left out, so that it finds more messages than those.

    Raises:
        QueryError: there is no `endpoint`, or no `timestamp` to start from.
    """
    if endpoint is None:
        raise QueryError("links", "1", f"0, unless the operator sets {ENDPOINT}")
    if "timestamp" not in columns:
        raise QueryError("links", "1", "0, unless timestamp is among the fields")
    url, when = public(base(endpoint)) + SEARCH, columns.index("timestamp")
    asked = _asked(plugin, query, columns)
    topics = [("topic", topic) for topic in in_full(plugin.topics) or ()]

    # Many rows share one.
    window = lru_cache(maxsize=4)(partial(_window, plugin, query))

    def link(row: Sequence[Any]) -> str:
        keys = [(name, row[place]) for place, name in asked if _is_known(row[place])]
        of_plugin = [] if any(name == "topic" for name, _ in keys) else topics
        return f"{url}?{urlencode([*window(row[when]), *keys, *of_plugin])}"

    return link


def _asked(plugin: BasePlugin, query: Query, columns: Sequence[str]) -> list[tuple[int, str]]:
    """The places of key columns, and what datagrepper calls them; those of a pivot are no keys."""
    if query.shape.pivot is not None:
        return []
    named = BY_NAME if plugin.drilldown is None else plugin.drilldown
    return [(place, named[name]) for place, name in enumerate(columns) if name in named]


def _is_known(key: Any) -> bool:
    return isinstance(key, str) and key not in NO_KEYS and not is_cut(key)


def _window(plugin: BasePlugin, query: Query, start: datetime) -> list[tuple[str, str]]:
    """Both ends of a range belong to it there, and 0 would be no end at all."""
    first = int(epoch(start) // 1)
    if query.shape.interval is not None:
        end = query.shape.windows.end(first)
    else:
        end = first + (plugin.schedule.length if plugin.schedule else 1)
    return [("start", str(max(first, 1))), ("end", f"{end - 1}.999999")]
