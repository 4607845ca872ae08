"""How many hunts are queued and running, and what stops one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.hunting.store.models import OPEN, Hunt
from app.settings.models import SettingsSection
from app.settings.service import GENERAL

_OPEN_HUNTS: Any = (
    select(Hunt.status, func.count(), func.min(func.coalesce(col(Hunt.started_at), col(Hunt.queued_at))))
    .where(col(Hunt.status).in_(OPEN))
    .group_by(Hunt.status)
)
_STOPS = (
    select(Hunt.cancel_requested, SettingsSection.stored)
    .outerjoin(SettingsSection, col(SettingsSection.name) == GENERAL)
    .where(col(Hunt.id) == bindparam("id"))
)


@dataclass(frozen=True, slots=True)
class OpenHunts:
    """The open hunts of one status; `oldest_at` is when the first of them was queued or started."""

    number: int = 0
    oldest_at: datetime | None = None


async def open_hunts(session: AsyncSession) -> dict[str, OpenHunts]:
    """By status: `queued` and `running`."""
    found = {status: OpenHunts(number, at) for status, number, at in (await session.exec(_OPEN_HUNTS)).all()}
    return {status: found.get(status, OpenHunts()) for status in OPEN}


async def what_stops(session: AsyncSession, hunt_id: int) -> tuple[bool, Mapping[str, Any]]:
    """Whether somebody cancelled the hunt, and the stored general settings, which may pause all hunting."""
    is_cancelled, general = (await session.exec(_STOPS, params={"id": hunt_id})).one()
    return is_cancelled, general or {}
