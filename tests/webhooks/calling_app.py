"""A simulated app with one open search, which calls us by its webhook as the real apps do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from httpx import AsyncClient

from app.core.queue import READ_HISTORY
from app.hunting.schemas import SearchOut
from app.hunting.store.models import HuntState
from app.instances.schemas import InstanceOut
from tests.api.replies import data
from tests.hunting.app_types import add
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig
from tests.webhooks.payloads import family_of, sent

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400, "missing_batch": 5}


@dataclass
class CallingApp:
    """One instance with one search, its app, and the address that the app calls."""

    rig: Rig
    client: AsyncClient
    kind: AppKind
    app: SimApp
    instance: InstanceOut
    item: int
    url: str

    @property
    def download_id(self) -> str:
        """The id of the only download that there is, or was."""
        return next(iter(self.app.downloads.all))

    async def call(self, event: str, **about: Any) -> str:
        """The app calls; returns what we answer was done."""
        season = self.app.db.row("SELECT season, parent_id FROM items WHERE id = ?", (about.get("item", self.item),))
        assert season is not None
        given = {"item": self.item, "owner": season["parent_id"] or 1, "season": season["season"] or 1, **about}
        body = sent(family_of(self.kind), event, **given)
        done: str = data(await self.client.post(self.url, json=body))["done"]
        return done

    async def read(self, *, seconds: float = 5) -> None:
        """What a worker does with the queued job."""
        self.rig.clock.forward(seconds=seconds)
        await self.rig.container.hunting.follow_up.read(self.instance.id)

    async def search(self) -> SearchOut:
        [row] = (await self.rig.history(self.instance)).items
        return row

    async def due_at(self) -> datetime | None:
        async with self.rig.container.infra.db.reading() as session:
            return (await session.get_one(HuntState, self.instance.id)).follow_up_at

    async def queued_reads(self) -> int:
        """How many jobs to read the history are queued."""
        return sum(job.function == READ_HISTORY for job in await self.rig.container.infra.redis.queued_jobs())

    @property
    def requests(self) -> list[str]:
        return [record.path.rpartition("api/")[2].partition("/")[2] for record in self.app.log.records]


@asynccontextmanager
async def calling_app(rig: Rig, kind: AppKind, outcome: Any, **settings: Any) -> AsyncIterator[CallingApp]:
    """An app with one search of one item, which ends in `outcome`; its log of requests is empty."""
    app = rig.simulated(kind, download_seconds=900, import_seconds=30, auto_redownload_failed=False)
    item = add(app)
    app.searcher.force(item, outcome)
    instance = await rig.add(app, **PLAIN, **settings)
    assert (await rig.hunt(instance)).searched == 1
    rig.clock.forward(seconds=2)
    app.log.reset()
    async with rig.gateway() as owner, rig.gateway(key=None) as client:
        shown = data(await owner.get(f"/api/instances/{instance.app_type}/{instance.id}/webhook"))
        yield CallingApp(rig, client, kind, app, instance, item, shown["url"])
