"""API keys that the command line makes before there is an owner."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _alter(nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM api_keys WHERE user_id IS NULL")
    _alter(nullable=False)


def _alter(*, nullable: bool) -> None:
    """SQLite makes the table anew: ids that were assigned once must not be assigned again there either."""
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    read = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'api_keys'")
    reached = connection.execute(read).scalar() if is_sqlite else None
    with op.batch_alter_table("api_keys", table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        batch_op.alter_column("user_id", existing_type=sa.Integer(), nullable=nullable)
    if reached is not None:
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'api_keys'")
        connection.execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES ('api_keys', :seq)"), {"seq": reached}
        )
