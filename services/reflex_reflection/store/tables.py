"""The tables, the same on SQLite and PostgreSQL. `migrations` makes them; a test holds that.

Times are seconds since 1970 UTC; a memory's own time is also kept as it was given. JSON is ASCII.
What decides an order is compared by bytes in both databases.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA: Final = MetaData()

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A number that counts up by itself: SQLite does that for its own integers only."""
NAME: Final = String(512).with_variant(String(512, collation="C"), "postgresql")
"""Names of memories; they decide the order of equals."""
_LIVE: Final = text("deleted_at IS NULL")

OWNERS: Final = Table(
    "reflex_memory_owner",
    METADATA,
    Column("owner", String(200), primary_key=True),
    # Of the memories that are not deleted; whoever writes for an owner holds this row.
    Column("memories", BigInteger, nullable=False),
    Column("words", BigInteger, nullable=False),
)

MEMORIES: Final = Table(
    "reflex_memory",
    METADATA,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    Column("owner", String(200), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("id", NAME, nullable=False),
    Column("ts", String(64), nullable=False),
    Column("ts_seconds", Double, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("tags", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("words", Integer, nullable=False),
    # The hash embedding; vectors of models are in a table of their own.
    Column("vector", LargeBinary),
    Column("seen", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("deleted_at", Double),
    UniqueConstraint("owner", "id", name="reflex_memory_id"),
    Index(
        "reflex_memory_by_time", "owner", "ts_seconds", "id",
        sqlite_where=_LIVE, postgresql_where=_LIVE,
    ),
    Index(
        "reflex_memory_by_expiry", "owner", "expires_at",
        sqlite_where=_LIVE, postgresql_where=_LIVE,
    ),
    Index("reflex_memory_by_deletion", "owner", "deleted_at"),
    # What an owner says twice is one memory; a deleted one does not stand in the way.
    Index(
        "reflex_memory_content", "owner", "content_sha256", unique=True,
        sqlite_where=_LIVE, postgresql_where=_LIVE,
    ),
)  # fmt: skip

EMBEDDINGS: Final = Table(
    "reflex_memory_embedding",
    METADATA,
    Column("memory", NUMBER, ForeignKey("reflex_memory.seq", ondelete="CASCADE"), primary_key=True),
    # Vectors of two models are never compared, so the model's name holds its version.
    Column("model", String(200), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Index("reflex_memory_embedding_by_model", "model", "memory"),
)

EVIDENCE: Final = Table(
    "reflex_memory_evidence",
    METADATA,
    Column("memory", NUMBER, ForeignKey("reflex_memory.seq", ondelete="CASCADE"), nullable=False),
    Column("memory_id", NAME, nullable=False),
    Column("turn_id", BigInteger, nullable=False),
    Column("input_sha256", String(64), nullable=False),
    Column("snippet_ids", Text, nullable=False),
    UniqueConstraint("memory", "memory_id", name="reflex_memory_evidence_once"),
    Index("reflex_memory_evidence_by_id", "memory_id"),
)

AUDIT: Final = Table(
    "reflex_memory_audit",
    METADATA,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(16), nullable=False),
    Column("memory_id", NAME, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Index("reflex_memory_audit_by_owner", "owner", "seq"),
)

WORDS: Final = "reflex_memory_words"
"""The full-text index: a row for each memory that is not deleted, by its `seq`; see `words`."""
