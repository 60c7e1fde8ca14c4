"""Counters by which figures are carried on: changes of a project, and the votes that each annotator gave."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for table, column in (("project", "changes"), ("project_annotator", "votes")):
        op.add_column(table, sa.Column(column, sa.Integer(), nullable=False, server_default="0"))
