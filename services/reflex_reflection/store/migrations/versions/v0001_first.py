"""Memories, their evidence, the audit and the full-text index."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reflex_memory",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("id", sa.String(512), nullable=False),
        sa.Column("ts", sa.String(64), nullable=False),
        sa.Column("ts_seconds", sa.Double, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.Column("vector_model", sa.String(64)),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("deleted_at", sa.Double),
        sa.UniqueConstraint("owner", "id", name="reflex_memory_id"),
    )
    op.create_index("reflex_memory_by_time", "reflex_memory", ["owner", "ts_seconds", "id"])
    op.create_index("reflex_memory_by_expiry", "reflex_memory", ["expires_at"])
    op.create_index(
        "reflex_memory_content",
        "reflex_memory",
        ["owner", "content_sha256"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "reflex_memory_evidence",
        sa.Column(
            "memory",
            sa.Integer,
            sa.ForeignKey("reflex_memory.seq", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("memory_id", sa.String(512), nullable=False),
        sa.Column("turn_id", sa.Integer, nullable=False),
        sa.Column("input_sha256", sa.String(64), nullable=False),
        sa.Column("snippet_ids", sa.Text, nullable=False),
        sa.UniqueConstraint("memory", "memory_id", name="reflex_memory_evidence_once"),
    )
    op.create_index("reflex_memory_evidence_by_id", "reflex_memory_evidence", ["memory_id"])
    op.create_table(
        "reflex_memory_audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("memory_id", sa.String(512), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
    )
    op.create_index("reflex_memory_audit_by_owner", "reflex_memory_audit", ["owner", "seq"])
    # The words are split by us already, so that the index and a query split them alike.
    op.execute(
        "CREATE VIRTUAL TABLE reflex_memory_words USING fts5(owner, words,"
        " tokenize = \"unicode61 remove_diacritics 0 tokenchars '_'\")"
    )
