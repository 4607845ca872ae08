"""The MQTT topics and the payloads of commands."""

from dataclasses import dataclass
from typing import Final

from app.home_assistant.settings import MqttTarget

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
CLEARED: Final = b""
PAUSE: Final = "pause"
RESUME: Final = "resume"
HUNT: Final = "hunt"
ON: Final = "ON"
OFF: Final = "OFF"


@dataclass(frozen=True, slots=True)
class Topics:
    """The MQTT topics of a target."""

    target: MqttTarget

    @property
    def node(self) -> str:
        """The prefix of all our ids."""
        return self.target.topic_prefix.replace("/", "_")

    @property
    def availability(self) -> str:
        return f"{self.target.topic_prefix}/status"

    @property
    def birth(self) -> str:
        """Home Assistant publishes `online` here when it has started."""
        return f"{self.target.discovery_prefix}/status"

    @property
    def paused(self) -> str:
        """Commands of the switch that pauses."""
        return f"{self.target.topic_prefix}/paused/set"

    @property
    def pause_minutes(self) -> str:
        """For how many minutes to pause; 0 resumes."""
        return f"{self.target.topic_prefix}/pause_minutes/set"

    def enabled(self, instance_id: int | str) -> str:
        """Commands of the switch that enables and disables an instance."""
        return f"{self.base(instance_id)}/enabled/set"

    def command(self, instance_id: int | str | None = None) -> str:
        """Commands of the buttons."""
        return f"{self.base(instance_id)}/command"

    def base(self, instance_id: int | str | None) -> str:
        prefix = self.target.topic_prefix
        return prefix if instance_id is None else f"{prefix}/instances/{instance_id}"

    def state(self, instance_id: int | None = None) -> str:
        return f"{self.base(instance_id)}/state"

    def event(self, instance_id: int | None = None) -> str:
        return f"{self.base(instance_id)}/event"

    def device(self, instance_id: int | None = None) -> str:
        """The id of a device."""
        return self.node if instance_id is None else f"{self.node}_instance_{instance_id}"

    def config(self, instance_id: int | None = None) -> str:
        return f"{self.target.discovery_prefix}/device/{self.device(instance_id)}/config"

    @property
    def commands(self) -> tuple[str, ...]:
        """All topics on which we are told what to do."""
        return self.command(), self.command("+"), self.paused, self.pause_minutes, self.enabled("+")
