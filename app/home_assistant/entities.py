"""Devices, entities and states of Home Assistant as MQTT messages. Pure.

Device discovery, one message for each device: <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>
(since Home Assistant 2024.12). Unique ids consist of the topic prefix and the instance's id, which both stay the same.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.arr.models import AppType
from app.arr.registry import REGISTRY
from app.dashboard.schemas import InstanceStatsOut, StatsOut
from app.events.catalogue import DURABLE_EVENTS, EVENTS
from app.events.payloads import InstancePayload
from app.home_assistant.settings import MqttTarget

Json = dict[str, Any]

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
CLEARED: Final = b""
PAUSE: Final = "pause"
RESUME: Final = "resume"
HUNT: Final = "hunt"
ON: Final = "ON"
OFF: Final = "OFF"

INSTANCE_EVENTS: Final = [name.value for name in DURABLE_EVENTS if issubclass(EVENTS[name].payload, InstancePayload)]
OTHER_EVENTS: Final = [name.value for name in DURABLE_EVENTS if name.value not in INSTANCE_EVENTS]


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
        """Commands of the switch."""
        return f"{self.target.topic_prefix}/paused/set"

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


def retained_messages(target: MqttTarget, stats: StatsOut, *, is_paused: bool, version: str) -> dict[str, bytes]:
    """All retained messages by topic, each device before its state."""
    topics = Topics(target)
    documents: Json = {topics.config(): _huntarr(topics, version), topics.state(): _totals(stats, is_paused=is_paused)}
    for app_type, app in stats.apps.items():
        for instance in app.instances:
            documents[topics.config(instance.id)] = _instance(topics, app_type, instance, version)
            documents[topics.state(instance.id)] = _state(instance)
    return {topic: _json(document) for topic, document in documents.items()}


def event_message(target: MqttTarget, event: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Topic and payload for a message of the event stream; None for events that Home Assistant does not get."""
    topics, name, data = Topics(target), event["type"], event["data"]
    if name not in INSTANCE_EVENTS and name not in OTHER_EVENTS:
        return None
    instance_id = data["instance_id"] if name in INSTANCE_EVENTS else None
    more = {"event_type": name, "level": event["level"], "timestamp": event["timestamp"]}
    return topics.event(instance_id), _json({**data, **more})


def _huntarr(topics: Topics, version: str) -> Json:
    entity = _Entities(topics.device())
    for total, icon in (("hunted", "magnify"), ("grabbed", "download"), ("imported", "check")):
        entity.sensor(total, total.capitalize(), icon, state_class="total_increasing", value="totals." + total)
    entity.sensor("queued", "Queued hunts", "tray-full", state_class="measurement")
    entity.add(
        "paused",
        "switch",
        name="Paused",
        icon="mdi:pause-circle",
        value_template="{{ value_json.paused }}",
        command_topic=topics.paused,
        payload_on=ON,
        payload_off=OFF,
    )
    entity.button(PAUSE, "Pause", "pause", topics.command())
    entity.button(RESUME, "Resume", "play", topics.command())
    entity.add("event", "event", name="Event", state_topic=topics.event(), event_types=OTHER_EVENTS)
    device = {"name": "Huntarr", "sw_version": version}
    return _device(topics, None, device, entity, version)


def _instance(topics: Topics, app_type: AppType, instance: InstanceStatsOut, version: str) -> Json:
    entity = _Entities(topics.device(instance.id))
    entity.sensor("missing", "Missing", "help-box", state_class="measurement")
    entity.sensor("cutoff", "Below cutoff", "arrow-up-bold-box", state_class="measurement")
    entity.sensor("queue", "Download queue", "tray-full", state_class="measurement")
    entity.sensor("searches_this_hour", "Searches this hour", "magnify", state_class="measurement")
    entity.sensor("last_hunt", "Last hunt", "clock-check", device_class="timestamp")
    entity.sensor("next_hunt", "Next hunt", "clock-fast", device_class="timestamp")
    entity.add(
        "online",
        "binary_sensor",
        name="Online",
        device_class="connectivity",
        entity_category="diagnostic",
        value_template="{{ value_json.online }}",
        payload_on=ON,
        payload_off=OFF,
    )
    entity.button(HUNT, "Hunt now", "crosshairs", topics.command(instance.id))
    entity.add("event", "event", name="Event", state_topic=topics.event(instance.id), event_types=INSTANCE_EVENTS)
    device: Json = {"name": instance.name, "model": REGISTRY[app_type].label, "via_device": topics.device()}
    if instance.version is not None:
        device["sw_version"] = instance.version
    return _device(topics, instance.id, device, entity, version)


def _device(topics: Topics, instance_id: int | None, device: Json, entities: "_Entities", version: str) -> Json:
    return {
        "device": {"identifiers": [topics.device(instance_id)], "manufacturer": "Huntarr", **device},
        "origin": {"name": "Huntarr", "sw_version": version},
        "availability_topic": topics.availability,
        "state_topic": topics.state(instance_id),
        "qos": 1,
        "components": dict(entities),
    }


class _Entities:
    """The entities of one device by unique id."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._found: dict[str, Json] = {}

    def __iter__(self) -> Iterator[tuple[str, Json]]:
        return iter(self._found.items())

    def add(self, key: str, platform: str, **more: Any) -> None:
        unique_id = f"{self._device}_{key}"
        self._found[unique_id] = {"platform": platform, "unique_id": unique_id, **more}

    def sensor(self, key: str, name: str, icon: str, *, value: str | None = None, **more: Any) -> None:
        template = "{{ value_json." + (value or key) + " }}"
        self.add(key, "sensor", name=name, icon=f"mdi:{icon}", value_template=template, **more)

    def button(self, payload: str, name: str, icon: str, topic: str) -> None:
        self.add(payload, "button", name=name, icon=f"mdi:{icon}", command_topic=topic, payload_press=payload)


def _totals(stats: StatsOut, *, is_paused: bool) -> Json:
    return {
        "paused": ON if is_paused else OFF,
        "totals": stats.totals.model_dump(mode="json"),
        "queued": stats.queue.queued,
        "running": stats.queue.running,
    }


def _state(instance: InstanceStatsOut) -> Json:
    """Null for what is not known yet: the template then gives `None`, which Home Assistant shows as unknown."""
    shown = instance.model_dump(mode="json")
    online = None if instance.online is None else ON if instance.online else OFF
    return {
        "enabled": instance.enabled,
        "online": online,
        "missing": instance.missing_total,
        "cutoff": instance.cutoff_total,
        "queue": instance.queue_total,
        "searches_this_hour": instance.searches_this_hour,
        "last_hunt": shown["last_hunt_at"],
        "next_hunt": shown["next_hunt_at"],
        "error": instance.error,
    }


def _json(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
