"""The two ways out: HTTP of our own, and Apprise in a process of its own."""

from dataclasses import dataclass

from app.notifications.apprise_client import AppriseClient
from app.notifications.webhook_client import WebhookClient


@dataclass(frozen=True, slots=True)
class NotificationClients:
    """What providers send with; one a process."""

    web: WebhookClient
    apprise: AppriseClient

    async def aclose(self) -> None:
        await self.web.aclose()
