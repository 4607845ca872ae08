"""The long past that the benchmark makes: as the service would have written it, on both databases."""

import asyncio
from pathlib import Path

import pytest
from alembic import command

from app.arr.models import AppType
from app.container import open_container
from app.core.upgrades import alembic_config
from app.history.filters import HistoryFilter
from app.instances.schemas import InstanceIn
from app.logs.filters import LogFilter
from scripts.bench.fill import APPS, fill
from scripts.bench.installations import POSTGRESQL, SQLITE, Installation
from tests.support.huntarr_process import Stores

pytestmark = [pytest.mark.process, pytest.mark.asyncio]
ROWS = 1_000


@pytest.mark.storage
async def test_counters_agree_with_rows_and_indexes_are_back(database_url: str, redis_url: str, tmp_path: Path) -> None:
    config = Stores(database_url, redis_url, tmp_path).config
    async with open_container(config) as container:
        for number in range(APPS):
            given = InstanceIn(name=f"{number}", url=f"http://127.0.0.1:9/{number}", api_key="k" * 32, enabled=False)
            await container.instances.create(AppType.RADARR, given)
    await asyncio.to_thread(_filled, database_url, tmp_path)
    async with open_container(config) as container:
        history = await container.history.history(HistoryFilter(), page=1, page_size=1)
        totals = (await container.stats.read()).totals
        days = (await container.stats.timeline(366, None)).days
        logs = await container.logs.store.page(LogFilter(), limit=ROWS, before_id=None)
        kept = await container.logs.store.stats()
    assert history.total == totals.hunted + totals.upgraded == ROWS
    assert sum(day.hunted for day in days) == totals.hunted
    assert len(logs.entries) == kept.total == ROWS
    await asyncio.to_thread(command.check, alembic_config(database_url))


def _filled(url: str, folder: Path) -> None:
    with Installation(SQLITE if url.startswith("sqlite") else POSTGRESQL, folder, url).connection() as db:
        fill(db, ROWS)
