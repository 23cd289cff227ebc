"""Checks of settings: each takes a raw value and returns the one to use.

They raise ValueError with what is allowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from .errors import ConfigError

CENTURY = 36_525
"""Days."""

_RATE = re.compile(r"[1-9]\d{0,5}/(second|minute|hour|day)", re.ASCII)


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def number(least: float, most: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if _is_number(value) and least <= value <= most:
            return value
        raise ValueError(f"a number from {least:,} to {most:,}")

    return check


def whole_number(least: int, most: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if _is_number(value) and isinstance(value, int) and least <= value <= most:
            return value
        raise ValueError(f"a whole number from {least:,} to {most:,}")

    return check


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def one_of(*words: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(f"one of {', '.join(words)}")

    return check


def patterns(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("a list of ident patterns, such as ['volume-*']")


def retention(value: Any) -> dict[str, float | None]:
    if isinstance(value, Mapping) and all(map(_is_retention, value.items())):
        return dict(value)
    raise ValueError(
        "a dictionary of ident patterns to days (more than 0, at most 36,525), or None for ever"
    )


def _is_retention(item: tuple[Any, Any]) -> bool:
    pattern, days = item
    is_days = _is_number(days) and 0 < days <= CENTURY
    return isinstance(pattern, str) and (days is None or is_days)


def path(value: Any) -> Path:
    if value is None:
        return _state_directory() / "journal.sqlite"
    if isinstance(value, str | os.PathLike) and str(value):
        with suppress(RuntimeError):  # the home directory of nobody
            return Path(value).expanduser().absolute()
    raise ValueError("the path of a file, or None")


def folder(value: Any) -> Path | None:
    if value is None:
        return None
    if isinstance(value, str | os.PathLike) and str(value):
        with suppress(RuntimeError):  # the home directory of nobody
            return Path(value).expanduser().absolute()
    raise ValueError("the path of a directory, or None")


def uri(value: Any) -> str:
    if value is None:
        return f"sqlite:///{_state_directory() / 'statscache.sqlite'}"
    allowed = "sqlite:////PATH/OF/FILE or postgresql://USER@HOST/DATABASE"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(allowed) from None
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg2"):
        raise ValueError(allowed)
    in_memory = url.database in (None, "", ":memory:") or "uri" in url.query
    if url.get_backend_name() == "sqlite" and in_memory:
        raise ValueError(f"{allowed} (a file: two processes share it)")
    return url.render_as_string(hide_password=False)


def http(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.startswith(("http://", "https://"))):
        return value
    raise ValueError("a URL that begins with http:// or https://, or None")


def rate(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and _RATE.fullmatch(value)):
        return value
    raise ValueError(
        "a number up to 999,999 and second, minute, hour or day, such as '100/minute', or None"
    )


def places(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= 900):
        return value
    raise ValueError("a whole number from 0 to 900, or None")


def epoch(value: Any) -> float | None:
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if value is None or (_is_number(value) and 0 <= value < 1 << 33):
        return value
    raise ValueError("a datetime, an ISO 8601 text, epoch seconds, or None")


def _state_directory() -> Path:
    """Where data goes unless the settings say: systemd's, XDG's or the home directory's place."""
    if os.environ.get("STATE_DIRECTORY"):
        return Path(os.environ["STATE_DIRECTORY"].split(":")[0])
    # As XDG has it, a relative one means nothing: each process may run somewhere else.
    if os.path.isabs(os.environ.get("XDG_STATE_HOME", "")):
        return Path(os.environ["XDG_STATE_HOME"]) / "statscache"
    with suppress(RuntimeError):
        if Path.home().is_absolute():
            return Path.home() / ".local" / "state" / "statscache"
    raise ConfigError(
        "there is no home directory to keep data in: "
        "set statscache.journal.path and statscache.sqlalchemy.uri"
    )
