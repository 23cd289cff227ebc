"""Who was erased: keyed hashes of names, and the key."""

import sqlalchemy as sa

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statscache_erased",
        sa.Column("mark", sa.String(64), primary_key=True, comment="HMAC-SHA256 of an account"),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "statscache_erased_key",
        sa.Column("id", sa.Integer, primary_key=True, comment="always 1"),
        sa.Column("key", sa.String(64), nullable=False, comment="of the HMAC, hexadecimal"),
    )


def downgrade() -> None:
    op.drop_table("statscache_erased_key")
    op.drop_table("statscache_erased")
