"""Plugins that somebody works on: in a file, a module, or a package that is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from .. import registry
from ..config import Config
from ..errors import PluginError
from ..pluginfile import PluginFile, classes
from ..registry import GROUP, OURS, Given, Point, Registry
from ..text import sentence


def points(name: str) -> list[Point]:
    """The entry points that `name` means: of a file, a package, or a module.

    Raises:
        PluginError: it means none of these, or it cannot be imported.
    """
    if name.endswith(".py") or os.sep in name:
        return [of_file(Path(name))]
    installed = [
        point for point in entry_points(group=GROUP) if point.dist and point.dist.name == name
    ]
    return [*installed] or [_of_module(name)]


def of_file(path: Path) -> PluginFile:
    """Raises:
    PluginError: there is no such file.
    """
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    return PluginFile(path)


def load(config: Config, found: Sequence[Point]) -> Registry:
    """What those entry points come to; nothing of it is off."""
    settings = {"statscache.plugins.enabled": ("?*",), "statscache.plugins.disabled": ()}
    return registry.load(config.beside(settings), found)


def require_free(ident: str, distribution: str, config: Config) -> None:
    """Raises:
    PluginError: a statistic of ours has that ident.
    """
    points = [point for point in entry_points(group=GROUP) if point.dist]
    ours = load(config, [one for one in points if one.dist and one.dist.name == OURS])
    if distribution != OURS and ident in ours.enabled:
        raise PluginError(f"its ident {ident} is that of a statistic of ours: give it another name")


def _of_module(name: str) -> Given:
    """A module is found as `python -m` finds it: also in the directory where one is."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = classes(import_module(name))
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise PluginError(
                f"{name} is no file, no package that is installed and has plugins, and no module"
            ) from error
        raise PluginError(f"{name} cannot be imported ({sentence(error)})") from error
    except Exception as error:
        raise PluginError(f"{name} cannot be imported ({sentence(error)})") from error
    if not found:
        raise PluginError(f"there is no plugin class in {name}: write a subclass of BasePlugin")
    return Given(name, name, found)
