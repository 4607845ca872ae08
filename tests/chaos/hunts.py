"""Random lives of every app: hunts with spoiled answers, and the books that must agree with what the app really did.

`python -m tests.chaos.hunts --hunts 500` leads lives of a hundred hunts each and ends with 1 if anything is wrong.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import get_args

import structlog

from tests.hunting.random_life import lead_a_life
from tests.simulator.definitions import AppKind
from tests.support import stores as servers
from tests.support.rig import open_rig

HUNTS_OF_A_LIFE = 100


async def _life(kind: AppKind, seed: int, hunts: int, folder: Path, database_url: str, redis_url: str) -> Counter[str]:
    async with open_rig(database_url, redis_url, folder) as rig:
        return await lead_a_life(rig, kind, seed, hunts)


def _lives(kind: AppKind, hunts: int, first_seed: int, template: servers.SqliteTemplate) -> Counter[str]:
    statuses: Counter[str] = Counter()
    for number in range(-(-hunts // HUNTS_OF_A_LIFE)):
        length = min(HUNTS_OF_A_LIFE, hunts - number * HUNTS_OF_A_LIFE)
        with tempfile.TemporaryDirectory() as name, servers.redis_server() as redis_url:
            folder = Path(name)
            with template.copy(folder) as database_url:
                statuses += asyncio.run(_life(kind, first_seed + number, length, folder, database_url, redis_url))
    return statuses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hunts", type=int, default=500, help="of each app")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--app", action="append", choices=get_args(AppKind), help="only this one; may be given again")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    failed = False
    with tempfile.TemporaryDirectory() as name:
        template = servers.SqliteTemplate.make(Path(name))
        for kind in options.app or get_args(AppKind):
            began_at = time.monotonic()
            try:
                statuses = _lives(kind, options.hunts, options.seed, template)
                told = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
            except AssertionError as wrong:
                failed, told = True, f"WRONG: {wrong}"
            sys.stdout.write(f"{kind:13} {time.monotonic() - began_at:6.1f} s  {told}\n")
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
