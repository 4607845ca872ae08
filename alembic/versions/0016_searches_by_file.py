"""Searches are found by the file that they want something better than; unused ids of a library are remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("searches", schema=None) as batch_op:
        batch_op.create_index("ix_searches_file", ["instance_id", "file_before"], unique=False)
    with op.batch_alter_table("walk_cursors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unused", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("walk_cursors", schema=None) as batch_op:
        batch_op.drop_column("unused")
    with op.batch_alter_table("searches", schema=None) as batch_op:
        batch_op.drop_index("ix_searches_file")
