"""Upgrades the database to the newest schema, one process at a time."""

import asyncio
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from app.core.config import Config
from app.core.data_folder import prepare
from app.core.db import Database
from app.core.errors import StartFailed
from app.core.files import locked
from app.core.revisions import newest_revision

CONNECT_SECONDS = 2
"""A start without a database fails within five seconds."""

HAS_REVISION_SQLITE = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
HAS_REVISION_POSTGRESQL = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'alembic_version'"


async def migrate(config: Config) -> bool:
    """Upgrade to the newest schema; whether there was anything to do. `StartFailed` when that is not possible."""
    prepare(config.data_dir)
    goal = "opened"
    try:
        if await _revision(config.database) == newest_revision():
            return False
        goal = "upgraded to this version's schema"
        from app.core.upgrades import upgrade_to_newest  # here: most starts have nothing to upgrade

        with locked(_lock_file(config), wait=True, create=True):  # PostgreSQL has its own lock in `alembic/env.py`
            await asyncio.to_thread(upgrade_to_newest, config.database)
    except TimeoutError:
        raise StartFailed(f"The database cannot be opened: no answer within {CONNECT_SECONDS} seconds.") from None
    except (DBAPIError, OSError, ValueError) as failure:  # asyncpg: a parameter of the address is a ValueError
        cause = failure.__cause__ or getattr(failure, "orig", None) or failure
        raise StartFailed(f"The database cannot be {goal}: {_line(cause)}.") from None
    return True


def _line(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0].rstrip(".")


async def _revision(url: str) -> str | None:
    """The revision of the schema; `None` for an empty database."""
    db = Database(url, connect_seconds=CONNECT_SECONDS)
    try:
        async with db.engines[-1].connect() as connection:
            found = await connection.execute(text(HAS_REVISION_SQLITE if db.is_sqlite else HAS_REVISION_POSTGRESQL))
            if not found.scalar_one():
                return None
            return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    finally:
        await db.close()


def _lock_file(config: Config) -> Path:
    """Next to the SQLite file, which several data folders may share."""
    url = make_url(config.database)
    folder = Path(url.database).parent if url.drivername.startswith("sqlite") and url.database else config.data_dir
    return folder / "migrate.lock"
