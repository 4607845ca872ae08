"""The services of notifications."""

from dataclasses import dataclass

from app import __version__
from app.infra import Infra
from app.instances.service import InstanceService
from app.notifications.apprise_client import AppriseClient
from app.notifications.clients import NotificationClients
from app.notifications.delivery import Deliverer
from app.notifications.routing import NotificationRouter
from app.notifications.service import NotificationService
from app.notifications.webhook_client import WebhookClient


@dataclass(frozen=True, slots=True)
class NotificationServices:
    """`router` turns events into deliveries, `deliverer` sends them through `clients`."""

    service: NotificationService
    router: NotificationRouter
    deliverer: Deliverer
    clients: NotificationClients

    @classmethod
    def build(cls, infra: Infra, instances: InstanceService) -> "NotificationServices":
        clients = NotificationClients(WebhookClient(__version__, infra.clock), AppriseClient())
        return cls(
            NotificationService(infra.db, infra.box, clients, instances, infra.clock),
            NotificationRouter(infra.clock),
            Deliverer(infra.db, infra.box, clients, infra.clock),
            clients,
        )
