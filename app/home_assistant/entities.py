"""Devices and entities of Home Assistant. Pure.

Device discovery, one message for each device: <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>
(since Home Assistant 2024.12). Unique ids consist of the topic prefix and the instance's id, which both stay the same.
"""

from collections.abc import Iterator
from typing import Any, Final

from app.arr.registry import REGISTRY
from app.events.catalogue import DURABLE_EVENTS, EVENTS
from app.events.payloads import InstanceOffline, InstanceOnline, InstancePayload, SwaparrPayload
from app.home_assistant.devices import InstanceDevice
from app.home_assistant.topics import HUNT, OFF, ON, PAUSE, RESUME, Topics

Json = dict[str, Any]

INSTANCE_EVENTS: Final = [name.value for name in DURABLE_EVENTS if issubclass(EVENTS[name].payload, InstancePayload)]
SWAPARR_EVENTS: Final = [name.value for name in DURABLE_EVENTS if issubclass(EVENTS[name].payload, SwaparrPayload)]
"""What happens to a policy of Swaparr."""
HUNTING_EVENTS: Final = [name for name in INSTANCE_EVENTS if name not in SWAPARR_EVENTS]
HEALTH_EVENTS: Final = [
    name.value for name in DURABLE_EVENTS if issubclass(EVENTS[name].payload, InstanceOffline | InstanceOnline)
]
"""What happens to an instance of an app that does not hunt."""
OTHER_EVENTS: Final = [name.value for name in DURABLE_EVENTS if name.value not in INSTANCE_EVENTS]

MAX_STATE_LENGTH: Final = 255
MAX_PAUSE_MINUTES: Final = 10_080
"""A week; a longer pause is one without an end."""
COUNTERS: Final = (
    ("hunted", "Hunted", "magnify", "items", None),
    ("upgraded", "Upgrades searched", "arrow-up-bold", "items", None),
    ("grabbed", "Grabbed", "download", "releases", None),
    ("imported", "Imported", "check", "releases", None),
    ("errors", "Errors", "alert-circle", "errors", "diagnostic"),
)
"""Key, name, icon, unit and category."""
IS_ENABLED: Final = "{{ 'online' if value_json.enabled else 'offline' }}"


def huntarr_config(topics: Topics, public_url: str | None, version: str) -> Json:
    entity = _Entities(topics.device())
    for key, name, icon, unit, category in COUNTERS:
        entity.counter(key, name, icon, unit, category, value="totals." + key)
    entity.measurement("queued", "Queued hunts", "tray-full", "hunts")
    entity.measurement("running", "Running hunts", "run-fast", "hunts")
    entity.sensor("paused_until", "Paused until", "timer-sand", device_class="timestamp")
    entity.switch("paused", "Paused", "pause-circle", topics.paused, "{{ value_json.paused }}")
    entity.add(
        "pause_minutes",
        "number",
        name="Pause for",
        icon="mdi:timer",
        value_template="{{ value_json.pause_minutes }}",
        command_topic=topics.pause_minutes,
        min=0,
        max=MAX_PAUSE_MINUTES,
        step=1,
        mode="box",
        unit_of_measurement="min",
        entity_category="config",
    )
    entity.button(PAUSE, "Pause", "pause", topics.command())
    entity.button(RESUME, "Resume", "play", topics.command())
    entity.button(HUNT, "Hunt all", "crosshairs", topics.command())
    entity.add("event", "event", name="Event", state_topic=topics.event(), event_types=OTHER_EVENTS)
    device: Json = {"name": "Huntarr", "sw_version": version}
    if public_url is not None:
        device["configuration_url"] = f"{public_url}/docs"
    return _device(topics, None, device, entity, _origin(public_url, version))


