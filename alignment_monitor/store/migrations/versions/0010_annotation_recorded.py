"""A mark on the time line knows the day on which it was written down.

Marks from before do not: the detector leaves them out, so that no past decision changes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.add_column("annotations", sa.Column("recorded_on", sa.Date))
