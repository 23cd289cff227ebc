"""Views for whoever reads with SQL: on PostgreSQL each statistic has one in a schema of ours.

They keep their names and columns, whichever table the rows stand in: Grafana, Superset and people
read these, and no table of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..models import BaseModel, CountModel
from ..models.count import TABLE_PREFIX, table_name

SCHEMA = "statscache"

_MAY_CREATE = sa.text(
    "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = :schema"
)
_COMMENT = sa.text("SELECT obj_description(to_regclass(:view), 'pg_class')")


def name(ident: str) -> str:
    """The name of the view of the statistic `ident`: `volume_by_topic_1h`."""
    return table_name(ident).removeprefix(TABLE_PREFIX)


def show(connection: Connection, ident: str, table: str, model: type[BaseModel]) -> None:
    """Let the view of the statistic `ident` show the rows of `table`, folded as `model` does it.

    Its times are `timestamptz`, and there is no id. Nothing happens where it does so already, on
    SQLite, and where this user may not make views in our schema.
    """
    if not _may_create(connection):
        return
    shown = _shown(connection, table, model)
    comment = f"The rows of {ident}, from {table}: {', '.join(shown.selected_columns.keys())}"
    view = _full_name(connection, ident)
    if connection.execute(_COMMENT, {"view": view}).scalar() == comment:
        return
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")
    connection.exec_driver_sql(f"CREATE VIEW {view} AS {_literal(connection, shown)}")
    # A comment takes no bound parameter.
    text = _literal(connection, sa.literal(comment))
    connection.execute(sa.text(f"COMMENT ON VIEW {view} IS {text}".replace(":", r"\:")))


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


def _shown(connection: Connection, table: str, model: type[BaseModel]) -> sa.Select[Any]:
    """What the view selects."""
    rows = _rows(connection, table)
    if not issubclass(model, CountModel) or model.hidden_key is None:
        return rows
    found = rows.subquery()
    group, stored = ("timestamp", *model.shown_by()), model.folded_columns()
    if not {*group, *stored} <= {*found.c.keys()}:
        # Rows that stand aside, from another version.
        return rows
    columns = {name: found.c[name] for name in stored}
    return model.fold([found.c[name] for name in group], columns, model.figures)


def _rows(connection: Connection, table: str) -> sa.Select[Any]:
    """The rows of `table`, without ids, as they are stored."""
    stored = {
        column["name"]: column["type"]
        for column in sa.inspect(connection).get_columns(table)
        if column["name"] != "id"
    }
    source = sa.table(table, *map(sa.column, stored))
    return sa.select(
        *(
            sa.func.timezone("UTC", column).label(name) if _is_naive(stored[name]) else column
            for name, column in source.c.items()
        )
    )


def _is_naive(kind: sa.types.TypeEngine[Any]) -> bool:
    return isinstance(kind, sa.DateTime) and not kind.timezone


def _literal(connection: Connection, clause: sa.ClauseElement) -> str:
    """The SQL with its values in it."""
    options = {"literal_binds": True}
    return str(clause.compile(dialect=connection.dialect, compile_kwargs=options))
