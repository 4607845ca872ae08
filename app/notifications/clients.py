"""The two ways out: HTTP of our own, and Apprise in a process of its own."""

from dataclasses import dataclass

from app.notifications.apprise_client import AppriseDoor
from app.notifications.webhook_client import WebDoor


@dataclass(frozen=True, slots=True)
class Outlets:
    """What providers send with; one a process."""

    web: WebDoor
    apprise: AppriseDoor

    async def aclose(self) -> None:
        await self.web.aclose()
