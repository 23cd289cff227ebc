"""The configuration that `fedmsg-hub` reads in this directory, for everything that is no hub."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection
from pathlib import Path

import fedmsg.config

from . import registry
from .config import Config
from .errors import ConfigError

FOLDERS = ("/etc/fedmsg.d", "~/.fedmsg.d", "fedmsg.d", "$VIRTUAL_ENV/etc/fedmsg.d")


def read(also: Collection[str] = ()) -> Config:
    """The settings from /etc/fedmsg.d, ~/.fedmsg.d, ./fedmsg.d and $VIRTUAL_ENV/etc/fedmsg.d.

    Args:
        also: names of plugins that may have settings, beside those that are installed.

    Raises:
        ConfigError: a file or a value in it cannot be used.
    """
    with warnings.catch_warnings():
        # It is deprecated, and still what the hub itself calls.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            raw = fedmsg.config.load_config(invalidate_cache=True)
        except Exception as error:
            raise ConfigError(
                f"fedmsg.d cannot be read: {type(error).__name__}: {error} It is looked for in "
                "/etc/fedmsg.d, ~/.fedmsg.d and ./fedmsg.d: go to the directory that has it"
            ) from error
    return Config(raw, foreign=registry.names(raw) | {*also})


def read_if_any(also: Collection[str] = ()) -> Config:
    """The same, or the defaults where there is no configuration at all."""
    folders = (Path(os.path.expandvars(folder)).expanduser() for folder in FOLDERS)
    if any(file for folder in folders for file in folder.glob("*.py")):
        return read(also)
    return Config({}, foreign=registry.names({}) | {*also})
