"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# As in storage/tables/base.py at the time of this migration.
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_ORDERED = sa.String().with_variant(sa.String(collation="C"), "postgresql")
PLAIN_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "annotator",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("pseudonym", BYTE_ORDERED, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('person', 'imported', 'simulated', 'model', 'adjudicator')",
            name=op.f("ck_annotator_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotator")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_annotator_pseudonym")),
    )
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("payload_hash", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("previous_hash", sa.String(), nullable=True),
        sa.Column("hash", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("sequence", name=op.f("uq_audit_sequence")),
    )
    op.create_table(
        "job",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", PLAIN_JSON, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("run_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_job_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_status_run_after", "job", ["status", "run_after"], unique=False)

    op.create_table(
        "project",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("settings", PLAIN_JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("name", name=op.f("uq_project_name")),
    )
    op.create_table(
        "run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("config_hash", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("snapshot_hash", sa.String(), nullable=True),
        sa.Column("summary", PLAIN_JSON, nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("indexed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("folder", name=op.f("uq_run_folder")),
    )
    op.create_index("ix_run_name", "run", ["name"], unique=False)
    op.create_index("ix_run_snapshot_hash", "run", ["snapshot_hash"], unique=False)

    op.create_table(
        "account",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("login", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_account_annotator_id_annotator")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("annotator_id", name=op.f("uq_account_annotator_id")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("snapshot_hash", sa.String(), nullable=True),
        sa.Column("indexed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_checkpoint_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
        sa.UniqueConstraint("hash", name=op.f("uq_checkpoint_hash")),
    )
    op.create_index("ix_checkpoint_run_id", "checkpoint", ["run_id"], unique=False)
    op.create_index("ix_checkpoint_snapshot_hash", "checkpoint", ["snapshot_hash"], unique=False)

    op.create_table(
        "demonstration",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("record_id", BYTE_ORDERED, nullable=False),
        sa.Column("messages", PLAIN_JSON, nullable=False),
        sa.Column("tags", PLAIN_JSON, nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_demonstration_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_demonstration_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demonstration")),
        sa.UniqueConstraint("project_id", "record_id", name=op.f("uq_demonstration_project_id_record_id")),
    )
    op.create_index("ix_demonstration_project_id", "demonstration", ["project_id"], unique=False)

    op.create_table(
        "guideline_version",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("version", BYTE_ORDERED, nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_guideline_version_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guideline_version")),
        sa.UniqueConstraint("project_id", "version", name=op.f("uq_guideline_version_project_id_version")),
    )
    op.create_index("ix_guideline_version_project_id", "guideline_version", ["project_id"], unique=False)

    op.create_table(
        "prompt",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("content", PLAIN_JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_prompt_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt")),
        sa.UniqueConstraint("project_id", "hash", name=op.f("uq_prompt_project_id_hash")),
    )
    op.create_index("ix_prompt_project_id", "prompt", ["project_id"], unique=False)

    op.create_table(
        "run_parent",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("checkpoint_hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_parent_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_parent")),
        sa.UniqueConstraint(
            "run_id", "role", "checkpoint_hash", name=op.f("uq_run_parent_run_id_role_checkpoint_hash")
        ),
    )
    op.create_index("ix_run_parent_checkpoint_hash", "run_parent", ["checkpoint_hash"], unique=False)

    op.create_table(
        "snapshot",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("manifest", PLAIN_JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_snapshot_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("project_id", "content_hash", name=op.f("uq_snapshot_project_id_content_hash")),
    )
    op.create_index("ix_snapshot_project_id", "snapshot", ["project_id"], unique=False)

    op.create_table(
        "checkpoint_parent",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("checkpoint_id", BIG_ID, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("parent_hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoint.id"], name=op.f("fk_checkpoint_parent_checkpoint_id_checkpoint")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint_parent")),
        sa.UniqueConstraint(
            "checkpoint_id",
            "role",
            "parent_hash",
            name=op.f("uq_checkpoint_parent_checkpoint_id_role_parent_hash"),
        ),
    )
    op.create_index("ix_checkpoint_parent_parent_hash", "checkpoint_parent", ["parent_hash"], unique=False)

    op.create_table(
        "comparison",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("record_id", BYTE_ORDERED, nullable=False),
        sa.Column("prompt_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("repeat_of", sa.String(), nullable=True),
        sa.Column("tags", PLAIN_JSON, nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("target_overlap", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Float(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('ordinary', 'gold', 'repeat', 'qualification', 'evaluation')",
            name=op.f("ck_comparison_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_comparison_project_id_project")
        ),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompt.id"], name=op.f("fk_comparison_prompt_id_prompt")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
        sa.UniqueConstraint("project_id", "record_id", name=op.f("uq_comparison_project_id_record_id")),
    )
    op.create_index("ix_comparison_prompt_id", "comparison", ["prompt_id"], unique=False)

    op.create_table(
        "completion",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("prompt_id", BIG_ID, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("source", PLAIN_JSON, nullable=False),
        sa.Column("sampling", PLAIN_JSON, nullable=True),
        sa.Column("checkpoint_hash", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompt.id"], name=op.f("fk_completion_prompt_id_prompt")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_completion")),
    )
    op.create_index(
        "ix_completion_checkpoint_hash",
        "completion",
        ["checkpoint_hash"],
        unique=False,
        sqlite_where=sa.text("checkpoint_hash IS NOT NULL"),
        postgresql_where=sa.text("checkpoint_hash IS NOT NULL"),
    )
    op.create_index("ix_completion_prompt_id", "completion", ["prompt_id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('annotator', 'reviewer', 'lead', 'researcher')", name=op.f("ck_membership_role")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_membership_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_membership_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint(
            "project_id", "account_id", "role", name=op.f("uq_membership_project_id_account_id_role")
        ),
    )
    op.create_index("ix_membership_account_id", "membership", ["account_id"], unique=False)
    op.create_index("ix_membership_project_id", "membership", ["project_id"], unique=False)

    op.create_table(
        "prompt_pool",
        sa.Column("prompt_id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=False),
        sa.Column("record_id", BYTE_ORDERED, nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("tags", PLAIN_JSON, nullable=False),
        sa.CheckConstraint("use IN ('sft', 'reward', 'rl', 'evaluation')", name=op.f("ck_prompt_pool_use")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_prompt_pool_project_id_project")
        ),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompt.id"], name=op.f("fk_prompt_pool_prompt_id_prompt")),
        sa.PrimaryKeyConstraint("prompt_id", name=op.f("pk_prompt_pool")),
        sa.UniqueConstraint("project_id", "record_id", name=op.f("uq_prompt_pool_project_id_record_id")),
    )
    op.create_index("ix_prompt_pool_project_id", "prompt_pool", ["project_id"], unique=False)

    op.create_table(
        "snapshot_annotator",
        sa.Column("snapshot_id", BIG_ID, nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("num_rankings", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_snapshot_annotator_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name=op.f("fk_snapshot_annotator_snapshot_id_snapshot")
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "annotator_id", name=op.f("pk_snapshot_annotator")),
    )
    op.create_table(
        "comparison_item",
        sa.Column("comparison_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("completion_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_comparison_item_comparison_id_comparison")
        ),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completion.id"], name=op.f("fk_comparison_item_completion_id_completion")
        ),
        sa.PrimaryKeyConstraint("comparison_id", "position", name=op.f("pk_comparison_item")),
    )
    op.create_index("ix_comparison_item_completion_id", "comparison_item", ["completion_id"], unique=False)

    op.create_table(
        "draft",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("comparison_id", BIG_ID, nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("content", PLAIN_JSON, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_draft_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_draft_comparison_id_comparison")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint(
            "comparison_id", "annotator_id", name=op.f("uq_draft_comparison_id_annotator_id")
        ),
    )
    op.create_index("ix_draft_annotator_id", "draft", ["annotator_id"], unique=False)

    op.create_table(
        "lease",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("comparison_id", BIG_ID, nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("shown_order", PLAIN_JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_lease_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_lease_comparison_id_comparison")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint(
            "comparison_id", "annotator_id", name=op.f("uq_lease_comparison_id_annotator_id")
        ),
    )
    op.create_index("ix_lease_annotator_id", "lease", ["annotator_id"], unique=False)
    op.create_index("ix_lease_expires_at", "lease", ["expires_at"], unique=False)

    op.create_table(
        "submission",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("comparison_id", BIG_ID, nullable=False),
        sa.Column("annotator_id", BIG_ID, nullable=False),
        sa.Column("annotator_kind", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("supersedes_id", BIG_ID, nullable=True),
        sa.Column("guideline_version_id", BIG_ID, nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("shown_order", PLAIN_JSON, nullable=True),
        sa.Column("at", sa.String(), nullable=True),
        sa.Column("seconds", sa.Float(precision=53), nullable=True),
        sa.Column("timings", PLAIN_JSON, nullable=True),
        sa.Column("flags", PLAIN_JSON, nullable=False),
        sa.Column("answers", PLAIN_JSON, nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "annotator_kind IN ('person', 'imported', 'simulated', 'model', 'adjudicator')",
            name=op.f("ck_submission_annotator_kind"),
        ),
        sa.CheckConstraint("origin IN ('service', 'file')", name=op.f("ck_submission_origin")),
        sa.CheckConstraint("outcome IN ('ranked', 'skipped')", name=op.f("ck_submission_outcome")),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_submission_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_submission_comparison_id_comparison")
        ),
        sa.ForeignKeyConstraint(
            ["guideline_version_id"],
            ["guideline_version.id"],
            name=op.f("fk_submission_guideline_version_id_guideline_version"),
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id"], ["submission.id"], name=op.f("fk_submission_supersedes_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_submission_idempotency_key")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_submission_supersedes_id")),
    )
    op.create_index("ix_submission_annotator_id", "submission", ["annotator_id"], unique=False)
    op.create_index("ix_submission_comparison_id", "submission", ["comparison_id"], unique=False)
    op.create_index(
        "ix_submission_guideline_version_id", "submission", ["guideline_version_id"], unique=False
    )
    op.create_index(
        "uq_submission_service",
        "submission",
        ["comparison_id", "annotator_id", "attempt", "revision"],
        unique=True,
        sqlite_where=sa.text("origin = 'service'"),
        postgresql_where=sa.text("origin = 'service'"),
    )

    op.create_table(
        "adjudication",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("comparison_id", BIG_ID, nullable=False),
        sa.Column("submission_id", BIG_ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_adjudication_comparison_id_comparison")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_adjudication_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudication")),
        sa.UniqueConstraint("submission_id", name=op.f("uq_adjudication_submission_id")),
    )
    op.create_index("ix_adjudication_comparison_id", "adjudication", ["comparison_id"], unique=False)

    op.create_table(
        "ranking",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("submission_id", BIG_ID, nullable=False),
        sa.Column("comparison_id", BIG_ID, nullable=False),
        sa.Column("record_id", BYTE_ORDERED, nullable=False),
        sa.Column("criterion", BYTE_ORDERED, nullable=False),
        sa.Column("ranks", PLAIN_JSON, nullable=True),
        sa.Column("strength", sa.Float(precision=53), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_ranking_comparison_id_comparison")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_ranking_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking")),
        sa.UniqueConstraint("comparison_id", "record_id", name=op.f("uq_ranking_comparison_id_record_id")),
        sa.UniqueConstraint("submission_id", "criterion", name=op.f("uq_ranking_submission_id_criterion")),
    )
    op.create_table(
        "withdrawal",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project_id", BIG_ID, nullable=True),
        sa.Column("annotator_id", BIG_ID, nullable=True),
        sa.Column("submission_id", BIG_ID, nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(annotator_id IS NULL) <> (submission_id IS NULL)", name=op.f("ck_withdrawal_one_subject")
        ),
        sa.ForeignKeyConstraint(
            ["annotator_id"], ["annotator.id"], name=op.f("fk_withdrawal_annotator_id_annotator")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_withdrawal_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_withdrawal_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
    )
    op.create_index("ix_withdrawal_annotator_id", "withdrawal", ["annotator_id"], unique=False)
    op.create_index("ix_withdrawal_project_id", "withdrawal", ["project_id"], unique=False)
    op.create_index("ix_withdrawal_submission_id", "withdrawal", ["submission_id"], unique=False)


def downgrade() -> None:
    """Drop all tables, and with them everything that the database holds."""
    op.drop_table("withdrawal")
    op.drop_table("ranking")

    op.drop_table("adjudication")

    op.drop_table("submission")

    op.drop_table("lease")

    op.drop_table("draft")

    op.drop_table("comparison_item")
    op.drop_table("snapshot_annotator")

    op.drop_table("prompt_pool")

    op.drop_table("membership")

    op.drop_table("completion")

    op.drop_table("comparison")

    op.drop_table("checkpoint_parent")

    op.drop_table("snapshot")

    op.drop_table("run_parent")

    op.drop_table("prompt")

    op.drop_table("guideline_version")

    op.drop_table("demonstration")

    op.drop_table("checkpoint")
    op.drop_table("account")

    op.drop_table("run")
    op.drop_table("project")

    op.drop_table("job")
    op.drop_table("audit")
    op.drop_table("annotator")
