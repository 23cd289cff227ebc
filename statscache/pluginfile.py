"""Plugins in a single Python file, which are taken as if they were installed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Generator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from .errors import ConfigError, PluginError
from .plugins import BasePlugin

SETTING = "statscache.plugins.dir"


class PluginFile(NamedTuple):
    """A file as an entry point: its `name` is that of the file, without `.py`."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def distribution(self) -> str:
        """What stands for the package that it is not in: `builds.py`."""
        return self.path.name

    def load(self) -> list[type[BasePlugin]]:
        """The plugin classes in the file, which is run once in a process.

        Raises:
            PluginError: there is none.
            Exception: whatever the file raises.
        """
        found, lack = _loaded(self.path.resolve())
        if not found:
            raise PluginError(lack)
        return found


def among(folder: Path | None) -> list[PluginFile]:
    """Each `*.py` in `folder`, but for those that begin with `_` or a dot.

    Raises:
        ConfigError: it is no folder that can be read.
    """
    if folder is None:
        return []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ConfigError(
            f"{SETTING} is {str(folder)!r}, which cannot be read ({error.strerror}); allowed: a "
            "directory of Python files, or None"
        ) from error
    return [PluginFile(path) for path in paths if path.suffix == ".py" and path.name[0] not in "._"]


def classes(module: ModuleType) -> list[type[BasePlugin]]:
    """The plugin classes that are made in `module`, alone or in lists, tuples and generators.

    Bases are left out: those without a name, and those of which the same is there `at` intervals.
    """
    found = _made(module)
    return [one for one in found if one.name and not _is_base(one, found)]


def lack(module: ModuleType) -> str:
    """What to say of a module that has no plugin classes, and what to do."""
    nameless = ", ".join(one.__name__ for one in _made(module))
    if nameless:
        return f"no plugin class in it has a name: set `name` in {nameless}"
    return "there is no plugin class in it: write a subclass of BasePlugin"


def _made(module: ModuleType) -> list[type[BasePlugin]]:
    inside = f"{module.__name__}."
    found = [
        one
        for value in vars(module).values()
        for one in (value if isinstance(value, list | tuple | Generator) else (value,))
        if isinstance(one, type) and issubclass(one, BasePlugin)
        if f"{one.__module__}.".startswith(inside)
    ]
    return list(dict.fromkeys(found))


def _is_base(plugin: type[BasePlugin], found: list[type[BasePlugin]]) -> bool:
    return any(
        one is not plugin and issubclass(one, plugin) and one.__name__ == plugin.__name__
        for one in found
    )


# Once: there may be generators in it, and tables cannot be defined twice.
@cache
def _loaded(path: Path) -> tuple[list[type[BasePlugin]], str]:
    """The plugin classes in the file, and what to say if there are none."""
    # What answers are made by is told by this, too: another content is another name.
    digest = hashlib.sha256(os.fsencode(path) + path.read_bytes()).hexdigest()[:8]
    name = f"statscache_plugin_{path.stem}_{digest}"
    spec = spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    # As an import has it: what is in there may look itself up while it is made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        return classes(module), lack(module)
    except BaseException:
        del sys.modules[name]
        raise
