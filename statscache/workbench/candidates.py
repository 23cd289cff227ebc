"""Plugins that somebody works on: in a file, a module, or a package that is installed."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from .. import registry
from ..config import Config
from ..errors import PluginError, UnknownPluginError
from ..pluginfile import PluginFile, classes, lack
from ..registry import GROUP, OURS, Given, Point, Registry
from ..text import sentence
from .bench import overheard
from .failing import own_frames


def points(name: str) -> list[Point]:
    """The entry points that `name` means: of a file, a package, or a module.

    Raises:
        UnknownPluginError: it means none of these, or there is no plugin in it.
        PluginError: it cannot be imported.
    """
    if name.endswith(".py") or os.sep in name:
        return [of_file(Path(name))]
    installed = [
        point for point in entry_points(group=GROUP) if point.dist and point.dist.name == name
    ]
    return [*installed] or [_of_module(name)]


def of_file(path: Path) -> PluginFile:
    """The file as an entry point.

    Raises:
        UnknownPluginError: there is no such file.
        PluginError: there is no plugin in it, or it raises: then with what is its own of the
            traceback.
    """
    if not path.is_file():
        raise UnknownPluginError(f"there is no file {path}")
    point = PluginFile(path)
    try:
        point.load()
    except PluginError as error:
        raise PluginError(f"{path}: {error}") from error
    except Exception as error:
        trace = own_frames("".join(traceback.format_exception(error)))
        raise PluginError(f"{path} cannot be imported:\n{trace}") from error
    return point


def load(config: Config, found: Sequence[Point]) -> Registry:
    """What those entry points come to beside ours; nothing is off, and the log is told nothing."""
    settings = {"statscache.plugins.enabled": ("?*",), "statscache.plugins.disabled": ()}
    ours = [point for point in entry_points(group=GROUP) if _is_ours(point)]
    beside = [] if any(map(_is_ours, found)) else ours
    with overheard([]):
        loaded = registry.load(config.beside(settings), [*found, *beside])
    if not beside:
        return loaded
    return loaded._replace(
        enabled={ident: one for ident, one in loaded.enabled.items() if one.distribution != OURS}
    )


def _is_ours(point: Point) -> bool:
    return isinstance(point, EntryPoint) and point.dist is not None and point.dist.name == OURS


def _of_module(name: str) -> Given:
    """A module is found as `python -m` finds it: also in the directory where one is."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = import_module(name)
        found = classes(module)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise UnknownPluginError(
                f"{name} is no file, no package that is installed and has plugins, and no module"
            ) from error
        raise PluginError(f"{name} cannot be imported ({sentence(error)})") from error
    except Exception as error:
        raise PluginError(f"{name} cannot be imported ({sentence(error)})") from error
    if not found:
        raise UnknownPluginError(f"{name}: {lack(module)}")
    return Given(name, name, found)
