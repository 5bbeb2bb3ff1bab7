"""Repairs, their events and archives, decisions, and the cloud budget."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables; those of the budget may be there already."""
    op.create_table(
        "reflex_repair",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("not_before", sa.Double, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("changed", sa.Text, nullable=False),
        sa.Column("deleted", sa.Text, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("owner", "idempotency_key", name="reflex_repair_idempotency"),
    )
    op.create_index("reflex_repair_by_owner", "reflex_repair", ["owner", "created_at"])
    op.create_index("reflex_repair_by_status", "reflex_repair", ["status", "created_at"])
    op.create_table(
        "reflex_repair_blob",
        sa.Column("repair", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "reflex_repair_event",
        sa.Column("repair", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "reflex_decision",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("repair", sa.String(32), nullable=False),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("reflex_decision_by_owner", "reflex_decision", ["owner", "seq"])
    op.create_index("reflex_decision_by_repair", "reflex_decision", ["repair", "seq"])
    _budget()


def _budget() -> None:
    # A budget file of the command line may be here already, with these tables in it.
    op.create_table(
        "reflex_budget_window",
        sa.Column("key", sa.String(10), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("warned", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "reflex_budget_reservation",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("month", sa.String(10), nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("price_version", sa.String(64), nullable=False),
        sa.Column("overflow", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "reflex_budget_override",
        sa.Column("created_at", sa.String(32), primary_key=True),
        sa.Column("actor", sa.String(255), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Take away what this step made; the budget's tables stay, for what was spent is spent."""
    for table in ("reflex_decision", "reflex_repair_event", "reflex_repair_blob", "reflex_repair"):
        op.drop_table(table)
