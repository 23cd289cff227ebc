"""The configuration that `fedmsg-hub` reads in this directory, for everything that is no hub."""

from __future__ import annotations

import warnings

import fedmsg.config

from . import registry
from .config import Config
from .errors import ConfigError


def read() -> Config:
    """The settings from /etc/fedmsg.d, ~/.fedmsg.d, ./fedmsg.d and $VIRTUAL_ENV/etc/fedmsg.d.

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
    return Config(raw, foreign=registry.names(raw))
