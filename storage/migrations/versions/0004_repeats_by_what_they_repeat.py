"""An index to find the repeats of a comparison."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

REPEATS = "repeat_of IS NOT NULL"


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_comparison_repeat",
        "comparison",
        ["project_id", "repeat_of"],
        sqlite_where=sa.text(REPEATS),
        postgresql_where=sa.text(REPEATS),
    )
