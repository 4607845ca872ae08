"""Movie Hunt: its configuration, its library, and what was searched, grabbed and imported."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "movie_hunt_clients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("password", sa.String(length=1000), nullable=False),
        sa.Column("api_key", sa.String(length=1000), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("remove_completed", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("verify_tls", sa.Boolean(), nullable=False),
        sa.Column("path_mappings", sa.JSON(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "movie_hunt_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("tmdb_id", sa.Integer(), nullable=True),
        sa.Column("movie_title", sa.String(length=300), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("release_title", sa.String(length=1000), nullable=True),
        sa.Column("indexer", sa.String(length=100), nullable=True),
        sa.Column("client", sa.String(length=100), nullable=True),
        sa.Column("quality", sa.String(length=20), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("rejections", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("movie_hunt_history", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movie_hunt_history_at"), ["at"], unique=False)
        batch_op.create_index("ix_movie_hunt_history_movie", ["movie_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_movie_hunt_history_tmdb_id"), ["tmdb_id"], unique=False)

    op.create_table(
        "movie_hunt_indexers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("api_path", sa.String(length=200), nullable=False),
        sa.Column("api_key", sa.String(length=1000), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("min_seeders", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("rss", sa.Boolean(), nullable=False),
        sa.Column("verify_tls", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "movie_hunt_profiles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "movie_hunt_root_folders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
    )
    op.create_table(
        "movie_hunt_indexer_states",
        sa.Column("indexer_id", sa.Integer(), nullable=False),
        sa.Column("capabilities", sa.JSON(), nullable=True),
        sa.Column("capabilities_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rest_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feed_guids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["indexer_id"], ["movie_hunt_indexers.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("indexer_id"),
    )
    op.create_table(
        "movie_hunt_movies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tmdb_id", sa.Integer(), nullable=True),
        sa.Column("imdb_id", sa.String(length=20), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("sort_title", sa.String(length=300), nullable=False),
        sa.Column("original_title", sa.String(length=300), nullable=True),
        sa.Column("alternative_titles", sa.JSON(), nullable=False),
        sa.Column("original_language", sa.String(length=20), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("overview", sa.String(), nullable=False),
        sa.Column("runtime_minutes", sa.Integer(), nullable=True),
        sa.Column("genres", sa.JSON(), nullable=False),
        sa.Column("poster_url", sa.String(length=500), nullable=True),
        sa.Column("in_cinemas_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digital_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("physical_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("metadata_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("monitored", sa.Boolean(), nullable=False),
        sa.Column("quality_profile_id", sa.Integer(), nullable=False),
        sa.Column("root_folder_id", sa.Integer(), nullable=True),
        sa.Column("minimum_availability", sa.String(length=20), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_search_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_searches", sa.Integer(), nullable=False),
        sa.Column("next_search_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["quality_profile_id"],
            ["movie_hunt_profiles.id"],
        ),
        sa.ForeignKeyConstraint(
            ["root_folder_id"],
            ["movie_hunt_root_folders.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tmdb_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("movie_hunt_movies", schema=None) as batch_op:
        batch_op.create_index("ix_movie_hunt_movies_due", ["monitored", "next_search_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_movie_hunt_movies_sort_title"), ["sort_title"], unique=False)

    op.create_table(
        "movie_hunt_blocklist",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=1000), nullable=False),
        sa.Column("protocol", sa.String(length=10), nullable=False),
        sa.Column("indexer_id", sa.Integer(), nullable=True),
        sa.Column("info_hash", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["indexer_id"], ["movie_hunt_indexers.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["movie_id"], ["movie_hunt_movies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("movie_hunt_blocklist", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movie_hunt_blocklist_indexer_id"), ["indexer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_movie_hunt_blocklist_movie_id"), ["movie_id"], unique=False)

    op.create_table(
        "movie_hunt_files",
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("quality", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_repack", sa.Boolean(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=True),
        sa.Column("edition", sa.String(length=100), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("release_title", sa.String(length=1000), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["movie_id"], ["movie_hunt_movies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("movie_id"),
    )
    op.create_table(
        "movie_hunt_grabs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("indexer_id", sa.Integer(), nullable=True),
        sa.Column("download_id", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("client_state", sa.String(length=20), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("title", sa.String(length=1000), nullable=False),
        sa.Column("protocol", sa.String(length=10), nullable=False),
        sa.Column("quality", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("left", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("journal", sa.JSON(), nullable=True),
        sa.Column("grabbed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["movie_hunt_clients.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["indexer_id"], ["movie_hunt_indexers.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["movie_id"], ["movie_hunt_movies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("movie_hunt_grabs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movie_hunt_grabs_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_movie_hunt_grabs_download_id"), ["download_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_movie_hunt_grabs_indexer_id"), ["indexer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_movie_hunt_grabs_movie_id"), ["movie_id"], unique=False)
        batch_op.create_index(
            "uq_movie_hunt_grabs_open",
            ["movie_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('grabbing', 'downloading', 'importing', 'waiting')"),
            postgresql_where=sa.text("state IN ('grabbing', 'downloading', 'importing', 'waiting')"),
        )

    op.create_table(
        "movie_hunt_releases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("indexer_id", sa.Integer(), nullable=False),
        sa.Column("guid", sa.String(length=500), nullable=False),
        sa.Column("title", sa.String(length=1000), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("rejections", sa.JSON(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["indexer_id"], ["movie_hunt_indexers.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["movie_id"], ["movie_hunt_movies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("movie_id", "indexer_id", "guid", name="uq_movie_hunt_releases_guid"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("movie_hunt_releases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movie_hunt_releases_indexer_id"), ["indexer_id"], unique=False)

    op.create_table(
        "movie_hunt_searches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("grabs", sa.Boolean(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["movie_id"], ["movie_hunt_movies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("movie_hunt_searches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movie_hunt_searches_movie_id"), ["movie_id"], unique=False)
        batch_op.create_index(
            "uq_movie_hunt_searches_open",
            ["movie_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )


def downgrade() -> None:

    with op.batch_alter_table("movie_hunt_searches", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_movie_hunt_searches_open",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )
        batch_op.drop_index(batch_op.f("ix_movie_hunt_searches_movie_id"))

    op.drop_table("movie_hunt_searches")
    with op.batch_alter_table("movie_hunt_releases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_movie_hunt_releases_indexer_id"))

    op.drop_table("movie_hunt_releases")
    with op.batch_alter_table("movie_hunt_grabs", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_movie_hunt_grabs_open",
            sqlite_where=sa.text("state IN ('grabbing', 'downloading', 'importing', 'waiting')"),
            postgresql_where=sa.text("state IN ('grabbing', 'downloading', 'importing', 'waiting')"),
        )
        batch_op.drop_index(batch_op.f("ix_movie_hunt_grabs_movie_id"))
        batch_op.drop_index(batch_op.f("ix_movie_hunt_grabs_indexer_id"))
        batch_op.drop_index(batch_op.f("ix_movie_hunt_grabs_download_id"))
        batch_op.drop_index(batch_op.f("ix_movie_hunt_grabs_client_id"))

    op.drop_table("movie_hunt_grabs")
    op.drop_table("movie_hunt_files")
    with op.batch_alter_table("movie_hunt_blocklist", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_movie_hunt_blocklist_movie_id"))
        batch_op.drop_index(batch_op.f("ix_movie_hunt_blocklist_indexer_id"))

    op.drop_table("movie_hunt_blocklist")
    with op.batch_alter_table("movie_hunt_movies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_movie_hunt_movies_sort_title"))
        batch_op.drop_index("ix_movie_hunt_movies_due")

    op.drop_table("movie_hunt_movies")
    op.drop_table("movie_hunt_indexer_states")
    op.drop_table("movie_hunt_root_folders")
    op.drop_table("movie_hunt_profiles")
    op.drop_table("movie_hunt_indexers")
    with op.batch_alter_table("movie_hunt_history", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_movie_hunt_history_tmdb_id"))
        batch_op.drop_index("ix_movie_hunt_history_movie")
        batch_op.drop_index(batch_op.f("ix_movie_hunt_history_at"))

    op.drop_table("movie_hunt_history")
    op.drop_table("movie_hunt_clients")
