"""Making connections, letting things happen, and reading what was delivered."""

from typing import Any

from sqlmodel import col, select

from app.events.payloads import Durable
from app.notifications.clients import NotificationClients
from app.notifications.delivery import Deliverer
from app.notifications.models import Delivery
from app.notifications.schemas import ConnectionIn, ConnectionOut
from app.notifications.settings_cipher import SettingsCipher
from tests.events.samples import happen
from tests.notifications.receivers import Receiver
from tests.support.rig import Rig


async def connected(rig: Rig, receiver: Receiver | None = None, **given: Any) -> ConnectionOut:
    """A webhook to `receiver`, told of everything, if nothing else is said."""
    if receiver is not None:
        given = {"provider": "webhook", "settings": {"url": receiver.url}, **given}
    made = ConnectionIn.model_validate({"name": "Phone", "events": ["*"], **given})
    return await rig.container.notifications.create(made)


async def told(rig: Rig, *events: Durable) -> None:
    """Let them happen, and have them routed."""
    await happen(rig, *events)
    await rig.container.relay.relay_waiting()


async def sent(rig: Rig, deliverer: Deliverer | None = None) -> None:
    """Send all that is due at this moment of the test's clock."""
    while await (deliverer or rig.container.deliverer).deliver_due():
        pass


async def deliveries(rig: Rig) -> list[Delivery]:
    """The oldest first."""
    async with rig.container.db.reading() as session:
        return list((await session.exec(select(Delivery).order_by(col(Delivery.id)))).all())


async def statuses(rig: Rig) -> list[str]:
    return [row.status for row in await deliveries(rig)]


def another_worker(rig: Rig, outlets: NotificationClients) -> Deliverer:
    """A deliverer as in another process."""
    return Deliverer(rig.container.db, SettingsCipher(rig.container.box), outlets, rig.clock)
