"""The table of the audit statistic."""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime().with_variant(sa.Float(), "sqlite")

TABLE = "stat_audit_1m"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("timestamp", TIME, nullable=False),
        sa.Column("late", BIG, nullable=False),
        sa.Column("fingerprint_1", BIG, nullable=False),
        sa.Column("fingerprint_2", BIG, nullable=False),
        sa.Column("volume", BIG, nullable=False),
        sa.Column("id", BIG, primary_key=True),
        sa.UniqueConstraint("timestamp", name=f"{TABLE}_key"),
    )


def downgrade() -> None:
    op.drop_table(TABLE)
