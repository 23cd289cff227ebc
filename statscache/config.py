"""Every setting of statscache, in one table: name, default, unit, check and help."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from .errors import ConfigError
from .files import shared_folder

DAY = 86_400
CENTURY = 36_525
"""Days."""
PREFIX = "statscache."
IGNORED = {
    "statscache.producer.frequency": "the producers tick every second, five seconds and minute",
}


class Setting(NamedTuple):
    """One row of the table; `check` turns a raw value into the one to use, or raises ValueError."""

    name: str
    default: Any
    check: Callable[[Any], Any]
    help: str


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("True or False")


def _number(least: float, most: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if _is_number(value) and least <= value <= most:
            return value
        raise ValueError(f"a number from {least:,} to {most:,}")

    return check


def _whole_number(least: int, most: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if _is_number(value) and isinstance(value, int) and least <= value <= most:
            return value
        raise ValueError(f"a whole number from {least:,} to {most:,}")

    return check


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _patterns(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("a list of ident patterns, such as ['volume-*']")


def _retention(value: Any) -> dict[str, float | None]:
    if isinstance(value, Mapping) and all(map(_is_retention, value.items())):
        return dict(value)
    raise ValueError(
        "a dictionary of ident patterns to days (more than 0, at most 36,525), or None for ever"
    )


def _is_retention(item: tuple[Any, Any]) -> bool:
    pattern, days = item
    is_days = _is_number(days) and 0 < days <= CENTURY
    return isinstance(pattern, str) and (days is None or is_days)


def _path(value: Any) -> Path:
    if value is None:
        return _state_directory() / "journal.sqlite"
    if isinstance(value, str | os.PathLike) and str(value):
        with suppress(RuntimeError):  # the home directory of nobody
            return Path(value).expanduser().absolute()
    raise ValueError("the path of a file, or None")


def _uri(value: Any) -> str:
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


def _http(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.startswith(("http://", "https://"))):
        return value
    raise ValueError("a URL that begins with http:// or https://, or None")


def _epoch(value: Any) -> float | None:
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if value is None or (_is_number(value) and 0 <= value < 1 << 33):
        return value
    raise ValueError("a datetime, an ISO 8601 text, epoch seconds, or None")


RETENTION: dict[str, float | None] = {
    "volume-1s": 7,
    "volume-5s": 14,
    "volume-1m": 90,
    "volume-1h": 730,
    "volume-by-*-1s": 7,
    "volume-by-*-5s": 14,
    "volume-by-*-1m": 90,
    "volume-by-*-1h": 730,
    "audit-1m": 90,
}

DISABLED = (
    "volume-by-category-1s",
    "volume-by-category-5s",
    *(f"volume-by-{key}-{length}" for key in ("topic", "package") for length in ("1s", "5s", "1m")),
    "volume-by-user-*",
)

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("statscache.consumer.enabled", False, _boolean, "whether the hub runs statscache"),
        Setting(
            "statscache.consumer.epoch",
            None,
            _epoch,
            "how far back history is fetched; it never shifts windows",
        ),
        Setting(
            "statscache.consumer.maximum_future",
            3600,
            _number(0, 366 * DAY),
            "seconds; a message stamped further ahead of its arrival is refused",
        ),
        Setting(
            "statscache.consumer.maximum_bytes",
            8 << 20,
            _whole_number(1 << 10, 1 << 28),
            "bytes; a longer message is refused",
        ),
        Setting(
            "statscache.consumer.queue",
            20_000,
            _whole_number(100, 10_000_000),
            "messages between the bus and the journal; beyond that the bus is made to wait",
        ),
        Setting(
            "statscache.journal.path",
            None,
            _path,
            "the file of the journal, on a local disk; None is beside where state is kept",
        ),
        Setting(
            "statscache.journal.commit_within",
            200,
            _number(0, 60_000),
            "milliseconds; the most that a kill can take of what was taken in; what still stands "
            "in the queue goes with it",
        ),
        Setting(
            "statscache.journal.dedupe_horizon",
            2 * DAY,
            _number(60, 366 * DAY),
            "seconds; how long an id is remembered",
        ),
        Setting(
            "statscache.journal.maximum_size",
            4 << 30,
            _whole_number(16 << 20, 1 << 50),
            "bytes; beyond that the oldest entries go, and what a plugin misses is owed to it",
        ),
        Setting(
            "statscache.journal.wait",
            0,
            _number(0, 366 * DAY),
            "seconds to wait for a journal that another daemon holds; 0 refuses at once",
        ),
        Setting(
            "statscache.sqlalchemy.uri",
            None,
            _uri,
            "the database of the statistics, SQLite or PostgreSQL; None is an SQLite file",
        ),
        Setting("statscache.engine.workers", 4, _whole_number(1, 64), "threads that run plugins"),
        Setting(
            "statscache.engine.batch",
            5_000,
            _whole_number(1, 1_000_000),
            "messages that a plugin counts in one transaction, at the most",
        ),
        Setting(
            "statscache.engine.suspend_after",
            100,
            _whole_number(1, 1_000_000),
            "messages in a row that a plugin cannot digest before it is suspended",
        ),
        Setting(
            "statscache.changes.keep",
            100_000,
            _whole_number(0, 100_000_000),
            "rows of the change table",
        ),
        Setting(
            "statscache.plugins.enabled",
            ("*",),
            _patterns,
            "ident patterns of the statistics to run; those named beside a `*` run even where "
            "the defaults leave them out",
        ),
        Setting(
            "statscache.plugins.disabled",
            (),
            _patterns,
            "ident patterns of the statistics not to run",
        ),
        Setting(
            "statscache.retention",
            {},
            _retention,
            "ident patterns to days that rows are kept, or None for ever",
        ),
        Setting(
            "statscache.datagrepper.endpoint",
            None,
            _http,
            "the base URL of the datagrepper that keeps the history, or None",
        ),
        Setting(
            "statscache.datagrepper.connections",
            4,
            _whole_number(1, 16),
            "connections to datagrepper at the same time, at the most",
        ),
        Setting(
            "statscache.datagrepper.timeout",
            90,
            _number(1, 3_600),
            "seconds that an answer of datagrepper may take",
        ),
        Setting(
            "statscache.datagrepper.overlap",
            600,
            _number(0, DAY),
            "seconds that are read before and after what is missing: messages come late",
        ),
        Setting(
            "statscache.datagrepper.again",
            3 * 3600,
            _number(0, 30 * DAY),
            "seconds of the latest history that are read again every hour, for what came late or "
            "what the bus has dropped; 0 is never",
        ),
        Setting(
            "statscache.datagrepper.backlog",
            30 * DAY,
            _number(0, CENTURY * DAY),
            "seconds of history that a new statistic gets where neither it nor "
            "statscache.consumer.epoch says how much",
        ),
        Setting(
            "statscache.app.default_rows_per_page",
            100,
            _whole_number(1, 100_000),
            "rows of a page where the request names no number",
        ),
        Setting(
            "statscache.app.maximum_rows_per_page",
            1_000,
            _whole_number(1, 100_000),
            "rows of a page at the most",
        ),
    )
}


class Config(Mapping[str, Any]):
    """The checked settings, and all other keys of the hub's configuration as they are.

    Args:
        raw: the hub's configuration.
        foreign: names of plugins; keys that begin `statscache.NAME.` are theirs.

    Raises:
        ConfigError: an unknown `statscache.*` key, or a value that cannot be used.
    """

    def __init__(self, raw: Mapping[str, Any], foreign: Collection[str] = ()) -> None:
        _refuse_unknown(raw, foreign)
        self._values = dict(raw)
        for setting in SETTINGS.values():
            self._values[setting.name] = _checked(setting, raw.get(setting.name, setting.default))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def enables(self, ident: str, distribution: str = "") -> bool:
        """Whether the statistic `ident` of `distribution` runs.

        A pattern is matched against the ident, and against `DISTRIBUTION:IDENT`.
        """
        names = (ident, f"{distribution}:{ident}")
        if _matches(names, self["statscache.plugins.disabled"]):
            return False
        named = [pattern for pattern in self["statscache.plugins.enabled"] if pattern != "*"]
        if _matches(names, named):
            return True
        return "*" in self["statscache.plugins.enabled"] and not _matches(names, DISABLED)

    def retention(self, ident: str, default: float | None = None) -> float | None:
        """Seconds that rows of `ident` are kept, or None for ever.

        The setting decides, its first matching pattern; then the framework's own table; then
        `default`, in seconds.
        """
        for table in (self["statscache.retention"], RETENTION):
            for pattern, days in table.items():
                if fnmatchcase(ident, pattern):
                    return None if days is None else days * DAY
        return default


def warnings(config: Config) -> list[str]:
    """What is accepted, but has no effect or is not safe: a sentence for each."""
    ignored = [
        f"{name} is ignored: {why}; take it out of the configuration"
        for name, why in IGNORED.items()
        if name in config
    ]
    files = [config["statscache.journal.path"]]
    database = make_url(config["statscache.sqlalchemy.uri"])
    if database.get_backend_name() == "sqlite":
        files.append(Path(database.database or ""))
    shared = {folder for folder in map(shared_folder, files) if folder}
    return ignored + [
        f"everybody may write in {folder}, and so take the place of what statscache keeps there; "
        "let statscache.journal.path and statscache.sqlalchemy.uri name a directory of this user's "
        "own"
        for folder in sorted(shared)
    ]


def _refuse_unknown(raw: Mapping[str, Any], foreign: Collection[str]) -> None:
    for name in raw:
        if not name.startswith(PREFIX) or name in SETTINGS or name in IGNORED:
            continue
        if name.split(".")[1] in foreign:
            continue
        near = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0)
        raise ConfigError(f"{name} is no setting of statscache; did you mean {near[0]}?")


def _checked(setting: Setting, value: Any) -> Any:
    try:
        return setting.check(value)
    except ValueError as error:
        shown = re.sub("//.*@", "//***@", repr(value))
        raise ConfigError(f"{setting.name} is {shown}; allowed: {error}") from None


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


def _matches(names: Collection[str], patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
