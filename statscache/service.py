"""Builds an engine from the hub's configuration; one engine a hub."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from . import config as settings
from . import meta, registry
from .config import Config
from .engine import Engine
from .history import Datagrepper
from .journal import Journal
from .plugins import subjects
from .registry import Registry
from .store import Store
from .text import one_line

PATIENCE = 120
"""Seconds that one window of history is tried for; then other things have their turn."""

log = logging.getLogger(__name__)


def configure(raw: Mapping[str, Any]) -> Config:
    """The checked settings of a hub; what is ignored or not safe is named in the log.

    Raises:
        ConfigError: a setting is unknown, or has a value that cannot be used.
    """
    config = Config(raw, foreign=registry.names(raw))
    for warning in settings.warnings(config):
        log.warning("%s", one_line(warning, 1_000))
    return config


def load(config: Config) -> Registry:
    """The plugins, ready to count: who and what a message is about is asked where it is known."""
    subjects.ask(meta.source(config))
    return registry.load(config)


def build(config: Config) -> Engine:
    """An engine with its journal and its database, not yet started.

    Raises:
        StatscacheError: a setting, the journal or the database cannot be used.
    """
    installed = load(config)
    connections = len(installed.enabled) + config["statscache.engine.workers"]
    store = Store(config["statscache.sqlalchemy.uri"], connections)
    journal = Journal(config["statscache.journal.path"], config["statscache.journal.wait"])
    return Engine(config, installed, store, journal, history(config))


def history(config: Config) -> Datagrepper | None:
    """The archive of the bus, if the settings name one."""
    endpoint = config["statscache.datagrepper.endpoint"]
    if endpoint is None:
        return None
    return Datagrepper(
        endpoint,
        connections=config["statscache.datagrepper.connections"],
        timeout=config["statscache.datagrepper.timeout"],
        patience=PATIENCE,
    )