def instance_config(topics: Topics, instance: InstanceDevice, public_url: str | None, version: str) -> Json:
    entity = _Entities(topics.device(instance.id))
    is_enabled = "{{ '" + ON + "' if value_json.enabled else '" + OFF + "' }}"
    # Of the switch alone the availability does not follow it: it must be there to switch on again.
    status = [{"topic": topics.availability}]
    enabled = topics.enabled(instance.id)
    entity.switch("enabled", "Enabled", "power", enabled, is_enabled, availability=status, entity_category="config")
    if instance.swaparr is not None:
        event_types = SWAPARR_EVENTS
        _add_swaparr(entity)
    else:
        event_types = HEALTH_EVENTS if instance.stats is None else HUNTING_EVENTS
        _add_health(entity)
    if instance.stats is not None:
        _add_hunting(entity, topics, instance.id)
    entity.add("event", "event", name="Event", state_topic=topics.event(instance.id), event_types=event_types)
    device: Json = {
        "name": instance.name,
        "model": REGISTRY[instance.app_type].label,
        "via_device": topics.device(),
    }
    if instance.url is not None:
        device["configuration_url"] = instance.url
    if instance.version is not None:
        device["sw_version"] = instance.version
    return _device(topics, instance.id, device, entity, _origin(public_url, version))


def _add_health(entity: "_Entities") -> None:
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
    error = "{{ (value_json.error or 'none')[:" + str(MAX_STATE_LENGTH) + "] }}"
    entity.sensor("error", "Error", "alert", template=error, entity_category="diagnostic")


def _add_swaparr(entity: "_Entities") -> None:
    entity.measurement("tracked", "Watched downloads", "tray-full", "downloads")
    entity.counter("strikes", "Strikes", "baseball", "strikes", None)
    entity.counter("removed", "Removed", "delete", "downloads", None)


def _add_hunting(entity: "_Entities", topics: Topics, instance_id: int) -> None:
    for key, name, icon, unit, category in COUNTERS:
        entity.counter(key, name, icon, unit, category)
    entity.measurement("missing", "Missing", "help-box", "items")
    entity.measurement("cutoff", "Below cutoff", "arrow-up-bold-box", "items")
    entity.measurement("queue", "Download queue", "tray-full", "downloads")
    entity.measurement("searches_this_hour", "Searches this hour", "magnify", "searches")
    entity.measurement("searches_left", "Searches left", "gauge", "searches")
    entity.sensor("last_hunt", "Last hunt", "clock-check", device_class="timestamp", entity_category="diagnostic")
    entity.sensor("next_hunt", "Next hunt", "clock-fast", device_class="timestamp")
    entity.button(HUNT, "Hunt now", "crosshairs", topics.command(instance_id))


def _origin(public_url: str | None, version: str) -> Json:
    support = {"support_url": f"{public_url}/docs"} if public_url is not None else {}
    return {"name": "Huntarr", "sw_version": version, **support}


def _device(topics: Topics, instance_id: int | None, device: Json, entities: "_Entities", origin: Json) -> Json:
    """Everything of a disabled instance is unavailable, as nothing happens there."""
    available: list[Json] = [{"topic": topics.availability}]
    if instance_id is not None:
        available.append({"topic": topics.state(instance_id), "value_template": IS_ENABLED})
    return {
        "device": {"identifiers": [topics.device(instance_id)], "manufacturer": "Huntarr", **device},
        "origin": origin,
        "availability": available,
        "availability_mode": "all",
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

    def sensor(self, key: str, name: str, icon: str, *, template: str | None = None, **more: Any) -> None:
        self.add(key, "sensor", name=name, icon=f"mdi:{icon}", value_template=template or _value(key), **more)

    def measurement(self, key: str, name: str, icon: str, unit: str) -> None:
        self.sensor(key, name, icon, state_class="measurement", unit_of_measurement=unit)

    def counter(
        self, key: str, name: str, icon: str, unit: str, category: str | None, *, value: str | None = None
    ) -> None:
        more = {"entity_category": category} if category is not None else {}
        self.sensor(
            key,
            name,
            icon,
            template=_value(value or key),
            state_class="total_increasing",
            unit_of_measurement=unit,
            **more,
        )

    def switch(self, key: str, name: str, icon: str, topic: str, template: str, **more: Any) -> None:
        given = {"command_topic": topic, "value_template": template, "payload_on": ON, "payload_off": OFF}
        self.add(key, "switch", name=name, icon=f"mdi:{icon}", **given, **more)

    def button(self, payload: str, name: str, icon: str, topic: str) -> None:
        self.add(payload, "button", name=name, icon=f"mdi:{icon}", command_topic=topic, payload_press=payload)


def _value(path: str) -> str:
    return "{{ value_json." + path + " }}"
