"""The bridge to Label Studio: links, tasks, people and annotations."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON(none_as_null=True)
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the four tables."""
    op.create_table(
        "label_studio_project",
        sa.Column("id", BIG_ID, primary_key=True),
        _reference("project", index=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("number", BIG_ID),
        sa.Column("criterion", sa.String(), nullable=False),
        sa.Column("layout", sa.String(), nullable=False),
        sa.Column("tiers", sa.Integer(), nullable=False),
        sa.Column("seed", BIG_ID, nullable=False),
        sa.Column("token_env", sa.String(), nullable=False),
        sa.Column("webhook_hash", sa.String()),
        sa.Column("guidelines", PLAIN_JSON, nullable=False),
        sa.Column("pulled_to", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.CheckConstraint("layout IN ('ranker', 'pairwise')", name="layout"),
    )
    op.create_table(
        "label_studio_task",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("link_id", BIG_ID, sa.ForeignKey("label_studio_project.id"), nullable=False),
        _reference("comparison", index=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("shown_order", PLAIN_JSON, nullable=False),
        sa.Column("item_ids", PLAIN_JSON, nullable=False),
        sa.Column("number", BIG_ID),
        sa.UniqueConstraint("link_id", "comparison_id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "label_studio_person",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        _reference("annotator", index=True),
        sa.UniqueConstraint("url", "person"),
    )
    op.create_table(
        "label_studio_annotation",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("task_id", BIG_ID, sa.ForeignKey("label_studio_task.id"), nullable=False),
        sa.Column("number", BIG_ID, nullable=False),
        sa.Column("person_id", BIG_ID, sa.ForeignKey("label_studio_person.id"), nullable=False, index=True),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("submission_id", BIG_ID, sa.ForeignKey("submission.id"), index=True),
        sa.Column("problem", sa.String()),
        sa.Column("seen_at", TIME, nullable=False),
        sa.UniqueConstraint("task_id", "number"),
        sa.CheckConstraint("state IN ('taken', 'rejected', 'deleted')", name="state"),
    )


def _reference(table: str, *, index: bool) -> sa.Column[int]:
    return sa.Column(f"{table}_id", BIG_ID, sa.ForeignKey(f"{table}.id"), nullable=False, index=index)
