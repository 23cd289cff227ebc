"""The plugins that are installed, found through their entry points."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from fnmatch import translate
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

import sqlalchemy as sa

from .config import Config
from .errors import PluginError
from .models import BaseModel
from .models.columns import Time
from .plugins import AsyncPlugin, BasePlugin
from .schedule import DAY, Schedule
from .text import one_line

GROUP = "statscache.plugin"
OURS = "statscache"
VERSION_LENGTH = 64
HOUR = 3_600
IDENT = re.compile(r"[^\s/\x00-\x1f\ud800-\udfff]{1,255}")
ARGUMENTS = frozenset(
    (
        *("order", "limit", "start", "stop", "before", "page", "rows_per_page", "cursor"),
        *("callback", "format", "fields", "time", "every", "tz", "pivot", "fill", "open", "top"),
        *("links", "_"),
    )
)
"""What requests call their own arguments; a column of that name could not be asked for."""

SUFFIXES = (".csv", ".json", ".ndjson", ".html", ".svg")
ROUTES = frozenset(("coverage", "openapi"))
"""What stands below `/api/` beside the statistics."""

DRILLDOWN = frozenset(("category", "contains", "package", "topic", "user"))
"""What datagrepper can be asked for."""

log = logging.getLogger(__name__)


class Statistic(NamedTuple):
    """One plugin class that can run: its ident, where it comes from, the class of its rows.

    A statistic that is off has no `model`.
    """

    ident: str
    plugin: type[BasePlugin]
    schedule: Schedule | None
    distribution: str
    model: type[BaseModel] | None

    def build(self, config: Config) -> BasePlugin:
        """A new instance."""
        return self.plugin(self.schedule, config)

    @property
    def window(self) -> int:
        """Seconds of a window; without a schedule rows go by the hour."""
        return self.schedule.length if self.schedule else HOUR

    @property
    def is_asynchronous(self) -> bool:
        """Whether the plugin has a turn also where there is nothing to count."""
        return issubclass(self.plugin, AsyncPlugin)

    def window_start(self, time: float) -> int:
        """The start of the window that `time` falls into, both in epoch seconds."""
        return int(time // self.window) * self.window

    def wants(self, topic: str) -> bool:
        """Whether messages of that topic are handed to the plugin."""
        patterns = self.plugin.topics
        return patterns is None or _matches(tuple(patterns), topic)


class Skipped(NamedTuple):
    """A plugin that was left out, and why."""

    name: str
    distribution: str
    reason: str


class Registry(NamedTuple):
    """What is installed: the statistics that run, by ident, those that are off, those skipped."""

    enabled: dict[str, Statistic]
    disabled: dict[str, Statistic]
    skipped: list[Skipped]

    def instances(self, config: Config) -> dict[str, BasePlugin]:
        """A new instance of each enabled statistic, by ident."""
        return {ident: statistic.build(config) for ident, statistic in self.enabled.items()}

    def sharing(self, statistic: Statistic) -> list[str]:
        """The other statistics, also such as are off, that keep their rows in the same table."""
        table = getattr(statistic.model, "__table__", None)
        return [
            ident
            for ident, one in sorted({**self.disabled, **self.enabled}.items())
            if ident != statistic.ident
            and table is not None
            and getattr(one.model or one.plugin.model, "__table__", None) is table
        ]


def names() -> set[str]:
    """The names of the entry points: settings that begin `statscache.NAME.` are a plugin's own."""
    return {point.name for point in entry_points(group=GROUP)}


def load(config: Config, points: Iterable[EntryPoint] | None = None) -> Registry:
    """Find the plugins; one that cannot be used is skipped, named in the log, and harms nobody."""
    registry = Registry({}, {}, [])
    found = entry_points(group=GROUP) if points is None else points
    for point in sorted(found, key=_ours_first):
        distribution = _distribution(point)
        for plugin in _classes(point, distribution, registry.skipped):
            _register(registry, config, plugin, distribution)
    for skipped in registry.skipped:
        log.warning(
            "the plugin %s of %s is skipped: %s", *(one_line(part, 500) for part in skipped)
        )
    return registry


def _ours_first(point: EntryPoint) -> tuple[bool, str, str]:
    return _distribution(point) != OURS, _distribution(point), point.name


def _distribution(point: EntryPoint) -> str:
    """What the package calls itself; one that is broken may not say."""
    names = point.dist.metadata.get_all("Name") if point.dist else None
    return names[0] if names else "an unknown distribution"


