"""refusals of items, absent downloads, times of totals, hunts without indexers"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("hunt_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("missing_total_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("cutoff_total_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("without_indexers", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("refusals", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("searches", schema=None) as batch_op:
        batch_op.add_column(sa.Column("absent_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("searches", schema=None) as batch_op:
        batch_op.drop_column("absent_at")

    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_column("refusals")
        batch_op.drop_column("refused_at")

    with op.batch_alter_table("hunt_states", schema=None) as batch_op:
        batch_op.drop_column("without_indexers")
        batch_op.drop_column("cutoff_total_at")
        batch_op.drop_column("missing_total_at")
