"""The plugins that are installed, found through their entry points."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from fnmatch import translate
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from . import pluginfile
from .checks import folder
from .config import Config, Setting
from .errors import ConfigError, PluginError
from .models import BaseModel
from .models.columns import Time
from .pluginfile import PluginFile
from .plugins import AsyncPlugin, BasePlugin
from .schedule import DAY, Schedule
from .text import one_line

GROUP = "statscache.plugin"
OURS = "statscache"
VERSION_LENGTH = 64
HOUR = 3_600
MOST_OF_EACH = 100
IDENT = re.compile(r"[^\s/\x00-\x1f\ud800-\udfff]{1,255}")
ARGUMENTS = frozenset(
    (
        *("order", "limit", "start", "stop", "before", "page", "rows_per_page", "cursor"),
        *("callback", "format", "fields", "time", "every", "tz", "pivot", "fill", "open", "top"),
        *("links", "kind", "width", "height", "_"),
    )
)
"""What requests call their own arguments; a column of that name could not be asked for."""

SUFFIXES = (".csv", ".json", ".ndjson", ".html", ".svg")
ROUTES = frozenset(("coverage", "events", "openapi", "health", "reference", "start", "static"))
"""What stands below `/api/` and `/web/` beside the statistics."""

SETTING = re.compile("[a-z][a-z0-9_]*")

DRILLDOWN = frozenset(("category", "contains", "package", "topic", "user"))
"""What datagrepper can be asked for."""

log = logging.getLogger(__name__)


class Given(NamedTuple):
    """Plugin classes that are at hand, as an entry point."""

    name: str
    distribution: str
    plugins: Sequence[type[BasePlugin]]

    def load(self) -> Sequence[type[BasePlugin]]:
        return self.plugins


Point = EntryPoint | PluginFile | Given


class Statistic(NamedTuple):
    """One plugin class that can run: its ident, where it comes from, the class of its rows.

    A statistic that is off has no `model`. `settings` has the values of those that it declares,
    and `entry_point` is how the operator calls it in their names.
    """

    ident: str
    plugin: type[BasePlugin]
    schedule: Schedule | None
    distribution: str
    model: type[BaseModel] | None
    settings: Mapping[str, Any] = MappingProxyType({})
    entry_point: str = ""

    def build(self, config: Config) -> BasePlugin:
        """A new instance."""
        return self.plugin(self.schedule, config.beside(self.settings))

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


def names(raw: Mapping[str, Any]) -> set[str]:
    """The names of the entry points, and of the files that `statscache.plugins.dir` has.

    Settings that begin `statscache.NAME.` are a plugin's own. `raw` need not be checked.
    """
    files: list[PluginFile] = []
    with suppress(ValueError, ConfigError):  # which are told when it is checked, and loaded
        files = pluginfile.among(folder(raw.get(pluginfile.SETTING)))
    return {point.name for point in (*entry_points(group=GROUP), *files)}


def versions() -> dict[str, str]:
    """The version of each package that has plugins, by the name that it calls itself."""
    return {
        _distribution(point): "".join(point.dist.metadata.get_all("Version", []))
        for point in entry_points(group=GROUP)
        if point.dist
    }


def load(config: Config, points: Iterable[Point] | None = None) -> Registry:
    """Find the plugins; one that cannot be used is skipped, named in the log, and harms nobody.

    Raises:
        ConfigError: a setting that a plugin declares has a value that cannot be used, or there is
            one that it does not declare; or the directory of plugins cannot be read.
    """
    registry = Registry({}, {}, [])
    found: list[tuple[Point, str, list[type[BasePlugin]]]] = []
    for point in sorted(_installed(config) if points is None else points, key=_ours_first):
        distribution = _distribution(point)
        found.append((point, distribution, [*_classes(point, distribution, registry.skipped)]))
    for point, distribution, plugins in found:
        same = [one for other, _, theirs in found if other.name == point.name for one in theirs]
        own = config.own(point.name, _declared_by(same))
        for plugin in plugins:
            _register(registry, config, plugin, distribution, point.name, own)
    for skipped in registry.skipped:
        log.warning(
            "the plugin %s of %s is skipped: %s", *(one_line(part, 500) for part in skipped)
        )
    return registry


def _installed(config: Config) -> list[Point]:
    return [*entry_points(group=GROUP), *pluginfile.among(config[pluginfile.SETTING])]


def _ours_first(point: Point) -> tuple[bool, str, str]:
    return _distribution(point) != OURS, _distribution(point), point.name


def _distribution(point: Point) -> str:
    """What the package calls itself; one that is broken may not say."""
    if isinstance(point, PluginFile | Given):
        return point.distribution
    names = point.dist.metadata.get_all("Name") if point.dist else None
    return names[0] if names else "an unknown distribution"


def _classes(point: Point, distribution: str, skipped: list[Skipped]) -> Iterator[type[BasePlugin]]:
    """The plugin classes behind an entry point, which points to one or to an iterable of them."""
    try:
        target = point.load()
        # Read once: the iterable may be a generator.
        found: list[Any] = [target] if isinstance(target, type) else list(target)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        reason = f"it cannot be imported ({type(error).__name__}: {error})"
        if isinstance(error, PluginError):
            reason = str(error)
        skipped.append(Skipped(point.name, distribution, reason))
        return
    for plugin in found:
        if isinstance(plugin, type) and issubclass(plugin, BasePlugin):
            yield plugin
        else:
            reason = f"{plugin!r} is no subclass of BasePlugin"
            skipped.append(Skipped(point.name, distribution, reason))


def _register(
    registry: Registry,
    config: Config,
    plugin: type[BasePlugin],
    distribution: str,
    name: str,
    own: Mapping[str, Any],
) -> None:
    try:
        schedule = _schedule(plugin.interval)
        settings = {one: own[one] for one in _declared(plugin)}
        instance = _instance(plugin, schedule, config.beside(settings))
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
    statistic = Statistic(ident, plugin, schedule, distribution, model, settings, name)
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
    there = {attribute.key for attribute in sa.inspect(model).column_attrs}
    unknown = set(instance.personal) - there
    if unknown:
        raise PluginError(f"it has no such personal column: {', '.join(sorted(unknown))}")
    bad = ARGUMENTS.intersection(model.columns())
    if bad:
        raise PluginError(f"a column may not be called like an argument: {', '.join(sorted(bad))}")
    if instance.newest_of_each:
        _refuse_without_newest(model)
    return model


def _refuse_without_newest(model: type[BaseModel]) -> None:
    if not (model.by or "category" in model.columns()):
        raise PluginError(
            f"its newest_of_each is set, but the rows of {model.__name__} have no key"
        )
    if model.shown_by() != model.by:
        raise PluginError(
            f"its newest_of_each is set, but several rows of {model.__name__} are shown as one"
        )


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
    each: Any = plugin.newest_of_each
    if each is not None and not (type(each) is int and 1 <= each <= MOST_OF_EACH):
        raise PluginError(
            f"its newest_of_each is {each!r}, and not a number from 1 to {MOST_OF_EACH}, or None"
        )
    if len(str(plugin.version)) > VERSION_LENGTH:
        raise PluginError(f"its version is longer than {VERSION_LENGTH} characters")


def _declared_by(plugins: Iterable[type[BasePlugin]]) -> list[Setting]:
    """What those plugins declare that can be used; a name that two declare is the first one's."""
    found: dict[str, Setting] = {}
    for plugin in plugins:
        with suppress(PluginError):
            found = {**_declared(plugin), **found}
    return list(found.values())


def _declared(plugin: type[BasePlugin]) -> dict[str, Setting]:
    """The settings that the plugin declares, by their short names.

    Older plugins may call something else so, which is theirs.

    Raises:
        PluginError: one of them is none, or refuses its own default.
    """
    declared: Any = plugin.settings
    if not isinstance(declared, list | tuple):
        return {}
    for one in declared:
        if not isinstance(one, Setting) or not SETTING.fullmatch(str(one.name)):
            raise PluginError(f"{one!r} among its settings is no Setting with a short name")
        try:
            one.check(one.default)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise PluginError(f"its setting {one.name} refuses its own default ({said})") from error
    return {one.name: one for one in declared}


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
