"""What a hunt did not look at, what is wrong with its settings, and every release that a search led to."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("hunts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unseen", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("warnings", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("searches", schema=None) as batch_op:
        batch_op.add_column(sa.Column("release_titles", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("searches", schema=None) as batch_op:
        batch_op.drop_column("release_titles")

    with op.batch_alter_table("hunts", schema=None) as batch_op:
        batch_op.drop_column("warnings")
        batch_op.drop_column("unseen")
