"""Every setting of statscache, in one table: name, default, unit, check and help."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import make_url

from . import checks
from .checks import CENTURY
from .errors import ConfigError
from .files import shared_folder

DAY = 86_400
PREFIX = "statscache."
IGNORED = {
    "statscache.producer.frequency": "the producers tick every second, five seconds and minute",
}


class Setting(NamedTuple):
    """One row of the table, or a setting that a plugin declares.

    `check` turns a raw value into the one to use, or raises ValueError with what is allowed. It
    takes what it has returned, and the default.
    """

    name: str
    default: Any
    check: Callable[[Any], Any]
    help: str


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
    "koji-builds-1h": 730,
    "active-contributors-by-category-1d": 1_095,
}

DISABLED = (
    "volume-by-category-1s",
    "volume-by-category-5s",
    *(f"volume-by-{key}-{length}" for key in ("topic", "package") for length in ("1s", "5s", "1m")),
    "volume-by-user-*",
    "contributions-by-user-*",
    "pagure-contributions-by-user-*",
)

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "statscache.consumer.enabled", False, checks.boolean, "whether the hub runs statscache"
        ),
        Setting(
            "statscache.consumer.epoch",
            None,
            checks.epoch,
            "how far back history is fetched; it never shifts windows",
        ),
        Setting(
            "statscache.consumer.maximum_future",
            3600,
            checks.number(0, 366 * DAY),
            "seconds; a message stamped further ahead of its arrival is refused",
        ),
        Setting(
            "statscache.consumer.maximum_bytes",
            8 << 20,
            checks.whole_number(1 << 10, 1 << 28),
            "bytes; a longer message is refused",
        ),
        Setting(
            "statscache.consumer.queue",
            20_000,
            checks.whole_number(100, 10_000_000),
            "messages between the bus and the journal; beyond that the bus is made to wait",
        ),
        Setting(
            "statscache.journal.path",
            None,
            checks.path,
            "the file of the journal, on a local disk; None is beside where state is kept",
        ),
        Setting(
            "statscache.journal.commit_within",
            200,
            checks.number(0, 60_000),
            "milliseconds; the most that a kill can take of what was taken in; what still stands "
            "in the queue goes with it",
        ),
        Setting(
            "statscache.journal.dedupe_horizon",
            2 * DAY,
            checks.number(60, 366 * DAY),
            "seconds; how long an id is remembered",
        ),
        Setting(
            "statscache.journal.maximum_size",
            4 << 30,
            checks.whole_number(16 << 20, 1 << 50),
            "bytes; beyond that the oldest entries go, and what a plugin misses is owed to it",
        ),
        Setting(
            "statscache.journal.wait",
            0,
            checks.number(0, 366 * DAY),
            "seconds to wait for a journal that another daemon holds; 0 refuses at once",
        ),
        Setting(
            "statscache.sqlalchemy.uri",
            None,
            checks.uri,
            "the database of the statistics, SQLite or PostgreSQL; None is an SQLite file",
        ),
        Setting(
            "statscache.engine.workers", 4, checks.whole_number(1, 64), "threads that run plugins"
        ),
        Setting(
            "statscache.engine.batch",
            5_000,
            checks.whole_number(1, 1_000_000),
            "messages that a plugin counts in one transaction, at the most",
        ),
        Setting(
            "statscache.engine.suspend_after",
            100,
            checks.whole_number(1, 1_000_000),
            "messages in a row that a plugin cannot digest before it is suspended",
        ),
        Setting(
            "statscache.changes.keep",
            100_000,
            checks.whole_number(0, 100_000_000),
            "rows of the change table",
        ),
        Setting(
            "statscache.plugins.enabled",
            ("*",),
            checks.patterns,
            "ident patterns of the statistics to run; those named beside a `*` run even where "
            "the defaults leave them out",
        ),
        Setting(
            "statscache.plugins.disabled",
            (),
            checks.patterns,
            "ident patterns of the statistics not to run",
        ),
        Setting(
            "statscache.plugins.dir",
            None,
            checks.folder,
            "a directory of Python files whose plugins run as if they were installed, or None",
        ),
        Setting(
            "statscache.retention",
            {},
            checks.retention,
            "ident patterns to days that rows are kept, or None for ever",
        ),
        Setting(
            "statscache.datagrepper.endpoint",
            None,
            checks.http,
            "the base URL of the datagrepper that keeps the history, or None",
        ),
        Setting(
            "statscache.datagrepper.connections",
            4,
            checks.whole_number(1, 16),
            "connections to datagrepper at the same time, at the most",
        ),
        Setting(
            "statscache.datagrepper.timeout",
            90,
            checks.number(1, 3_600),
            "seconds that an answer of datagrepper may take",
        ),
        Setting(
            "statscache.datagrepper.overlap",
            600,
            checks.number(0, DAY),
            "seconds that are read before and after what is missing: messages come late",
        ),
        Setting(
            "statscache.datagrepper.again",
            3 * 3600,
            checks.number(0, 30 * DAY),
            "seconds of the latest history that are read again every hour, for what came late or "
            "what the bus has dropped; 0 is never",
        ),
        Setting(
            "statscache.datagrepper.backlog",
            30 * DAY,
            checks.number(0, CENTURY * DAY),
            "seconds of history that a new statistic gets where neither it nor "
            "statscache.consumer.epoch says how much",
        ),
        Setting(
            "statscache.app.default_rows_per_page",
            100,
            checks.whole_number(1, 100_000),
            "rows of a page where the request names no number",
        ),
        Setting(
            "statscache.app.maximum_rows_per_page",
            1_000,
            checks.whole_number(1, 100_000),
            "rows of a page at the most",
        ),
        Setting(
            "statscache.app.timeout",
            10,
            checks.number(0.1, 3_600),
            "seconds that one question to the database may take; beyond that the answer is a 503",
        ),
        Setting(
            "statscache.app.export_timeout",
            600,
            checks.number(1, DAY),
            "the same for an export",
        ),
        Setting(
            "statscache.app.rate_limit",
            None,
            checks.rate,
            "requests of one client in a stretch of time, in each process of the web application; "
            "beyond that the answer is a 429. None is no limit",
        ),
        Setting(
            "statscache.app.live_readers",
            None,
            checks.places,
            "who may listen to what changes at the same time, in each process of the web "
            "application; beyond that the answer is a 503. None is 500 under `statscache serve`, "
            "and 4 where a server needs a thread for each",
        ),
        Setting(
            "statscache.app.proxies",
            0,
            checks.whole_number(0, 10),
            "proxies before the web application whose X-Forwarded headers are believed",
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
        self.foreign = frozenset(foreign)
        self._values = dict(raw)
        for setting in SETTINGS.values():
            self._values[setting.name] = _checked(setting, raw.get(setting.name, setting.default))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def own(self, name: str, declared: Collection[Setting]) -> dict[str, Any]:
        """The values of the settings that the plugins of the entry point `name` have `declared`.

        Each is under its short name. Where none is declared, all keys pass as they are.

        Raises:
            ConfigError: a key that begins `statscache.NAME.` and is none of them, or a value that
                cannot be used.
        """
        prefix = f"{PREFIX}{name}."
        known = {prefix + setting.name: setting for setting in declared}
        for key in self._values:
            if known and key.startswith(prefix) and key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0)
                raise ConfigError(f"{key} is no setting of {name}; did you mean {near[0]}?")
        return {
            setting.name: _checked(
                setting._replace(name=key), self._values.get(key, setting.default)
            )
            for key, setting in known.items()
        }

    def beside(self, values: Mapping[str, Any]) -> Config:
        """The same, with `values` in it."""
        if not values:
            return self
        found = copy.copy(self)
        found._values = {**self._values, **values}
        return found

    def enables(self, ident: str, distribution: str = "") -> bool:
        """Whether the statistic `ident` of `distribution` runs.

        A pattern is matched against the ident, and against `DISTRIBUTION:IDENT`.
        """
        return self.why_off(ident, distribution) is None

    def why_off(self, ident: str, distribution: str = "") -> str | None:
        """Why the statistic does not run; None: it runs."""
        names = (ident, f"{distribution}:{ident}")
        for pattern in self["statscache.plugins.disabled"]:
            if _matches(names, [pattern]):
                return f"statscache.plugins.disabled has {pattern!r}"
        enabled = self["statscache.plugins.enabled"]
        if _matches(names, [pattern for pattern in enabled if pattern != "*"]):
            return None
        if "*" not in enabled:
            return "statscache.plugins.enabled does not name it"
        return "the defaults leave it out" if _matches(names, DISABLED) else None

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
    if config["statscache.plugins.dir"]:
        files.append(config["statscache.plugins.dir"] / "plugin.py")
    shared = {folder for folder in map(shared_folder, files) if folder}
    return ignored + [
        f"everybody may write in {folder}, and so take the place of what statscache keeps there; "
        "let statscache.journal.path, statscache.sqlalchemy.uri and statscache.plugins.dir name "
        "directories of this user's own"
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


def _matches(names: Collection[str], patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
