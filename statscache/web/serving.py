"""What every route needs: the settings, the statistics, the database, the clock."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from threading import Semaphore
from typing import NamedTuple, cast

from flask import abort, current_app

from ..config import Config
from ..plugins import BasePlugin
from ..registry import Skipped
from ..store import Store
from .answers.problems import respond
from .answers.shared import Shared
from .live.watcher import Watcher
from .rows.counts import Counts
from .traffic import Requests

EXTENSION = "statscache"
IDENT_LENGTH = 255


class Source(NamedTuple):
    """Whose work the answers of a statistic are.

    `made_by` names the versions of the software; `sharing` are the idents of the statistics that
    keep their rows in the same table.
    """

    made_by: str
    sharing: list[str]


class Serving(NamedTuple):
    """The parts of one application; plugins and sources by ident, `now` in epoch seconds."""

    config: Config
    plugins: dict[str, BasePlugin]
    sources: dict[str, Source]
    skipped: list[Skipped]
    store: Store
    counts: Counts
    requests: Requests
    exports: Semaphore
    live: Watcher
    dashboard: Shared
    now: Callable[[], float]


def serving() -> Serving:
    """The parts of the application that answers the present request."""
    return cast(Serving, current_app.extensions[EXTENSION])


def find(name: str) -> tuple[BasePlugin, str | None]:
    """The plugin of that ident, or of what stands before the last dot, and then the suffix too.

    Where there is none the request is answered with 404.
    """
    plugins = serving().plugins
    if name in plugins:
        return plugins[name], None
    ident, _, suffix = name.rpartition(".")
    if ident in plugins and suffix:
        return plugins[ident], suffix
    near = difflib.get_close_matches(name[:IDENT_LENGTH], plugins)
    return abort(respond(404, "There is no such statistic; GET /api/ lists them.", near=near))
