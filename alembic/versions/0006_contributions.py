"""The tables of the statistics of contributions, Pagure, Koji and Bodhi."""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
TIME = sa.DateTime().with_variant(sa.Float(), "sqlite")

HIDDEN = ("member", "bin")
"""Key columns that nobody asks for."""

TABLES: dict[str, tuple[str, ...]] = {
    "stat_active_contributors_1d": ("member",),
    "stat_active_contributors_by_category_1d": ("category", "member"),
    "stat_bodhi_time_to_stable_1d": ("release", "type", "bin"),
    "stat_bodhi_updates_1d": ("status", "type"),
    "stat_contributions_by_user_1d": ("user", "category"),
    "stat_koji_builds_1h": ("release", "state"),
    "stat_koji_builds_1d": ("release", "state"),
    "stat_pagure_contributions_1d": (),
    "stat_pagure_contributions_by_project_1d": ("project",),
    "stat_pagure_contributions_by_user_1d": ("user",),
}


def upgrade() -> None:
    for name, keys in TABLES.items():
        create(name, keys)


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)


def create(name: str, keys: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("timestamp", TIME, nullable=False),
        *(sa.Column(column, KEY, nullable=False) for column in keys),
        sa.Column("volume", BIG, nullable=False),
        sa.Column("id", BIG, primary_key=True),
        sa.UniqueConstraint("timestamp", *keys, name=f"{name}_key"),
    )
    shown = [key for key in keys if key not in HIDDEN]
    if shown:
        op.create_index(f"{name}_history", name, [*shown, "timestamp"])
