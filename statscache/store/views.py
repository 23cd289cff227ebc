"""Views for whoever reads with SQL: on PostgreSQL each statistic has one in a schema of ours.

They keep their names and columns, whichever table the rows stand in: Grafana, Superset and people
read these, and no table of ours.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..models.count import TABLE_PREFIX, table_name

SCHEMA = "statscache"

_MAY_CREATE = sa.text(
    "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = :schema"
)
_COMMENT = sa.text("SELECT obj_description(to_regclass(:view), 'pg_class')")


def name(ident: str) -> str:
    """The name of the view of the statistic `ident`: `volume_by_topic_1h`."""
    return table_name(ident).removeprefix(TABLE_PREFIX)


def show(connection: Connection, ident: str, table: str) -> None:
    """Let the view of the statistic `ident` show the rows of `table`.

    Its times are `timestamptz`, and there is no id. Nothing happens where it does so already, on
    SQLite, and where this user may not make views in our schema.
    """
    if not _may_create(connection):
        return
    columns = sa.inspect(connection).get_columns(table)
    shown = {column["name"]: column["type"] for column in columns if column["name"] != "id"}
    comment = f"The rows of {ident}, from {table}: {', '.join(shown)}"
    view = _full_name(connection, ident)
    if connection.execute(_COMMENT, {"view": view}).scalar() == comment:
        return
    quote = connection.dialect.identifier_preparer.quote
    selected = ", ".join(_selected(connection, shown))
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")
    connection.exec_driver_sql(f"CREATE VIEW {view} AS SELECT {selected} FROM {quote(table)}")
    # A comment takes no bound parameter.
    literal = sa.literal(comment).compile(
        dialect=connection.dialect, compile_kwargs={"literal_binds": True}
    )
    connection.execute(sa.text(f"COMMENT ON VIEW {view} IS {literal}".replace(":", r"\:")))


def hide(connection: Connection, ident: str) -> None:
    """Drop the view of `ident`, so that the table behind it can be changed."""
    if _may_create(connection):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {_full_name(connection, ident)}")


def reader(connection: Connection, role: str) -> Iterator[str]:
    """The SQL, a statement each, that makes `role` one who reads the views and nothing else.

    For PostgreSQL: SQLite has no roles.
    """
    quote = connection.dialect.identifier_preparer.quote
    database, owner = connection.execute(sa.text("SELECT current_database(), current_user")).one()
    who, schema = quote(role), quote(SCHEMA)
    yield f"CREATE ROLE {who} LOGIN"
    yield f"ALTER ROLE {who} SET default_transaction_read_only = on"
    yield f"ALTER ROLE {who} SET statement_timeout = '60s'"
    yield f"GRANT CONNECT ON DATABASE {quote(database)} TO {who}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {who}"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {who}"
    # And on those that are made later, or made anew.
    yield (
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote(owner)} IN SCHEMA {schema} "
        f"GRANT SELECT ON TABLES TO {who}"
    )


def _may_create(connection: Connection) -> bool:
    if connection.dialect.name != "postgresql":
        return False
    return bool(connection.execute(_MAY_CREATE, {"schema": SCHEMA}).scalar())


def _full_name(connection: Connection, ident: str) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"{quote(SCHEMA)}.{quote(name(ident))}"


def _selected(
    connection: Connection, columns: dict[str, sa.types.TypeEngine[object]]
) -> Iterator[str]:
    quote = connection.dialect.identifier_preparer.quote
    for column, kind in columns.items():
        if isinstance(kind, sa.DateTime) and not kind.timezone:
            yield f"{quote(column)} AT TIME ZONE 'UTC' AS {quote(column)}"
        else:
            yield quote(column)
