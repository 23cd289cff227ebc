"""The tables: brought up to date by Alembic; those of outside plugins made where absent."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from alembic import command

from ..errors import SchemaError
from ..models import BaseModel
from ..models.count import TABLE_PREFIX
from . import tables
from .database import Store

VERSION_TABLE = "statscache_version"

STATISTICS = tuple(
    f"{TABLE_PREFIX}{name}"
    for name in (
        *("active_contributors", "audit_1m", "bodhi_time_to_stable", "bodhi_updates"),
        *("contributions_by_user", "koji_builds", "latest_message_per_topic"),
        *("pagure_contributions", "release_engineering_event_logs", "volume"),
    )
)
"""The tables of the built-in statistics begin like this."""

_PACKAGE = Path(__file__).parent.parent
_INSTALLED = _PACKAGE / "migrations"
_CHECKOUT = _PACKAGE.parent / "alembic"


@cache
def head() -> str:
    """The revision that this version of statscache works with."""
    revision = ScriptDirectory.from_config(_alembic()).get_current_head()
    assert revision is not None
    return revision


def current(store: Store) -> str | None:
    """The revision of the database, or None where it has none of our tables."""
    with store.reading() as connection:
        return revision(connection)


def revision(connection: Connection) -> str | None:
    """What `current` tells, as the running transaction sees it."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def upgrade(store: Store) -> None:
    """Bring the framework's and the built-in statistics' tables up to date."""
    with store.writing() as connection, _quiet():
        command.upgrade(_alembic(connection), "head")


def prepare(store: Store) -> None:
    """An SQLite database is brought up to date; a PostgreSQL one has to be.

    Raises:
        SchemaError: the database is behind, or ahead of this version.
    """
    found, wanted = current(store), head()
    if found == wanted:
        return
    known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            f"the database {store} has the tables of a newer statscache (revision {found}, this "
            f"one knows {wanted}): install that version"
        )
    if not store.is_sqlite:
        raise SchemaError(
            f"the database {store} is at revision {found or 'none'}, this version needs {wanted}: "
            "run `statscache db upgrade`"
        )
    upgrade(store)


def create_missing(connection: Connection, models: Iterable[type[BaseModel]]) -> None:
    """Make the tables of plugins where they are absent; those that exist are left as they are.

    Raises:
        SchemaError: one that exists lacks columns of its model.
    """
    for model in models:
        table = model.__table__
        assert isinstance(table, sa.Table)
        table.create(connection, checkfirst=True)
        found = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        missing = sorted(column.name for column in table.columns if column.name not in found)
        if missing:
            raise SchemaError(
                f"the table {table.name} has no column {', '.join(missing)}: a statistic that "
                "changes its columns needs a new name, or its table dropped"
            )


def metadata() -> sa.MetaData:
    """The tables that our migrations look after: the framework's, and the built-in statistics'."""
    ours = sa.MetaData()
    for table in tables.metadata.tables.values():
        table.to_metadata(ours)
    for name, table in BaseModel.metadata.tables.items():
        if name.startswith(STATISTICS):
            table.to_metadata(ours)
    return ours


def is_ours(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Whether our migrations look after the table `name`."""
    return kind != "table" or str(name).startswith((*STATISTICS, "statscache_"))


def _alembic(connection: Connection | None = None) -> AlembicConfig:
    config = AlembicConfig()
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _quiet() -> Iterator[None]:
    """Alembic tells of every step at INFO; an operator wants to hear of the whole only."""
    logger = logging.getLogger("alembic")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
