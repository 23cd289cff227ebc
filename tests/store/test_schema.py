"""The tables: brought up to date by Alembic; those of outside plugins made where absent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from guests import Ids, Outside, Scalar, build, feed, on_postgresql, on_sqlite, rows, turn
from samples import NOW

from alembic import command
from statscache import registry
from statscache.config import Config
from statscache.errors import SchemaError
from statscache.models import count_model
from statscache.store import Store, schema

EVERY = {"statscache.plugins.enabled": ["statscache:*"]}


@pytest.fixture
def empty(uri: str) -> Iterator[Store]:
    """A store without any table."""
    opened = Store(uri)
    yield opened
    opened.close()


def tables(store: Store) -> set[str]:
    with store.reading() as connection:
        return set(sa.inspect(connection).get_table_names())


def migrate(store: Store, to: str) -> None:
    with store.writing() as connection:
        step = command.upgrade if to == "head" else command.downgrade
        step(schema._alembic(connection), to)


def set_revision(store: Store, revision: str) -> None:
    with store.writing() as connection:
        text = f"UPDATE {schema.VERSION_TABLE} SET version_num = '{revision}'"
        connection.exec_driver_sql(text)


def test_up_and_down_and_up_again(empty: Store) -> None:
    assert schema.current(empty) is None
    schema.upgrade(empty)
    assert schema.current(empty) == schema.head()
    made = tables(empty)
    assert {"statscache_owner", "statscache_checkpoint", "stat_volume_1s"} < made
    schema.upgrade(empty)
    migrate(empty, "base")
    assert tables(empty) == {schema.VERSION_TABLE}
    migrate(empty, "head")
    assert tables(empty) == made


def test_the_migrations_make_what_the_models_say(store: Store) -> None:
    registry.load(Config(EVERY))
    with store.reading() as connection:
        options = {
            "version_table": schema.VERSION_TABLE,
            "include_object": schema.is_ours,
            "compare_type": True,
            "compare_server_default": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata()) == []


def test_every_built_in_statistic_has_its_table_from_a_migration(store: Store) -> None:
    found = registry.load(Config(EVERY)).enabled.values()
    ours = {
        one.model.__table__.name for one in found if one.model and one.distribution == registry.OURS
    }
    assert len(ours) == 38
    assert ours <= tables(store)


@on_postgresql
def test_keys_are_compared_by_code_point(store: Store) -> None:
    query = (
        "SELECT collation_name FROM information_schema.columns "
        "WHERE table_name = 'stat_volume_by_topic_1h' AND column_name = 'topic'"
    )
    with store.reading() as connection:
        assert connection.exec_driver_sql(query).scalar() == "C"


@on_sqlite
def test_an_sqlite_file_is_brought_up_to_date_by_itself(empty: Store) -> None:
    schema.prepare(empty)
    assert schema.current(empty) == schema.head()
    schema.prepare(empty)


@on_postgresql
def test_a_postgresql_that_is_behind_is_refused_and_the_command_is_named(empty: Store) -> None:
    with pytest.raises(SchemaError, match=r"revision none.*statscache db upgrade"):
        schema.prepare(empty)
    assert tables(empty) == set()
    schema.upgrade(empty)
    schema.prepare(empty)


def test_a_newer_database_is_refused_and_left_as_it_is(store: Store) -> None:
    before = tables(store)
    set_revision(store, "9999")
    with pytest.raises(SchemaError, match=r"newer statscache \(revision 9999"):
        schema.prepare(store)
    assert tables(store) == before
    assert schema.current(store) == "9999"


def test_a_database_without_our_tables_may_have_others(empty: Store) -> None:
    with empty.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of another project')")
        connection.exec_driver_sql("CREATE TABLE data_volume (id integer, volume integer)")
        connection.exec_driver_sql("INSERT INTO data_volume VALUES (1, 2)")
    schema.upgrade(empty)
    migrate(empty, "base")
    assert tables(empty) == {schema.VERSION_TABLE, "alembic_version", "data_volume"}
    assert rows(empty, "alembic_version", "version_num") == [("of another project",)]
    assert rows(empty, "data_volume", "id", "volume") == [(1, 2)]


def test_tables_of_outside_plugins_are_made_once_and_left_as_they_are(store: Store) -> None:
    model = count_model("ids-1s", ("name",))
    with store.writing() as connection:
        schema.create_missing(connection, [model])
        connection.exec_driver_sql("ALTER TABLE stat_ids_1s ADD COLUMN extra integer")
        schema.create_missing(connection, [model, Scalar])
        schema.create_missing(connection, [])
    with store.reading() as connection:
        names = {column["name"] for column in sa.inspect(connection).get_columns("stat_ids_1s")}
        indexed = sa.inspect(connection).get_indexes("data_scalar")
    assert names == {"id", "timestamp", "name", "volume", "extra"}
    assert [index["column_names"] for index in indexed] == [["timestamp"]]


def test_migrations_leave_tables_of_outside_plugins_alone(uri: str, tmp_path: Path) -> None:
    outside = type("Outside", (Outside,), {"interval": Ids.interval})
    engine = build(uri, tmp_path / "journal.sqlite", Ids, outside)
    schema.upgrade(engine.store)
    engine.start(NOW)
    feed(engine, range(3))
    turn(engine)
    migrate(engine.store, "base")
    migrate(engine.store, "head")
    assert len(rows(engine.store, "stat_ids_1s", "id")) == 3
    assert rows(engine.store, "data_scalar", "scalar") == [(3,)]
    engine.stop(NOW)


def test_alembic_does_not_tell_of_every_step(
    empty: Store, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("alembic").setLevel(logging.NOTSET)
    with caplog.at_level(logging.INFO):
        schema.upgrade(empty)
    assert caplog.records == []


def test_a_migration_that_fails_leaves_nothing(empty: Store) -> None:
    with empty.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE stat_volume_by_package_1d (id integer)")
    with pytest.raises(sa.exc.DBAPIError):
        schema.upgrade(empty)
    assert tables(empty) <= {"stat_volume_by_package_1d", schema.VERSION_TABLE}
    assert schema.current(empty) is None
