"""A restore in a process of its own, to be killed."""

import asyncio
import sys
from pathlib import Path

from app.backup.schemas import RestoreIn
from tests.backup.contents import OWNER
from tests.support.rig import open_rig


async def main(database_url: str, redis_url: str, folder: str, filename: str) -> None:
    async with open_rig(database_url, redis_url, Path(folder)) as rig:
        await rig.container.backups.service.restore(RestoreIn(filename=filename), OWNER)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
