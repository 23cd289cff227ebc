"""What history has brought of what is owed."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLE = "statscache_owed"
TIMES = {
    "accepted": "when it was given up",
    "reached": "history has been read up to here",
}
POSITIONS = {
    "filled": "position: nothing comes behind it",
    "after": "position: not handed above it",
    "until": "position: and up to this one",
}


def upgrade() -> None:
    for name, comment in TIMES.items():
        op.add_column(TABLE, sa.Column(name, sa.Double, nullable=True, comment=comment))
    for name, comment in POSITIONS.items():
        op.add_column(TABLE, sa.Column(name, sa.BigInteger, nullable=True, comment=comment))
    op.add_column(
        TABLE,
        sa.Column(
            "brought",
            sa.BigInteger,
            nullable=False,
            server_default="0",
            comment="messages that history brought",
        ),
    )


def downgrade() -> None:
    with op.batch_alter_table(TABLE) as table:
        for name in ("brought", *POSITIONS, *TIMES):
            table.drop_column(name)
