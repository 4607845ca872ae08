"""A restore in a process of its own, to be killed."""

import asyncio
import sys
from pathlib import Path

from tests.backup.contents import restored
from tests.support.rig import open_rig


async def main(database_url: str, redis_url: str, folder: str, filename: str) -> None:
    async with open_rig(database_url, redis_url, Path(folder)) as rig:
        await restored(rig, filename)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