def _classes(
    point: EntryPoint, distribution: str, skipped: list[Skipped]
) -> Iterator[type[BasePlugin]]:
    """The plugin classes behind an entry point, which points to one or to an iterable of them."""
    try:
        target = point.load()
        # Read once: the iterable may be a generator.
        found: list[Any] = [target] if isinstance(target, type) else list(target)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        reason = f"it cannot be imported ({type(error).__name__}: {error})"
        skipped.append(Skipped(point.name, distribution, reason))
        return
    for plugin in found:
        if isinstance(plugin, type) and issubclass(plugin, BasePlugin):
            yield plugin
        else:
            reason = f"{plugin!r} is no subclass of BasePlugin"
            skipped.append(Skipped(point.name, distribution, reason))


def _register(
    registry: Registry, config: Config, plugin: type[BasePlugin], distribution: str
) -> None:
    try:
        schedule = _schedule(plugin.interval)
        instance = _instance(plugin, schedule, config)
        ident = instance.ident
        enabled = config.enables(ident, distribution)
        if enabled:
            _refuse_clash(registry, ident)
        # Two that clash may have tables of the same name: only one that runs is asked for its own.
        model = _model(instance) if enabled else None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        reason = (
            str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        )
        registry.skipped.append(Skipped(plugin.__name__, distribution, reason))
        return
    statistic = Statistic(ident, plugin, schedule, distribution, model)
    (registry.enabled if enabled else registry.disabled)[ident] = statistic


def _refuse_clash(registry: Registry, ident: str) -> None:
    taken = registry.enabled.get(ident)
    if taken:
        raise PluginError(
            f"its ident {ident} is taken by {taken.distribution}; to run this one, put "
            f"'{taken.distribution}:{ident}' into statscache.plugins.disabled"
        )


def _instance(plugin: type[BasePlugin], schedule: Schedule | None, config: Config) -> BasePlugin:
    """Build an instance once and hold it to the contract."""
    instance = plugin(schedule, config)
    fits = instance.ident.isprintable() and IDENT.fullmatch(instance.ident)
    if not instance.name or not fits:
        raise PluginError(
            f"its ident is {instance.ident!r}: a plugin needs a name without slashes, of at most "
            "255 characters"
        )
    if instance.ident.endswith(SUFFIXES) or instance.ident in ROUTES:
        raise PluginError(f"its ident {instance.ident} already means something in a URL")
    _refuse_odd_attributes(instance)
    return instance


def _model(instance: BasePlugin) -> type[BaseModel] | None:
    model = instance.model
    if model is None:
        if instance.personal:
            raise PluginError("it has personal columns, but no model")
        return None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(f"its model {model!r} is no subclass of BaseModel")
    if not isinstance(sa.inspect(model).columns["timestamp"].type, Time | sa.Date | sa.DateTime):
        raise PluginError(f"the timestamp of its model {model.__name__} is no date and time")
    unknown = set(instance.personal).difference(model.columns())
    if unknown:
        raise PluginError(f"it has no such personal column: {', '.join(sorted(unknown))}")
    bad = ARGUMENTS.intersection(model.columns())
    if bad:
        raise PluginError(f"a column may not be called like an argument: {', '.join(sorted(bad))}")
    return model


def _refuse_odd_attributes(plugin: BasePlugin) -> None:
    for name in ("backlog_delta", "retention"):
        value = getattr(plugin, name)
        if not (value is None or isinstance(value, timedelta)):
            raise PluginError(f"its {name} is {value!r}, and not a timedelta or None")
    personal: Any = plugin.personal
    if isinstance(personal, str) or not all(isinstance(column, str) for column in personal):
        raise PluginError(f"its personal columns are {personal!r}, and not a list of names")
    topics: Any = plugin.topics
    if isinstance(topics, str) or not all(isinstance(topic, str) for topic in topics or ()):
        raise PluginError(f"its topics are {topics!r}, and not a list of patterns or None")
    drilldown: Any = plugin.drilldown
    if not (drilldown is None or isinstance(drilldown, Mapping)):
        raise PluginError(f"its drilldown is {drilldown!r}, and not a dictionary or None")
    if not DRILLDOWN.issuperset((drilldown or {}).values()):
        raise PluginError(
            f"its drilldown is {drilldown!r}; datagrepper can be asked for "
            f"{', '.join(sorted(DRILLDOWN))}"
        )
    if len(str(plugin.version)) > VERSION_LENGTH:
        raise PluginError(f"its version is longer than {VERSION_LENGTH} characters")


def _schedule(interval: timedelta | None) -> Schedule | None:
    if interval is None:
        return None
    schedule = Schedule(interval)
    if DAY % interval:
        raise PluginError(f"its interval {schedule} does not divide a day")
    return schedule


@lru_cache(maxsize=65_536)
def _matches(patterns: tuple[str, ...], topic: str) -> bool:
    return _compiled(patterns).match(topic) is not None


@lru_cache(maxsize=1_024)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")
