"""Runs the migrations with alembic. It is large, so this module is imported only where a schema is made or changed."""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from app.core.errors import StartFailed
from app.core.revisions import folder

NEWEST: Final = "head"


def upgrade_to_newest(url: str) -> None:
    """`StartFailed` for a schema that is not ours."""
    try:
        upgrade(url, NEWEST)
    except CommandError as failure:
        raise StartFailed(
            f"The database has a schema that this version does not know ({failure}): a newer Huntarr used it."
        ) from None


def upgrade(url: str, revision: str) -> None:
    command.upgrade(alembic_config(url), revision)


def alembic_config(url: str) -> Config:
    """alembic's settings without an ini file. The URL is an attribute because options are interpolated."""
    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config
