"""The tables. `migrations` makes them; a test holds that both agree.

Times are seconds since 1970 UTC; a memory's own time is also kept as it was given. JSON is ASCII.
"""

from typing import Final

from sqlalchemy import (
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

MEMORIES: Final = Table(
    "reflex_memory",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("owner", String(200), nullable=False),
    Column("id", String(512), nullable=False),
    Column("ts", String(64), nullable=False),
    Column("ts_seconds", Double, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("tags", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("vector", LargeBinary),
    # Vectors of two models are never compared.
    Column("vector_model", String(64)),
    Column("seen", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("deleted_at", Double),
    UniqueConstraint("owner", "id", name="reflex_memory_id"),
    Index("reflex_memory_by_time", "owner", "ts_seconds", "id"),
    Index("reflex_memory_by_expiry", "expires_at"),
    # What an owner says twice is one memory; a deleted one does not stand in the way.
    Index(
        "reflex_memory_content",
        "owner",
        "content_sha256",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

EVIDENCE: Final = Table(
    "reflex_memory_evidence",
    METADATA,
    Column("memory", Integer, ForeignKey("reflex_memory.seq", ondelete="CASCADE"), nullable=False),
    Column("memory_id", String(512), nullable=False),
    Column("turn_id", Integer, nullable=False),
    Column("input_sha256", String(64), nullable=False),
    Column("snippet_ids", Text, nullable=False),
    UniqueConstraint("memory", "memory_id", name="reflex_memory_evidence_once"),
    Index("reflex_memory_evidence_by_id", "memory_id"),
)

AUDIT: Final = Table(
    "reflex_memory_audit",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(16), nullable=False),
    Column("memory_id", String(512), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Index("reflex_memory_audit_by_owner", "owner", "seq"),
)

WORDS: Final = "reflex_memory_words"
"""The full-text index: a row for each memory that is not deleted, by its `seq`."""
