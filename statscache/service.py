"""Builds an engine from the hub's configuration; one engine a hub."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from . import config as settings
from . import meta, registry
from .config import Config
from .engine import Engine
from .journal import Journal
from .plugins import subjects
from .store import Store

log = logging.getLogger(__name__)


def configure(raw: Mapping[str, Any]) -> Config:
    """The checked settings of a hub; what is ignored is named in the log.

    Raises:
        ConfigError: a setting is unknown, or has a value that cannot be used.
    """
    for warning in settings.warnings(raw):
        log.warning("%s", warning)
    return Config(raw, foreign=registry.names())


def build(config: Config) -> Engine:
    """An engine with its journal and its database, not yet started.

    Raises:
        StatscacheError: a setting, the journal or the database cannot be used.
    """
    subjects.ask(meta.source(config))
    installed = registry.load(config)
    connections = len(installed.enabled) + config["statscache.engine.workers"]
    store = Store(config["statscache.sqlalchemy.uri"], connections)
    journal = Journal(config["statscache.journal.path"], config["statscache.journal.wait"])
    return Engine(config, installed, store, journal)
