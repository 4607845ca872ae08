"""What is read of each Prowlarr, and which of its indexers each app has."""

import sqlalchemy as sa
from alembic import op

import app.core.db

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prowlarr_states",
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("measured_at", app.core.db.UtcDateTime(), nullable=False),
        sa.Column("indexers", sa.JSON(), nullable=False),
        sa.Column("agents", sa.JSON(), nullable=False),
        sa.Column("applications", sa.JSON(), nullable=True),
        sa.Column("listed_at", app.core.db.UtcDateTime(), nullable=False),
        sa.Column("applications_at", app.core.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    with op.batch_alter_table("app_marks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("links", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("app_marks", schema=None) as batch_op:
        batch_op.drop_column("links")
    op.drop_table("prowlarr_states")
