"""Swaparr: policies that are bound to an instance, what they watch and decided, and searches asked for out of turn."""

import sqlalchemy as sa
from alembic import op

import app.core.db

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("target_instance_id", sa.Integer(), nullable=True))
    op.create_table(
        "swaparr_states",
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("memory", sa.JSON(), nullable=False),
        sa.Column("transmissions", sa.JSON(), nullable=False),
        sa.Column("clients_at", app.core.db.UtcDateTime(), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    op.create_table(
        "swaparr_downloads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("download_id", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=True),
        sa.Column("indexer", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("left", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.String(length=40), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("seen_at", app.core.db.UtcDateTime(), nullable=False),
        sa.Column("gone_at", app.core.db.UtcDateTime(), nullable=True),
        sa.Column("removing_at", app.core.db.UtcDateTime(), nullable=True),
        sa.Column("told_at", app.core.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("instance_id", "key", name="uq_swaparr_downloads_key"),
    )
    op.create_table(
        "swaparr_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("at", app.core.db.UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.Column("download_id", sa.String(length=200), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("searches", sa.Integer(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("swaparr_history", schema=None) as batch_op:
        batch_op.create_index("ix_swaparr_history_instance", ["instance_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_swaparr_history_at"), ["at"], unique=False)
    op.create_table(
        "search_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("media_key", sa.String(length=80), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("group_key", sa.String(length=80), nullable=True),
        sa.Column("owner_key", sa.String(length=80), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("requested_at", app.core.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("search_requests", schema=None) as batch_op:
        batch_op.create_index("ix_search_requests_instance", ["instance_id", "requested_at"], unique=False)


def downgrade() -> None:
    op.drop_table("search_requests")
    op.drop_table("swaparr_history")
    op.drop_table("swaparr_downloads")
    op.drop_table("swaparr_states")
    op.execute("DELETE FROM instances WHERE target_instance_id IS NOT NULL")
    op.drop_column("instances", "target_instance_id")
