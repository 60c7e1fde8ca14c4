"""What background work needs: disputes, webhooks and their events, bookmarks, counted figures."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON(none_as_null=True)
TIME = sa.DateTime(timezone=True)
WAITING = "delivered_at IS NULL AND given_up_at IS NULL"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "dispute",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("project_id", BIG_ID, sa.ForeignKey("project.id"), nullable=False),
        sa.Column("comparison_id", BIG_ID, sa.ForeignKey("comparison.id"), nullable=False),
        sa.Column("disagreement", sa.Float(53), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("account_id", BIG_ID, sa.ForeignKey("account.id")),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.UniqueConstraint("comparison_id"),
        sa.CheckConstraint("status IN ('open', 'settled', 'decided', 'dismissed')", name="status"),
    )
    op.create_index("ix_dispute_queue", "dispute", ["project_id", "status", "disagreement"])
    op.create_table(
        "webhook",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("project_id", BIG_ID, sa.ForeignKey("project.id"), nullable=False, index=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", PLAIN_JSON, nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("first_submission", BIG_ID, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("removed_at", TIME),
    )
    op.create_table(
        "webhook_event",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("webhook_id", BIG_ID, sa.ForeignKey("webhook.id"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", PLAIN_JSON, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("delivered_at", TIME),
        sa.Column("given_up_at", TIME),
        sa.UniqueConstraint("webhook_id", "subject"),
    )
    op.create_index(
        "ix_webhook_event_waiting",
        "webhook_event",
        ["webhook_id", "id"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )
    op.create_table(
        "bookmark",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("position", BIG_ID, nullable=False),
    )
    op.create_table(
        "figure",
        sa.Column("project_id", BIG_ID, sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("content", PLAIN_JSON, nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("computed_at", TIME, nullable=False),
    )
