"""what hunts plan and see of an instance leaves `instance_states` for a table of its own"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOVED = (
    *("missing_total", "cutoff_total", "queue_total", "last_hunt_at", "next_hunt_at"),
    *("reset_at", "follow_up_at", "followed_up_at", "history_at", "fence"),
)
COLUMNS = ", ".join(MOVED)


def upgrade() -> None:
    op.create_table(
        "hunt_states",
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("missing_total", sa.Integer(), nullable=True),
        sa.Column("cutoff_total", sa.Integer(), nullable=True),
        sa.Column("queue_total", sa.Integer(), nullable=True),
        sa.Column("last_hunt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_hunt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reset_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follow_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("followed_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("history_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    with op.batch_alter_table("hunt_states", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hunt_states_follow_up_at"), ["follow_up_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_hunt_states_next_hunt_at"), ["next_hunt_at"], unique=False)
    # Every instance of the revision before this one hunts.
    op.execute(f"INSERT INTO hunt_states (instance_id, {COLUMNS}) SELECT instance_id, {COLUMNS} FROM instance_states")  # noqa: S608 - constants
    with op.batch_alter_table("instance_states", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_instance_states_follow_up_at"))
        batch_op.drop_index(batch_op.f("ix_instance_states_next_hunt_at"))
        for name in MOVED:
            batch_op.drop_column(name)


def downgrade() -> None:
    with op.batch_alter_table("instance_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("missing_total", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("cutoff_total", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("queue_total", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("last_hunt_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("next_hunt_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reset_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("follow_up_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("followed_up_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("history_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index(batch_op.f("ix_instance_states_next_hunt_at"), ["next_hunt_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_instance_states_follow_up_at"), ["follow_up_at"], unique=False)
    for name in MOVED:
        found = f"SELECT {name} FROM hunt_states h WHERE h.instance_id = instance_states.instance_id"  # noqa: S608 - constants
        kept = f"COALESCE(({found}), 0)" if name == "fence" else f"({found})"
        op.execute(f"UPDATE instance_states SET {name} = {kept}")  # noqa: S608 - constants
    op.drop_table("hunt_states")
