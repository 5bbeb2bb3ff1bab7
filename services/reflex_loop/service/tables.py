"""The tables. `migrations` makes them; a test holds that both agree, on SQLite and PostgreSQL.

Times are seconds since 1970 UTC. JSON is kept as ASCII text: no database has to understand it, and
text that a client sent (NUL, lone surrogates) can be kept in every one of them.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA: Final = MetaData()

REPAIRS: Final = Table(
    "reflex_repair",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("not_before", Double, nullable=False),
    Column("options", Text, nullable=False),
    Column("idempotency_key", String(255)),
    Column("request_sha256", String(64), nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    # The lease: who works on it, until when, and the how-manieth to do so.
    Column("holder", String(64), nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("changed", Text, nullable=False),
    Column("deleted", Text, nullable=False),
    Column("result", Text),
    Column("error", Text),
    UniqueConstraint("owner", "idempotency_key", name="reflex_repair_idempotency"),
    Index("reflex_repair_by_owner", "owner", "created_at"),
    Index("reflex_repair_by_status", "status", "created_at"),
)

# Archives in pieces, so that nobody holds a whole one in memory: `upload`, `checkpoint`, `result`.
BLOBS: Final = Table(
    "reflex_repair_blob",
    METADATA,
    Column("repair", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("created_at", Double, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

EVENTS: Final = Table(
    "reflex_repair_event",
    METADATA,
    Column("repair", String(32), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
)

DECISIONS: Final = Table(
    "reflex_decision",
    METADATA,
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("id", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("repair", String(32), nullable=False),
    Column("request", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("reflex_decision_by_owner", "owner", "seq"),
    Index("reflex_decision_by_repair", "repair", "seq"),
)
