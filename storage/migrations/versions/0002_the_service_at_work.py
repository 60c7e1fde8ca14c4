"""What the service needs at work: leases with names, votes counted, places in the queue, questions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON(none_as_null=True)
TIME = sa.DateTime(timezone=True)
WAITING = "kind = 'ordinary' AND votes < target_overlap"
SPECIAL = "kind <> 'ordinary'"

_COUNTS = """
SELECT count(*) FROM submission s WHERE s.comparison_id = comparison.id
AND s.outcome = 'ranked' AND s.annotator_kind <> 'adjudicator'
AND NOT EXISTS (SELECT 1 FROM submission later WHERE later.supersedes_id = s.id)
AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.submission_id = s.id OR (w.annotator_id = s.annotator_id
                AND (w.project_id IS NULL OR w.project_id = comparison.project_id)))
"""


def upgrade() -> None:
    """Add columns and tables; count the votes and the queue of what is there."""
    # Nothing has written leases or drafts before this revision.
    op.drop_table("lease")
    op.drop_table("draft")
    _make_leases()
    _make_work_tables()
    op.add_column("comparison", sa.Column("votes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("project", sa.Column("policy_applied", sa.String()))
    op.add_column("project", sa.Column("queued", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("guideline_version", sa.Column("changes", sa.String()))
    for name, kind in (
        ("demonstration", sa.String()),
        ("sitting", sa.String()),
        ("gold_agreement", sa.Float(53)),
        ("lease_token", sa.String()),
    ):
        op.add_column("submission", sa.Column(name, kind))
    # SQLite takes a reference only where the column is added; Alembic would add it afterwards.
    integer = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    op.execute(
        f"ALTER TABLE demonstration ADD COLUMN submission_id {integer} "
        "CONSTRAINT fk_demonstration_submission_id_submission REFERENCES submission (id)"
    )
    op.create_index("ix_demonstration_submission_id", "demonstration", ["submission_id"])
    op.create_index("ix_submission_lease_token", "submission", ["lease_token"], unique=True)
    op.create_index("ix_submission_sitting", "submission", ["sitting"])
    op.drop_index("ix_submission_annotator_id", "submission")
    op.create_index("ix_submission_annotator_id_id", "submission", ["annotator_id", "id"])
    op.execute(
        f"UPDATE comparison SET votes = ({_COUNTS}) WHERE id IN (SELECT comparison_id FROM submission)"
    )
    op.execute(
        "UPDATE comparison SET target_overlap = 0 WHERE id NOT IN "
        "(SELECT comparison_id FROM comparison_item WHERE position = 1)"
    )
    op.execute(
        "UPDATE project SET queued = "
        f"(SELECT count(*) FROM comparison WHERE project_id = project.id AND {WAITING})"
    )
    op.create_index(
        "ix_comparison_queue",
        "comparison",
        ["project_id", sa.text("priority DESC"), "id"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )
    op.create_index(
        "ix_comparison_special",
        "comparison",
        ["project_id", "kind", "id"],
        sqlite_where=sa.text(SPECIAL),
        postgresql_where=sa.text(SPECIAL),
    )


def _make_leases() -> None:
    op.create_table(
        "lease",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("comparison_id", BIG_ID, sa.ForeignKey("comparison.id"), nullable=False),
        sa.Column("annotator_id", BIG_ID, sa.ForeignKey("annotator.id"), nullable=False, index=True),
        sa.Column("token", sa.String(), nullable=False, index=True, unique=True),
        sa.Column("shown_order", PLAIN_JSON, nullable=False),
        sa.Column("revises_id", BIG_ID, sa.ForeignKey("submission.id"), index=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False, index=True),
        sa.UniqueConstraint("comparison_id", "annotator_id"),
    )
    op.create_table(
        "draft",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("comparison_id", BIG_ID, sa.ForeignKey("comparison.id"), nullable=False),
        sa.Column("annotator_id", BIG_ID, sa.ForeignKey("annotator.id"), nullable=False, index=True),
        sa.Column("content", PLAIN_JSON, nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.UniqueConstraint("comparison_id", "annotator_id"),
    )


def _make_work_tables() -> None:
    op.create_table(
        "project_annotator",
        _project(),
        _annotator(),
        *(
            sa.Column(name, kind, nullable=False)
            for name, kind in (
                ("submissions", sa.Integer()),
                ("ranked", sa.Integer()),
                ("skipped", sa.Integer()),
                ("seconds", sa.Float(53)),
                ("closed", sa.Integer()),
                ("gold_answered", sa.Integer()),
                ("gold_agreed", sa.Float(53)),
                ("practised", sa.Integer()),
                ("practice_agreed", sa.Float(53)),
                ("qualification", sa.String()),
            )
        ),
        sa.Column("cursor_priority", sa.Float(53)),
        sa.Column("cursor_id", BIG_ID),
        sa.Column("cursor_at", TIME),
        sa.Column("exhausted_at", TIME),
        sa.Column("last_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("qualification IN ('open', 'passed', 'failed')", name="qualification"),
    )
    op.create_table(
        "work_day",
        _project(),
        sa.Column("day", sa.String(), primary_key=True),
        _annotator(),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("ranked", "skipped", "practised", "revised")
        ),
        sa.Column("seconds", sa.Float(53), nullable=False),
    )
    op.create_table(
        "guideline_acknowledgement",
        sa.Column("annotator_id", BIG_ID, sa.ForeignKey("annotator.id"), primary_key=True),
        sa.Column("guideline_version_id", BIG_ID, sa.ForeignKey("guideline_version.id"), primary_key=True),
        sa.Column("at", TIME, nullable=False),
    )
    op.create_table(
        "question",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("project_id", BIG_ID, sa.ForeignKey("project.id"), nullable=False, index=True),
        sa.Column("annotator_id", BIG_ID, sa.ForeignKey("annotator.id"), nullable=False, index=True),
        sa.Column("comparison_id", BIG_ID, sa.ForeignKey("comparison.id")),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("answer", sa.String()),
        sa.Column("answered_by_id", BIG_ID, sa.ForeignKey("account.id")),
        sa.Column("answered_at", TIME),
    )


def _project() -> sa.Column[int]:
    return sa.Column("project_id", BIG_ID, sa.ForeignKey("project.id"), primary_key=True)


def _annotator() -> sa.Column[int]:
    return sa.Column("annotator_id", BIG_ID, sa.ForeignKey("annotator.id"), primary_key=True, index=True)
