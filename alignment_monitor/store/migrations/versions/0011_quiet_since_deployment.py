"""An alert knows how many of its quiet days came after a deployment.

Of alerts that are open none is known: they count anew from the next day on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.add_column(
        "alerts",
        sa.Column("quiet_since_deployment", sa.Integer, nullable=False, server_default="0"),
    )
