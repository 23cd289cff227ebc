"""The tables of the newest event of each key: of topics, and of release engineering."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
TEXT = sa.UnicodeText().with_variant(sa.UnicodeText(collation="C"), "postgresql")
TIME = sa.DateTime().with_variant(sa.Float(), "sqlite")

TOPICS = "stat_latest_message_per_topic"
RELENG = "stat_release_engineering_event_logs"


def upgrade() -> None:
    create(TOPICS, ("topic",), "payload")
    create(RELENG, ("category", "category_constraint"), "message")
    op.create_index(f"{RELENG}_history", RELENG, ["category", "timestamp"])


def downgrade() -> None:
    op.drop_table(RELENG)
    op.drop_table(TOPICS)


def create(name: str, keys: tuple[str, ...], kept: str) -> None:
    op.create_table(
        name,
        sa.Column("timestamp", TIME, nullable=False, index=True),
        *(sa.Column(column, KEY, nullable=False) for column in keys),
        sa.Column(kept, TEXT, nullable=False),
        sa.Column("id", BIG, primary_key=True),
        sa.UniqueConstraint(*keys, name=f"{name}_key"),
    )
