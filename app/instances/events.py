"""The events of an instance: offline, and online again."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType
from app.events.outbox import record_event
from app.events.payloads import InstanceOffline, InstanceOnline
from app.instances.models import InstanceState


async def record_offline(
    session: AsyncSession, app_type: AppType, name: str, state: InstanceState, now: datetime
) -> None:
    """`state` is what was just observed."""
    event = InstanceOffline(
        app_type=app_type,
        instance_id=state.instance_id,
        instance_name=name,
        error_code=state.error_code or "",
        error=state.error or "",
        next_try_at=state.rest_until,
    )
    await record_event(session, event, now)


async def record_online(
    session: AsyncSession, app_type: AppType, name: str, state: InstanceState, now: datetime
) -> None:
    """`state` is what was just observed."""
    event = InstanceOnline(
        app_type=app_type,
        instance_id=state.instance_id,
        instance_name=name,
        version=state.version,
    )
    await record_event(session, event, now)
