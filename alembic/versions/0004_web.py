"""What the web tells: whether rows changed, what the daemon measures, and views for others."""

import secrets

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
VIEWS = "statscache"


def upgrade() -> None:
    op.add_column(
        "statscache_checkpoint",
        sa.Column(
            "tag", sa.BigInteger, nullable=True, comment="random, another whenever rows change"
        ),
    )
    # Never one that was there before, also where this is run on an old backup.
    checkpoint = sa.table("statscache_checkpoint", sa.column("tag", sa.BigInteger))
    op.execute(sa.update(checkpoint).values(tag=secrets.randbits(63)))
    op.create_table(
        "statscache_meter",
        sa.Column("name", KEY, primary_key=True, comment="of a counter or gauge of the daemon"),
        sa.Column("label", KEY, primary_key=True, comment="what it is about, or empty"),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {VIEWS}")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP SCHEMA IF EXISTS {VIEWS} CASCADE")
    op.drop_table("statscache_meter")
    with op.batch_alter_table("statscache_checkpoint") as table:
        table.drop_column("tag")
