"""Sample events, recorded as the features of Huntarr do it."""

from typing import Any

from sqlmodel import select

from app.arr.models import AppType, HuntPass, Unit
from app.events.models import Event
from app.events.outbox import record_event
from app.events.payloads import BackupFailed, Durable, HuntCompleted, InstanceOffline, MediaImported, SearchSent
from tests.support.rig import Rig

INSTANCE: dict[str, Any] = {"app_type": AppType.SONARR, "instance_id": 7, "instance_name": "TV"}


def search_sent(number: int = 1, **given: Any) -> SearchSent:
    return SearchSent(
        **INSTANCE,
        hunt_id=3,
        search_id=number,
        hunt_pass=HuntPass.MISSING,
        media_key=f"episode:{number}",
        unit=Unit.EPISODE,
        **{"title": f"Episode {number}", **given},
    )


def hunt_completed(number: int = 3) -> HuntCompleted:
    return HuntCompleted(
        **INSTANCE, hunt_id=number, trigger="interval", status="completed", searched=2, took_seconds=1.5
    )


def instance_offline(error: str = "Nothing listens there.") -> InstanceOffline:
    return InstanceOffline(**INSTANCE, error_code="unreachable", error=error)


def media_imported(**given: Any) -> MediaImported:
    search = {
        "hunt_id": 1,
        "search_id": 1,
        "hunt_pass": HuntPass.MISSING,
        "media_key": "episode:1",
        "unit": Unit.EPISODE,
    }
    return MediaImported(**INSTANCE, **search, **{"title": "The Wire", **given})


def backup_failed(message: str = "No space.") -> BackupFailed:
    return BackupFailed(kind="manual", message=message)


async def record_events(rig: Rig, *events: Durable) -> None:
    """Record them in one transaction."""
    async with rig.container.infra.db.session() as session:
        for event in events:
            await record_event(session, event, rig.clock.now)


async def stored_events(rig: Rig) -> list[Event]:
    async with rig.container.infra.db.reading() as session:
        return list((await session.exec(select(Event).order_by(Event.id))).all())  # type: ignore[arg-type]
