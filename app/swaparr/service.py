"""What callers read and ask of Swaparr."""

from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from app.arr.errors import ArrError
from app.arr.models import AppType
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.core.pagination import page_of
from app.core.schemas import Page
from app.instances.models import Instance, InstanceState
from app.instances.policies import PolicyService
from app.instances.service import InstanceService
from app.settings.swaparr import SwaparrSettings, merged_swaparr
from app.swaparr.models import SwaparrEntry, SwaparrState, TrackedDownload
from app.swaparr.policy import Consequence, Standing, Verdict
from app.swaparr.runner import SwaparrRunner
from app.swaparr.schemas import (
    PolicyTestIn,
    PolicyTestOut,
    SwaparrEntryOut,
    SwaparrQueuedOut,
    SwaparrRunIn,
    TrackedListOut,
    TrackedOut,
)
from app.swaparr.store import PolicyName, SwaparrStore
from app.swaparr.storing import read_memory

NOT_KNOWN = "The app was not asked for the first time yet: try again in a moment."


class SwaparrService:
    """Reads what was decided, and asks for looks."""

    def __init__(
        self,
        db: Database,
        instances: InstanceService,
        policies: PolicyService,
        store: SwaparrStore,
        runner: SwaparrRunner,
        clock: Clock,
    ) -> None:
        self._db = db
        self._instances = instances
        self._policies = policies
        self._store = store
        self._runner = runner
        self._clock = clock

    async def downloads(self, instance_id: int) -> TrackedListOut:
        async with self._db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.SWAPARR)
            state = await session.get(SwaparrState, instance_id)
            query = select(TrackedDownload).where(TrackedDownload.instance_id == instance_id)
            tracked = (await session.exec(query.order_by(col(TrackedDownload.id)))).all()
        return TrackedListOut(
            away=None if state is None else read_memory(state.memory).away,
            dry_run=SwaparrSettings.model_validate(row.overrides).dry_run,
            downloads=[TrackedOut.model_validate(each) for each in tracked],
        )

    async def history(self, instance_id: int, *, page: int, page_size: int) -> Page[SwaparrEntryOut]:
        async with self._db.reading() as session:
            await self._instances.require(session, instance_id, AppType.SWAPARR)
            query = select(SwaparrEntry).where(SwaparrEntry.instance_id == instance_id)
            query = query.order_by(col(SwaparrEntry.id).desc())
            rows, total = await page_of(session, query, page=page, page_size=page_size)
        items = [SwaparrEntryOut.model_validate(row) for row in rows]
        return Page[SwaparrEntryOut](items=items, total=total, page=page, page_size=page_size)

    async def run(self, instance_id: int, given: SwaparrRunIn) -> SwaparrQueuedOut:
        """`Conflict` when the instance that the policy watches is disabled."""
        async with self._db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.SWAPARR)
            target = await self._policies.require_target(session, row.target_instance_id or 0, lock=False)
        if not target.enabled:
            raise Conflict(f"{target.name} is disabled: nobody looks at its queue.")
        own = SwaparrSettings.model_validate(row.overrides).dry_run
        await self._runner.request(instance_id, given.dry_run)
        return SwaparrQueuedOut(instance_id=instance_id, dry_run=own if given.dry_run is None else given.dry_run)

    async def run_all(self, instance_id: int | None) -> int:
        """Queue a look of every enabled policy, or of the one that is, or watches, this instance; how many."""
        async with self._db.reading() as session:
            query = select(Instance).where(Instance.app_type == AppType.SWAPARR, col(Instance.enabled))
            rows = (await session.exec(query)).all()
        chosen = [row.id or 0 for row in rows if instance_id in (None, row.id, row.target_instance_id)]
        await self._runner.request_all(chosen)
        return len(chosen)

    async def forgive(self, instance_id: int, download_id: str) -> None:
        """`NotFound` when the queue has no such download."""
        async with self._db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.SWAPARR)
        name = PolicyName(instance_id, row.name, row.target_instance_id or 0)
        if not await self._store.forgive(name, download_id):
            raise NotFound("There is no download with this id.")

    async def test(self, given: PolicyTestIn) -> PolicyTestOut:
        """What a look would lead to now; nothing is stored and nothing removed."""
        row, target, state = await self._given(given)
        policy = await self._runner.policy_of(row, target, state)
        if not policy.app.is_known:
            return _failed("starting", NOT_KNOWN)
        try:
            looked = await self._runner.looked(policy, is_test=True)
        except ArrError as failure:
            return _failed(failure.code.value, failure.message)
        judged = looked.judgement.judged
        return PolicyTestOut(
            ok=True,
            error_code=None,
            error=None,
            away=looked.judgement.memory.away,
            downloads=len(judged),
            would=[sentence for each in judged if (sentence := _sentence(each, policy.settings)) is not None],
        )

    async def purge(self, retention_days: int) -> None:
        """Delete old decisions; 0 days keeps all."""
        if retention_days:
            await self._store.purge(self._clock() - timedelta(days=retention_days))

    async def _given(self, given: PolicyTestIn) -> tuple[Instance, Instance, InstanceState]:
        now = self._clock()
        async with self._db.reading() as session:
            if given.instance_id is not None:
                row = await self._instances.require(session, given.instance_id, AppType.SWAPARR)
            elif given.target_instance_id is not None:
                row = Instance(app_type=AppType.SWAPARR, name="", url="", api_key="", created_at=now, updated_at=now)
            else:
                raise Invalid("Give a target_instance_id, or an instance_id.", field="body.target_instance_id")
            target_id = given.target_instance_id or row.target_instance_id or 0
            target = await self._policies.require_target(session, target_id, lock=False)
            state = await session.get_one(InstanceState, target_id)
        overrides = merged_swaparr(row.overrides, given.swaparr) if given.swaparr else row.overrides
        copy: dict[str, Any] = {**row.model_dump(), "overrides": overrides}
        return Instance(**copy), target, state


def _failed(code: str, message: str) -> PolicyTestOut:
    return PolicyTestOut(ok=False, error_code=code, error=message, away=None, downloads=0, would=[])


def _sentence(each: Verdict, settings: SwaparrSettings) -> str | None:
    """What follows from a look at one download; `None` when nothing does."""
    cause = (each.cause or "").replace("_", " ")
    if each.action is Consequence.REMOVE:
        verb = "would tell that it should be removed" if settings.dry_run else "would be removed"
        return f"{each.download.title}: {cause}, {verb}."
    if each.action is Consequence.STRIKE and each.cause is not None:
        return f"{each.download.title}: {cause}, strike {each.record.strikes[each.cause]}."
    if each.action is Consequence.TELL:
        return f"{each.download.title}: its import failed, a person has to look."
    if each.standing is Standing.NEW and each.cause is not None:
        return f"{each.download.title}: {cause} as it seems; counting begins with the next look."
    return None
