"""The framework's own tables. All times are epoch seconds, UTC."""

from __future__ import annotations

import sqlalchemy as sa

from ..models.columns import BigInt, Key

# Why something is owed, or was brought.
ASKED = "asked for"
BEFORE_THE_PLUGIN = "before the plugin"
JOURNAL_DAMAGED = "the journal was damaged"
JOURNAL_LOST = "the journal was lost"
NOT_LISTENING = "not listening"
RECALLED = "recalled"
REPLAYED = "replayed"
TRIMMED = "trimmed before it was counted"

NO_GAPS = (ASKED, BEFORE_THE_PLUGIN, REPLAYED)
"""What is owed for these reasons leaves no gap in what was counted."""

metadata = sa.MetaData()

owner = sa.Table(
    "statscache_owner",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, comment="always 1"),
    sa.Column("journal", sa.String(36), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("path", sa.Text, nullable=False, comment="of the journal, on that host"),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("token", sa.String(36), nullable=False, comment="of the daemon that may count"),
    sa.Column("beat", sa.Double, nullable=False, comment="when that daemon last said it lives"),
)

checkpoint = sa.Table(
    "statscache_checkpoint",
    metadata,
    sa.Column("ident", Key, primary_key=True),
    sa.Column("journal", sa.String(36), nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False, comment="the last one counted"),
    sa.Column("origin", sa.BigInteger, nullable=False, comment="where the plugin joined"),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="rises whenever rows change"),
    sa.Column("tag", sa.BigInteger, nullable=True, comment="random, another whenever rows change"),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("complete_until", sa.Double, nullable=False, comment="arrivals counted until"),
    sa.Column("horizon", sa.Double, nullable=False, comment="no rows before this window"),
    sa.Column("counted", sa.BigInteger, nullable=False),
    sa.Column("expired", sa.BigInteger, nullable=False),
    sa.Column("suspended", sa.Text, nullable=True, comment="why, or null"),
    sa.Column("created", sa.Double, nullable=False),
)

dead_letter = sa.Table(
    "statscache_dead_letter",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("ident", Key, nullable=False, index=True),
    sa.Column("message_id", Key, nullable=False),
    sa.Column("arrived", sa.Double, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("traceback", sa.Text, nullable=False),
    sa.Column("set_aside", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
)

owed = sa.Table(
    "statscache_owed",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("addressee", Key, nullable=False, comment="an ident, or empty: everybody"),
    sa.Column("start", sa.Double, nullable=False),
    sa.Column("stop", sa.Double, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("opened", sa.Double, nullable=False),
    sa.Column("healed", sa.Double, nullable=True),
    sa.Column("accepted", sa.Double, nullable=True, comment="when it was given up"),
    sa.Column("reached", sa.Double, nullable=True, comment="history has been read up to here"),
    sa.Column("filled", sa.BigInteger, nullable=True, comment="position: nothing comes behind it"),
    sa.Column(
        "brought",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="messages that history brought",
    ),
    sa.Column("after", sa.BigInteger, nullable=True, comment="position: not handed above it"),
    sa.Column("until", sa.BigInteger, nullable=True, comment="position: and up to this one"),
)

coverage = sa.Table(
    "statscache_coverage",
    metadata,
    sa.Column("journal", sa.String(36), primary_key=True),
    sa.Column("start", sa.Double, primary_key=True),
    sa.Column("stop", sa.Double, nullable=False),
)

refused = sa.Table(
    "statscache_refused",
    metadata,
    sa.Column("journal", sa.String(36), primary_key=True),
    sa.Column("reason", Key, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("last", sa.Double, nullable=False),
    sa.Column("example", sa.Text, nullable=False),
)

change = sa.Table(
    "statscache_change",
    metadata,
    sa.Column("id", BigInt, primary_key=True),
    sa.Column("ident", Key, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("timestamp", sa.Double, nullable=True, comment="of the row; null: read all again"),
    sa.Column("key", sa.Text, nullable=True, comment="JSON object of the key columns"),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("statscache_change_revision", "ident", "revision"),
)

meter = sa.Table(
    "statscache_meter",
    metadata,
    sa.Column("name", Key, primary_key=True, comment="of a counter or gauge of the daemon"),
    sa.Column("label", Key, primary_key=True, comment="what it is about, or empty"),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)

erased = sa.Table(
    "statscache_erased",
    metadata,
    sa.Column("mark", sa.String(64), primary_key=True, comment="HMAC-SHA256 of an account"),
    sa.Column("at", sa.Double, nullable=False),
)

erased_key = sa.Table(
    "statscache_erased_key",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, comment="always 1"),
    sa.Column("key", sa.String(64), nullable=False, comment="of the HMAC, hexadecimal"),
)
