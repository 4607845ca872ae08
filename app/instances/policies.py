"""Create and change policies of Swaparr: instances without an app, each bound to one that hunts."""

from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType
from app.arr.registry import REGISTRY, hunting_apps
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.instances.models import Instance, InstanceState
from app.instances.schemas import InstanceOut, PolicyIn, PolicyPatch
from app.instances.service import InstanceService, shown
from app.settings.swaparr import merged_swaparr

OTHER_TARGET = "A policy keeps its instance: delete it, and make one for the other instance."
TAKEN = "The instance {} has a policy already: change that one."


class PolicyService:
    """The writer of the rows of policies; `InstanceService` shows and deletes them."""

    def __init__(self, db: Database, instances: InstanceService, clock: Clock) -> None:
        self._db = db
        self._instances = instances
        self._clock = clock

    async def create(self, given: PolicyIn) -> InstanceOut:
        overrides = merged_swaparr({}, given.swaparr) if given.swaparr else {}
        now = self._clock()
        async with self._db.session() as session:
            await self.require_target(session, given.target_instance_id)
            row = Instance(
                app_type=AppType.SWAPARR,
                name=given.name,
                enabled=given.enabled,
                url=_place_of(given.target_instance_id),
                target_instance_id=given.target_instance_id,
                api_key="",
                overrides=overrides,
                created_at=now,
                updated_at=now,
            )
            session.add(row)
            await _flush_unique(session, given.target_instance_id)
            state = InstanceState(instance_id=row.id or 0)
            session.add(state)
            return shown(row, state, None)

    async def replace(self, instance_id: int, given: PolicyIn) -> InstanceOut:
        """`Invalid` for another target: what was seen of a queue says nothing of another one."""
        async with self._db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.SWAPARR)
        if given.target_instance_id != row.target_instance_id:
            raise Invalid(OTHER_TARGET, field="body.target_instance_id")
        changes = PolicyPatch(name=given.name, enabled=given.enabled, swaparr=given.swaparr)
        return await self._change(instance_id, changes, keep_overrides=False)

    async def update(self, instance_id: int, given: PolicyPatch) -> InstanceOut:
        return await self._change(instance_id, given, keep_overrides=True)

    async def require_target(self, session: AsyncSession, instance_id: int, *, lock: bool = True) -> Instance:
        """The instance that a policy may watch; `Invalid` when it is none that hunts."""
        try:
            row = await self._instances.require(session, instance_id, lock=lock)
        except NotFound as missing:
            raise Invalid(missing.message, field="body.target_instance_id") from None
        if AppType(row.app_type) not in hunting_apps():
            sentence = f"The instance {instance_id} is a {REGISTRY[AppType(row.app_type)].label}, which has no queue."
            raise Invalid(sentence, field="body.target_instance_id")
        return row

    async def _change(self, instance_id: int, given: PolicyPatch, *, keep_overrides: bool) -> InstanceOut:
        async with self._db.session() as session:
            row = await self._instances.require(session, instance_id, AppType.SWAPARR, lock=True)
            stored = row.overrides if keep_overrides else {}
            row.overrides = merged_swaparr(stored, given.swaparr) if given.swaparr else stored
            row.name = given.name if given.name is not None else row.name
            row.enabled = given.enabled if given.enabled is not None else row.enabled
            row.updated_at = self._clock()
            return shown(row, await session.get_one(InstanceState, instance_id), None)


def _place_of(target_id: int) -> str:
    """What a policy has instead of an address."""
    return f"#{target_id}"


async def _flush_unique(session: AsyncSession, target_id: int) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict(TAKEN.format(target_id)) from None
