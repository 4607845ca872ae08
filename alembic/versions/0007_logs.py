"""logs: entries and their counts"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_totals",
        sa.Column("app_type", sa.String(length=20), nullable=False),
        sa.Column("instance_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app_type", "instance_id", "level"),
    )
    op.create_table(
        "logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("app_type", sa.String(length=20), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=True),
        sa.Column("hunt_id", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("logger", sa.String(length=100), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("logs", schema=None) as batch_op:
        batch_op.create_index("ix_logs_app", ["app_type", "level", "id"], unique=False)
        batch_op.create_index("ix_logs_hunt", ["hunt_id", "id"], unique=False)
        batch_op.create_index("ix_logs_instance", ["instance_id", "level", "id"], unique=False)
        batch_op.create_index("ix_logs_level", ["level", "id"], unique=False)
        batch_op.create_index("ix_logs_request", ["request_id", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("logs", schema=None) as batch_op:
        batch_op.drop_index("ix_logs_request")
        batch_op.drop_index("ix_logs_level")
        batch_op.drop_index("ix_logs_instance")
        batch_op.drop_index("ix_logs_hunt")
        batch_op.drop_index("ix_logs_app")

    op.drop_table("logs")
    op.drop_table("log_totals")
