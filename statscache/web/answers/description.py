"""What there is to know about each statistic, for whoever looks it up."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

from ...config import Config
from ...plugins import BasePlugin
from ...store.progress import Progress, Reading

COLUMNS = (
    "ident",
    "name",
    "summary",
    "description",
    "interval",
    "schedule",
    "unit",
    "columns",
    "retention",
    "freshness",
    "counted",
    "expired",
    "suspended",
    "history",
)


def describe(
    plugin: BasePlugin, config: Config, progress: Progress | None, history: Reading | None = None
) -> dict[str, Any]:
    """One statistic, by the names in `COLUMNS`.

    `interval` and `retention` are seconds or None (for ever), `schedule` is the interval as text
    (`1h`), `freshness` is until when the rows are complete, in epoch seconds, or None where it was
    never counted; so are the three that follow it. `history` has what `Reading` has, or is None
    where none is read any more.
    """
    docstring = _docstring(type(plugin))
    return {
        "ident": plugin.ident,
        "name": str(plugin.name),
        "summary": str(plugin.summary or docstring.partition("\n")[0]),
        "description": str(plugin.description or docstring),
        "interval": plugin.schedule.length if plugin.schedule else None,
        "schedule": str(plugin.schedule) if plugin.schedule else None,
        "unit": plugin.unit,
        "columns": plugin.model.columns() if plugin.model else [],
        "retention": config.retention(plugin.ident, _seconds(plugin.retention)),
        "freshness": progress.complete_until if progress else None,
        "counted": progress.counted if progress else None,
        "expired": progress.expired if progress else None,
        "suspended": progress.suspended if progress else None,
        "history": history._asdict() if history else None,
    }


def _docstring(plugin: type[BasePlugin]) -> str:
    """The author's own: not what the framework's bases say of themselves."""
    framework = BasePlugin.__module__.rpartition(".")[0]
    for cls in plugin.__mro__:
        is_authors = issubclass(cls, BasePlugin) and not cls.__module__.startswith(framework)
        if is_authors and cls.__doc__:
            return inspect.cleandoc(cls.__doc__)
    return ""


def _seconds(delta: timedelta | None) -> float | None:
    return None if delta is None else delta.total_seconds()
