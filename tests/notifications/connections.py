"""Create connections, emit events, and read the deliveries."""

from typing import Any

from sqlmodel import col, select

from app.events.payloads import Durable
from app.notifications.clients import NotificationClients
from app.notifications.delivery import Deliverer
from app.notifications.models import Delivery
from app.notifications.schemas import ConnectionIn, ConnectionOut
from tests.events.samples import record_events
from tests.notifications.receivers import Receiver
from tests.support.rig import Rig


async def add_connection(rig: Rig, receiver: Receiver | None = None, **given: Any) -> ConnectionOut:
    """By default a webhook to `receiver` for all events."""
    if receiver is not None:
        given = {"provider": "webhook", "settings": {"url": receiver.url}, **given}
    made = ConnectionIn.model_validate({"name": "Phone", "events": ["*"], **given})
    return await rig.container.notifications.service.create(made)


async def emit(rig: Rig, *events: Durable) -> None:
    """Record the events and have them routed."""
    await record_events(rig, *events)
    await rig.container.events.relay.relay_waiting()


async def send_due(rig: Rig, deliverer: Deliverer | None = None) -> None:
    """Send everything that is due by the test's clock."""
    while await (deliverer or rig.container.notifications.deliverer).deliver_due():
        pass


async def deliveries(rig: Rig) -> list[Delivery]:
    """The oldest first."""
    async with rig.container.infra.db.reading() as session:
        return list((await session.exec(select(Delivery).order_by(col(Delivery.id)))).all())


async def statuses(rig: Rig) -> list[str]:
    return [row.status for row in await deliveries(rig)]


def another_worker(rig: Rig, clients: NotificationClients) -> Deliverer:
    """A deliverer as in another process."""
    return Deliverer(rig.container.infra.db, rig.container.infra.box, clients, rig.clock)
