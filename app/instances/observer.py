"""How other features follow the changes of an instance, in the unit of work that makes the change."""

from collections.abc import Collection
from typing import Protocol

from sqlmodel.ext.asyncio.session import AsyncSession

from app.instances.models import InstanceState
from app.settings.hunting import HuntingSettings


class InstanceObserver(Protocol):
    """Is called on changes of instances. The hunts implement it; this package must not import them."""

    async def created(self, session: AsyncSession, instance_id: int, hunting: HuntingSettings) -> None: ...

    async def interval_changed(
        self, session: AsyncSession, instance_ids: Collection[int], hunting: HuntingSettings
    ) -> None: ...

    async def address_changed(self, session: AsyncSession, instance_id: int) -> None: ...

    async def deleting(self, session: AsyncSession, instance_id: int) -> None: ...

    async def found_offline(self, session: AsyncSession, state: InstanceState) -> None: ...
