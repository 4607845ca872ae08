"""The user's hooks: each is an address that runs one action, at most once a second."""

from collections.abc import Callable
from datetime import timedelta

import structlog
from pydantic import ValidationError
from sqlmodel import col, delete, or_, select, update

from app.actions.actions import ACTIONS, ActionServices, ActionTarget
from app.actions.targets import app_type_of, check_target
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Forbidden, NotFound, TooManyRequests
from app.hunting.store.models import Trigger
from app.webhooks.models import Hook
from app.webhooks.schemas import HookCallOut, HookIn, HookMadeOut, HookOut
from app.webhooks.tokens import HOOK_TOKEN, digest_of, new_token

log = structlog.get_logger(__name__)

MIN_INTERVAL = timedelta(seconds=1)


class HookService:
    """Creates, lists, deletes and runs hooks. A hook runs the action it was created with, and nothing else."""

    def __init__(self, db: Database, services: ActionServices, clock: Clock) -> None:
        self._db = db
        self._services = services
        self._clock = clock

    async def all(self) -> list[HookOut]:
        async with self._db.reading() as session:
            rows = (await session.exec(select(Hook).order_by(col(Hook.id)))).all()
        return [HookOut.model_validate(row) for row in rows]

    async def create(self, given: HookIn, address_of: Callable[[str], str]) -> HookMadeOut:
        """`address_of` turns the token into the full address of the hook."""
        token = new_token(HOOK_TOKEN)
        async with self._db.session() as session:
            await check_target(session, self._services.instances, given.app_type, given.instance_id)
            row = Hook(**given.model_dump(mode="json"), digest=digest_of(token), created_at=self._clock())
            session.add(row)
            await session.flush()
            return HookMadeOut.of(row, token, address_of(token))

    async def delete(self, hook_id: int) -> None:
        async with self._db.session() as session:
            deleted = (await session.exec(delete(Hook).where(col(Hook.id) == hook_id))).rowcount
        if not deleted:
            raise _not_found(hook_id)

    async def call(self, hook_id: int, *, by_get: bool) -> HookCallOut:
        """Run the action.

        `NotFound` when its target is gone, `Conflict` when that is disabled, `TooManyRequests` when called too soon.
        """
        row = await self._count_call(hook_id, by_get=by_get)
        action = ACTIONS.get(row.action)
        try:
            params = action.params.model_validate(row.params) if action is not None else None
        except ValidationError:
            params = None
        if action is None or params is None:  # written by another version
            raise Conflict(f"This version cannot do what the hook {row.name} was made for: create it again.")
        target = ActionTarget(app_type_of(row.app_type), row.instance_id, trigger=Trigger.MANUAL)
        result = await action.run(self._services, target, params)
        log.info("hook called", hook_id=hook_id, action=row.action)
        return HookCallOut(hook_id=hook_id, action=row.action, result=result.message, hunts=result.hunts)

    async def _count_call(self, hook_id: int, *, by_get: bool) -> Hook:
        """The hook, with this call counted. Its row keeps the interval, for all processes and without Redis."""
        now = self._clock()
        last = col(Hook.last_called_at)
        # A last call in the future does not count: the clock was set back.
        is_free = or_(last.is_(None), last <= now - MIN_INTERVAL, last > now)
        counted = update(Hook).where(col(Hook.id) == hook_id, is_free)
        async with self._db.session() as session:
            row = await session.get(Hook, hook_id)
            if row is None:
                raise _not_found(hook_id)
            if by_get and not row.allow_get:
                raise Forbidden("This hook takes POST only: create it with allow_get to call it with GET.")
            taken = await session.exec(counted.values(last_called_at=now, calls=col(Hook.calls) + 1))
            if not taken.rowcount:
                raise TooManyRequests("A hook can be called once a second.", retry_after=MIN_INTERVAL)
        return row


def _not_found(hook_id: int) -> NotFound:
    return NotFound(f"There is no hook with the id {hook_id}.")
