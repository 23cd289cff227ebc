"""The framework's tables, and those of the volume statistics."""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
TIME = sa.DateTime().with_variant(sa.Float(), "sqlite")

LENGTHS = ("1s", "5s", "1m", "1h", "1d")
KEYS = (None, "category", "topic", "user", "package")


def upgrade() -> None:
    create_owner()
    create_checkpoint()
    create_dead_letter()
    create_owed()
    create_coverage()
    create_refused()
    create_change()
    for key in KEYS:
        for length in LENGTHS:
            create_volume(volume_table(key, length), key)


def downgrade() -> None:
    for key in KEYS:
        for length in LENGTHS:
            op.drop_table(volume_table(key, length))
    for name in ("change", "refused", "coverage", "owed", "dead_letter", "checkpoint", "owner"):
        op.drop_table(f"statscache_{name}")


def volume_table(key: str | None, length: str) -> str:
    return f"stat_volume_by_{key}_{length}" if key else f"stat_volume_{length}"


def create_volume(name: str, key: str | None) -> None:
    keys = [key] if key else []
    op.create_table(
        name,
        sa.Column("timestamp", TIME, nullable=False),
        *(sa.Column(column, KEY, nullable=False) for column in keys),
        sa.Column("volume", BIG, nullable=False),
        sa.Column("id", BIG, primary_key=True),
        sa.UniqueConstraint("timestamp", *keys, name=f"{name}_key"),
    )
    if keys:
        op.create_index(f"{name}_history", name, [*keys, "timestamp"])


def create_owner() -> None:
    op.create_table(
        "statscache_owner",
        sa.Column("id", sa.Integer, primary_key=True, comment="always 1"),
        sa.Column("journal", sa.String(36), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("path", sa.Text, nullable=False, comment="of the journal, on that host"),
        sa.Column("process", sa.Integer, nullable=False),
        sa.Column("token", sa.String(36), nullable=False, comment="of the daemon that may count"),
        sa.Column("beat", sa.Double, nullable=False, comment="when that daemon last said it lives"),
    )


def create_checkpoint() -> None:
    op.create_table(
        "statscache_checkpoint",
        sa.Column("ident", KEY, primary_key=True),
        sa.Column("journal", sa.String(36), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False, comment="the last one counted"),
        sa.Column("origin", sa.BigInteger, nullable=False, comment="where the plugin joined"),
        sa.Column("revision", sa.BigInteger, nullable=False, comment="rises whenever rows change"),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("complete_until", sa.Double, nullable=False, comment="arrivals counted until"),
        sa.Column("horizon", sa.Double, nullable=False, comment="no rows before this window"),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.Column("expired", sa.BigInteger, nullable=False),
        sa.Column("suspended", sa.Text, nullable=True, comment="why, or null"),
        sa.Column("created", sa.Double, nullable=False),
    )


def create_dead_letter() -> None:
    op.create_table(
        "statscache_dead_letter",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("ident", KEY, nullable=False, index=True),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("arrived", sa.Double, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("traceback", sa.Text, nullable=False),
        sa.Column("set_aside", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
    )


def create_owed() -> None:
    op.create_table(
        "statscache_owed",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("addressee", KEY, nullable=False, comment="an ident, or empty: everybody"),
        sa.Column("start", sa.Double, nullable=False),
        sa.Column("stop", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("opened", sa.Double, nullable=False),
        sa.Column("healed", sa.Double, nullable=True),
    )


def create_coverage() -> None:
    op.create_table(
        "statscache_coverage",
        sa.Column("journal", sa.String(36), primary_key=True),
        sa.Column("start", sa.Double, primary_key=True),
        sa.Column("stop", sa.Double, nullable=False),
    )


def create_refused() -> None:
    op.create_table(
        "statscache_refused",
        sa.Column("journal", sa.String(36), primary_key=True),
        sa.Column("reason", KEY, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("last", sa.Double, nullable=False),
        sa.Column("example", sa.Text, nullable=False),
    )


def create_change() -> None:
    op.create_table(
        "statscache_change",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("ident", KEY, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column(
            "timestamp", sa.Double, nullable=True, comment="of the row; null: read all again"
        ),
        sa.Column("key", sa.Text, nullable=True, comment="JSON object of the key columns"),
        sa.Column("at", sa.Double, nullable=False),
        sa.Index("statscache_change_revision", "ident", "revision"),
    )
