"""Upgrades the database to the newest schema, one process at a time."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from app.core.config import Config
from app.core.data_folder import prepare
from app.core.db import Database
from app.core.errors import StartFailed
from app.core.files import locked

SOURCE = Path(__file__).resolve().parents[2] / "alembic"
INSTALLED = Path(__file__).resolve().parents[1] / "_alembic"
CONNECT_SECONDS = 2
"""A start without a database fails within five seconds."""

HAS_REVISION_SQLITE = "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
HAS_REVISION_POSTGRESQL = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'alembic_version'"


def folder() -> Path:
    """The migrations: beside `app/` in a checkout, inside it in an installed wheel."""
    return SOURCE if (SOURCE / "env.py").exists() else INSTALLED


def newest_revision() -> str:
    """The schema revision of this version of Huntarr; revisions are numbered."""
    return max(path.name.split("_", 1)[0] for path in (folder() / "versions").glob("[0-9]*_*.py"))


def alembic_config(url: str) -> AlembicConfig:
    """alembic's settings without an ini file. The URL is an attribute because options are interpolated."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


async def migrate(config: Config) -> bool:
    """Upgrade to the newest schema; whether there was anything to do. `StartFailed` when that is not possible."""
    prepare(config.data_dir)
    goal = "opened"
    try:
        if await _revision(config.database) == newest_revision():
            return False
        goal = "upgraded to this version's schema"
        with locked(_lock_file(config), wait=True, create=True):  # PostgreSQL has its own lock in `alembic/env.py`
            await asyncio.to_thread(command.upgrade, alembic_config(config.database), "head")
    except CommandError as failure:
        raise StartFailed(
            f"The database has a schema that this version does not know ({failure}): a newer Huntarr used it."
        ) from None
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
