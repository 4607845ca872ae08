"""What Home Assistant is shown: devices, their entities and states, as retained messages. Pure.

Device discovery, one message for each device: <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>
(since Home Assistant 2024.12). Unique ids are made of the topic prefix and the instance's id, which both stay.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.arr.models import AppType
from app.arr.registry import REGISTRY
from app.dashboard.schemas import InstanceStatsOut, StatsOut
from app.events.catalogue import EVENTS
from app.events.payloads import InstancePayload
from app.home_assistant.settings import MqttTarget

Json = dict[str, Any]

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
GONE: Final = b""
PAUSE: Final = "pause"
RESUME: Final = "resume"
HUNT: Final = "hunt"
ON: Final = "ON"
OFF: Final = "OFF"

INSTANCE_EVENTS: Final = [
    name.value for name, kind in EVENTS.items() if kind.is_durable and issubclass(kind.payload, InstancePayload)
]
OTHER_EVENTS: Final = [
    name.value for name, kind in EVENTS.items() if kind.is_durable and not issubclass(kind.payload, InstancePayload)
]


@dataclass(frozen=True, slots=True)
class Topics:
    """Where everything is."""

    place: MqttTarget

    @property
    def node(self) -> str:
        """What all our ids begin with."""
        return self.place.topic_prefix.replace("/", "_")

    @property
    def availability(self) -> str:
        return f"{self.place.topic_prefix}/status"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.place.discovery_prefix}/status"

    @property
    def paused(self) -> str:
        """Where the switch sends."""
        return f"{self.place.topic_prefix}/paused/set"

    def command(self, instance_id: int | str | None = None) -> str:
        """Where the buttons send."""
        return f"{self.base(instance_id)}/command"

    def base(self, instance_id: int | str | None) -> str:
        prefix = self.place.topic_prefix
        return prefix if instance_id is None else f"{prefix}/instances/{instance_id}"

    def state(self, instance_id: int | None = None) -> str:
        return f"{self.base(instance_id)}/state"

    def event(self, instance_id: int | None = None) -> str:
        return f"{self.base(instance_id)}/event"

    def device(self, instance_id: int | None = None) -> str:
        """A device's id."""
        return self.node if instance_id is None else f"{self.node}_instance_{instance_id}"

    def config(self, instance_id: int | None = None) -> str:
        return f"{self.place.discovery_prefix}/device/{self.device(instance_id)}/config"


def retained(place: MqttTarget, stats: StatsOut, *, is_paused: bool, version: str) -> dict[str, bytes]:
    """All that is to be retained at the broker, by topic; each config before the states that it explains."""
    topics = Topics(place)
    found: Json = {topics.config(): _huntarr(topics, version), topics.state(): _totals(stats, is_paused=is_paused)}
    for app_type, app in stats.apps.items():
        for one in app.instances:
            found[topics.config(one.id)] = _instance(topics, app_type, one, version)
            found[topics.state(one.id)] = _state(one)
    return {topic: _packed(document) for topic, document in found.items()}


def told(place: MqttTarget, happening: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Topic and message of an event of the stream, if it is one that Home Assistant is told of."""
    topics, name, data = Topics(place), happening["type"], happening["data"]
    if name not in INSTANCE_EVENTS and name not in OTHER_EVENTS:
        return None
    instance_id = data["instance_id"] if name in INSTANCE_EVENTS else None
    more = {"event_type": name, "level": happening["level"], "timestamp": happening["timestamp"]}
    return topics.event(instance_id), _packed({**data, **more})


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


def _instance(topics: Topics, app_type: AppType, one: InstanceStatsOut, version: str) -> Json:
    entity = _Entities(topics.device(one.id))
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
    entity.button(HUNT, "Hunt now", "crosshairs", topics.command(one.id))
    entity.add("event", "event", name="Event", state_topic=topics.event(one.id), event_types=INSTANCE_EVENTS)
    device: Json = {"name": one.name, "model": REGISTRY[app_type].label, "via_device": topics.device()}
    if one.version is not None:
        device["sw_version"] = one.version
    return _device(topics, one.id, device, entity, version)


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
    """The entities of one device, by their unique ids."""

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


def _state(one: InstanceStatsOut) -> Json:
    """Null where nothing is known yet: its template gives `None`, which Home Assistant shows as unknown."""
    shown = one.model_dump(mode="json")
    online = None if one.online is None else ON if one.online else OFF
    return {
        "enabled": one.enabled,
        "online": online,
        "missing": one.missing_total,
        "cutoff": one.cutoff_total,
        "queue": one.queue_total,
        "searches_this_hour": one.searches_this_hour,
        "last_hunt": shown["last_hunt_at"],
        "next_hunt": shown["next_hunt_at"],
        "error": one.error,
    }


def _packed(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
