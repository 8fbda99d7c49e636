"""A mark on the time line may concern one line of deployments."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.add_column("annotations", sa.Column("deployment_family", sa.String))
