"""What other features keep of an instance: changed in the unit of work that changes the instance."""

from collections.abc import Collection
from typing import Protocol

from sqlmodel.ext.asyncio.session import AsyncSession

from app.instances.models import InstanceState
from app.settings.hunting import HuntingSettings


class InstanceObserver(Protocol):
    """Hears of changes of instances; the hunts implement it, so that instances need not know them."""

    async def created(self, session: AsyncSession, instance_id: int, hunting: HuntingSettings) -> None: ...

    async def interval_changed(
        self, session: AsyncSession, instance_ids: Collection[int], hunting: HuntingSettings
    ) -> None: ...

    async def address_changed(self, session: AsyncSession, instance_id: int) -> None: ...

    async def deleting(self, session: AsyncSession, instance_id: int) -> None: ...

    async def found_offline(self, session: AsyncSession, state: InstanceState) -> None: ...
