"""The two clients that providers send with: our own HTTP client, and Apprise in a subprocess."""

from dataclasses import dataclass

from app.notifications.apprise_client import AppriseClient
from app.notifications.webhook_client import WebhookClient


@dataclass(frozen=True, slots=True)
class NotificationClients:
    """One per process."""

    web: WebhookClient
    apprise: AppriseClient

    async def aclose(self) -> None:
        await self.web.aclose()
