"""How Alembic reaches the tables of the framework and of the built-in statistics."""

import sqlalchemy as sa

from alembic import context
from statscache.store import schema

config = context.config


def migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=schema.metadata(),
        version_table=schema.VERSION_TABLE,
        include_object=schema.is_ours,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with sa.create_engine(config.get_main_option("sqlalchemy.url")).begin() as connection:
        migrate(connection)
