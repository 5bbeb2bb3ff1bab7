"""Memories, their evidence, vectors of models, the audit and the full-text index."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")
LIVE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reflex_memory_owner",
        sa.Column("owner", sa.String(200), primary_key=True),
        sa.Column("memories", sa.BigInteger, nullable=False),
        sa.Column("words", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "reflex_memory",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("ts", sa.String(64), nullable=False),
        sa.Column("ts_seconds", sa.Double, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("deleted_at", sa.Double),
        sa.UniqueConstraint("owner", "id", name="reflex_memory_id"),
    )
    for name, columns, unique in (
        ("reflex_memory_by_time", ["owner", "ts_seconds", "id"], False),
        ("reflex_memory_by_expiry", ["owner", "expires_at"], False),
        ("reflex_memory_content", ["owner", "content_sha256"], True),
    ):
        op.create_index(
            name, "reflex_memory", columns, unique=unique, sqlite_where=LIVE, postgresql_where=LIVE
        )
    op.create_index("reflex_memory_by_deletion", "reflex_memory", ["owner", "deleted_at"])
    op.create_table(
        "reflex_memory_embedding",
        sa.Column("memory", NUMBER, _of_a_memory(), primary_key=True),
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_index(
        "reflex_memory_embedding_by_model", "reflex_memory_embedding", ["model", "memory"]
    )
    op.create_table(
        "reflex_memory_evidence",
        sa.Column("memory", NUMBER, _of_a_memory(), nullable=False),
        sa.Column("memory_id", NAME, nullable=False),
        sa.Column("turn_id", sa.BigInteger, nullable=False),
        sa.Column("input_sha256", sa.String(64), nullable=False),
        sa.Column("snippet_ids", sa.Text, nullable=False),
        sa.UniqueConstraint("memory", "memory_id", name="reflex_memory_evidence_once"),
    )
    op.create_index("reflex_memory_evidence_by_id", "reflex_memory_evidence", ["memory_id"])
    op.create_table(
        "reflex_memory_audit",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("memory_id", NAME, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
    )
    op.create_index("reflex_memory_audit_by_owner", "reflex_memory_audit", ["owner", "seq"])
    # Words come as tokens of plain ASCII, so that both databases see the very same words.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE reflex_memory_words USING fts5("
            "words, tokenize = \"ascii tokenchars '_-'\", detail = none, columnsize = 0)"
        )
    else:
        op.execute(
            "CREATE TABLE reflex_memory_words ("
            "seq BIGINT PRIMARY KEY REFERENCES reflex_memory (seq) ON DELETE CASCADE,"
            " words TSVECTOR NOT NULL)"
        )
        op.execute(
            "CREATE INDEX reflex_memory_words_index ON reflex_memory_words USING gin (words)"
        )


def downgrade() -> None:
    """Remove the tables, with all memories."""
    op.execute("DROP TABLE reflex_memory_words")
    for name in ("audit", "evidence", "embedding"):
        op.drop_table(f"reflex_memory_{name}")
    op.drop_table("reflex_memory")
    op.drop_table("reflex_memory_owner")


def _of_a_memory() -> sa.ForeignKey:
    return sa.ForeignKey("reflex_memory.seq", ondelete="CASCADE")
