"""On PostgreSQL each statistic has a view, for people and programs that read with SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from samples import NOW
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from statscache.models import CountModel, count_model, distinct_model, histogram_model
from statscache.models.histogram import bin_of
from statscache.store import Store, aside, owed, schema, views

LONG = "x" * 255
READER = "grafana"


@pytest.fixture
def store(new_postgresql: str) -> Iterator[Store]:
    opened = Store(new_postgresql)
    schema.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def reader(store: Store, new_postgresql: str) -> Iterator[Connection]:
    """The connection of one who may read the views."""
    with store.writing() as connection:
        for statement in views.reader(connection, READER):
            connection.exec_driver_sql(statement)
    try:
        with _connected(new_postgresql, READER) as connection:
            yield connection
    finally:
        with store.writing() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {READER}")
            connection.exec_driver_sql(f"DROP ROLE {READER}")


@contextmanager
def _connected(uri: str, role: str) -> Iterator[Connection]:
    url = sa.make_url(uri).set(drivername="postgresql+psycopg2", username=role)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def made(store: Store, ident: str, *keys: str) -> type[CountModel]:
    """A statistic that has counted each of `keys` three times."""
    model = count_model(ident, ("name",))
    with store.writing() as connection, Session(connection) as session:
        schema.create_missing(connection, [model])
        aside.show(connection, ident, model)
        model.add(session, {(int(NOW), key): 3 for key in keys})
        session.flush()
    return model


def rows(connection: Connection, ident: str) -> list[tuple[object, ...]]:
    view = f'statscache."{views.name(ident)}"'
    return [tuple(one) for one in connection.exec_driver_sql(f"SELECT * FROM {view} ORDER BY 2")]


def test_times_have_a_zone_and_there_is_no_id(store: Store) -> None:
    made(store, "names-1s", "a", "b")
    at = datetime.fromtimestamp(NOW, UTC)
    with store.reading() as connection:
        found = connection.exec_driver_sql("SELECT * FROM statscache.names_1s ORDER BY name").all()
    assert [one._asdict() for one in found] == [
        {"timestamp": at, "name": "a", "volume": 3},
        {"timestamp": at, "name": "b", "volume": 3},
    ]


@pytest.mark.parametrize("ident", [LONG, "größe & co", 'a"b%s:c'])
def test_whatever_the_statistic_is_called(store: Store, ident: str) -> None:
    made(store, ident, "a")
    with store.reading() as connection:
        assert len(rows(connection, ident)) == 1


def test_a_reader_reads_the_views_also_those_of_later_statistics(
    store: Store, reader: Connection
) -> None:
    made(store, "later-1s", "a")
    assert len(rows(reader, "later-1s")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM stat_names_1s",
        "SELECT * FROM statscache_dead_letter",
        "DELETE FROM statscache.names_1s",
        "SET default_transaction_read_only = off; DELETE FROM statscache.names_1s",
        "CREATE VIEW statscache.mine AS SELECT 1",
    ],
)
def test_a_reader_does_nothing_else(store: Store, reader: Connection, statement: str) -> None:
    made(store, "names-1s", "a")
    with pytest.raises(sa.exc.DBAPIError, match=r"permission denied|read-only transaction"):
        reader.exec_driver_sql(statement)
    assert len(rows(reader, "names-1s")) == 1


def test_while_rows_are_counted_anew_the_old_ones_are_shown(
    store: Store, reader: Connection
) -> None:
    model = made(store, "names-1s", "a")
    with store.writing() as connection:
        aside.put(connection, "names-1s", model)
        owed.recall(connection, "names-1s", 0, 0, NOW, 9, NOW)
    made(store, "names-1s", "b", "c")
    assert [row[1] for row in rows(reader, "names-1s")] == ["a"]
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE statscache_owed SET healed = 1")
        aside.drop(connection, ["names-1s"])
        aside.show(connection, "names-1s", model)
    assert [row[1] for row in rows(reader, "names-1s")] == ["b", "c"]


def test_a_view_that_is_right_is_left_alone(store: Store) -> None:
    """Whoever reads it just now would make the daemon wait."""
    number = "SELECT 'statscache.names_1s'::regclass::oid"
    made(store, "names-1s", "a")
    with store.reading() as connection:
        before = connection.exec_driver_sql(number).scalar()
    made(store, "names-1s")
    with store.reading() as connection:
        assert connection.exec_driver_sql(number).scalar() == before


def test_who_may_not_make_views_counts_without(store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE ROLE counting")
        connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO counting")
        connection.exec_driver_sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO counting")
    try:
        with store.writing() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE counting")
            model = count_model("names-1s", ("name",))
            schema.create_missing(connection, [model])
            aside.show(connection, "names-1s", model)
        with store.reading() as connection, pytest.raises(ProgrammingError, match="not exist"):
            rows(connection, "names-1s")
    finally:
        with store.writing() as connection:
            connection.exec_driver_sql("DROP OWNED BY counting")
            connection.exec_driver_sql("DROP ROLE counting")


def test_sqlite_has_no_views(sqlite_uri: str) -> None:
    store = Store(sqlite_uri)
    schema.upgrade(store)
    made(store, "names-1s", "a")
    with store.reading() as connection:
        assert sa.inspect(connection).get_view_names() == []
    store.close()


def test_rows_that_are_folded_on_reading_are_folded_in_the_view(store: Store) -> None:
    visits = distinct_model("visits-1s", ("door",))
    waits = histogram_model("waits-1s", (), (("p50", 5_000), ("p100", 10_000)))
    with store.writing() as connection, Session(connection) as session:
        schema.create_missing(connection, [visits, waits])
        aside.show(connection, "visits-1s", visits)
        aside.show(connection, "waits-1s", waits)
        visits.add(session, {(int(NOW), "front", who): 2 for who in ("x", "y")})
        waits.add(session, {(int(NOW), bin_of(5)): 3, (int(NOW), bin_of(7_000)): 2})
        session.flush()
    at = datetime.fromtimestamp(NOW, UTC)
    with store.reading() as connection:
        assert rows(connection, "visits-1s") == [(at, "front", 2, 4)]
        assert rows(connection, "waits-1s") == [(at, 5, float(bin_of(5)), float(bin_of(7_000)))]
        named = [
            list(connection.exec_driver_sql(f"SELECT * FROM statscache.{view}").keys())
            for view in ("visits_1s", "waits_1s")
        ]
    assert named == [
        ["timestamp", "door", "distinct", "volume"],
        ["timestamp", "volume", "p50", "p100"],
    ]


def test_old_rows_of_a_plain_count_are_shown_as_they_were(store: Store, reader: Connection) -> None:
    made(store, "names-1s", "a")
    visits = distinct_model("names-1s-new", ("name",))
    with store.writing() as connection:
        views.show(connection, "names-1s", "stat_names_1s", visits)
    assert [row[1:] for row in rows(reader, "names-1s")] == [("a", 3)]
