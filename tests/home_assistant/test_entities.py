"""The messages for Home Assistant: their format, unique and stable ids, and matching topics."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.arr.models import AppType
from app.dashboard.schemas import AppStatsOut, CountersOut, InstanceStatsOut, QueueStatsOut, StatsOut
from app.home_assistant.broker import parse_broker_url
from app.home_assistant.commands import Command, HuntNow, SetPause, parse_command
from app.home_assistant.entities import INSTANCE_EVENTS, OTHER_EVENTS, Topics, event_message, retained_messages
from app.home_assistant.settings import MqttTarget

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTS = {"hunted": 9, "upgraded": 1, "grabbed": 5, "imported": 4, "errors": 0}
TARGET = MqttTarget(parse_broker_url("mqtt://broker", verify_tls=True), "homeassistant", "huntarr")
OBJECT_ID = re.compile(r"[a-zA-Z0-9_-]+")
NEEDED = {
    "sensor": {"state_topic", "value_template"},
    "binary_sensor": {"state_topic", "value_template", "payload_on", "payload_off"},
    "switch": {"state_topic", "value_template", "command_topic", "payload_on", "payload_off"},
    "button": {"command_topic", "payload_press"},
    "event": {"state_topic", "event_types"},
}


def instance(instance_id: int, **given: Any) -> InstanceStatsOut:
    values: dict[str, Any] = {
        "id": instance_id,
        "name": f"TV {instance_id}",
        "enabled": True,
        "online": True,
        "version": "4.0.19",
        "error": None,
        "missing_total": 412,
        "cutoff_total": 37,
        "queue_total": 3,
        "searches_this_hour": 4,
        "hourly_cap": 20,
        "searches_today": 31,
        "daily_cap": 0,
        "last_hunt_at": NOW,
        "next_hunt_at": NOW,
        "checked_at": NOW,
    }
    return InstanceStatsOut(**{**COUNTS, **values, **given})


def published(*instances: InstanceStatsOut, target: MqttTarget = TARGET, is_paused: bool = False) -> dict[str, Any]:
    apps = {AppType.SONARR: AppStatsOut(**COUNTS, instances=list(instances))}
    queue = QueueStatsOut(queued=1, running=2, workers=1)
    stats = StatsOut(generated_at=NOW, totals=CountersOut(**COUNTS), apps=apps, queue=queue)
    found = retained_messages(target, stats, is_paused=is_paused, version="1.2.3")
    return {topic: json.loads(payload) for topic, payload in found.items()}


def configs(found: dict[str, Any]) -> dict[str, Any]:
    return {topic: config for topic, config in found.items() if topic.endswith("/config")}


def test_every_device_has_the_discovery_format_of_home_assistant() -> None:
    for topic, config in configs(published(instance(1), instance(2, version=None))).items():
        prefix, component, object_id, last = topic.split("/")
        assert (prefix, component, last) == ("homeassistant", "device", "config")
        assert OBJECT_ID.fullmatch(object_id)
        assert config["device"]["identifiers"] == [object_id]
        assert config["device"]["name"]
        assert None not in config["device"].values()
        assert config["origin"] == {"name": "Huntarr", "sw_version": "1.2.3"}
        assert config["availability_topic"] == "huntarr/status"
        for key, entity in config["components"].items():
            assert entity["unique_id"] == key
            assert NEEDED[entity["platform"]] <= set(entity) | {"state_topic"}
            assert entity["name"]


def test_ids_are_unique_and_stable() -> None:
    found = configs(published(instance(1), instance(12)))
    ids = [key for config in found.values() for key in config["components"]]
    assert len(ids) == len(set(ids))
    renamed = configs(published(instance(1, name="Other", online=None, missing_total=None), instance(12)))
    assert [key for config in renamed.values() for key in config["components"]] == ids
    other = configs(published(instance(1), target=MqttTarget(TARGET.broker, "homeassistant", "cinema/huntarr")))
    assert not set(ids) & {key for config in other.values() for key in config["components"]}


def test_each_device_has_its_entities() -> None:
    huntarr, tv = (config["components"] for config in configs(published(instance(7))).values())
    assert {key.removeprefix("huntarr_"): entity["platform"] for key, entity in huntarr.items()} == {
        "hunted": "sensor",
        "grabbed": "sensor",
        "imported": "sensor",
        "queued": "sensor",
        "paused": "switch",
        "pause": "button",
        "resume": "button",
        "event": "event",
    }
    assert {key.removeprefix("huntarr_instance_7_"): entity["platform"] for key, entity in tv.items()} == {
        "missing": "sensor",
        "cutoff": "sensor",
        "queue": "sensor",
        "searches_this_hour": "sensor",
        "last_hunt": "sensor",
        "next_hunt": "sensor",
        "online": "binary_sensor",
        "hunt": "button",
        "event": "event",
    }


def test_templates_read_values_of_the_states() -> None:
    found = published(instance(7))
    for config in configs(found).values():
        state = found[config["state_topic"]]
        for entity in config["components"].values():
            if "value_template" in entity:
                value: Any = state
                for part in entity["value_template"].removeprefix("{{ value_json.").removesuffix(" }}").split("."):
                    value = value[part]
                assert value is not None


def test_states() -> None:
    found = published(instance(7), instance(8, online=None, missing_total=None, last_hunt_at=None), is_paused=True)
    assert found["huntarr/state"] == {"paused": "ON", "totals": COUNTS, "queued": 1, "running": 2}
    assert found["huntarr/instances/7/state"] == {
        "enabled": True,
        "online": "ON",
        "missing": 412,
        "cutoff": 37,
        "queue": 3,
        "searches_this_hour": 4,
        "last_hunt": "2026-11-23T12:00:00.000Z",
        "next_hunt": "2026-11-23T12:00:00.000Z",
        "error": None,
    }
    unknown = found["huntarr/instances/8/state"]
    assert (unknown["online"], unknown["missing"], unknown["last_hunt"]) == (None, None, None)


def test_events_are_published_to_the_topic_of_their_entity() -> None:
    found = configs(published(instance(7)))
    common = {"level": "info", "timestamp": "2026-11-23T12:00:00.000Z", "event_id": 3}
    grabbed = event_message(
        TARGET, {**common, "type": "media.grabbed", "data": {"instance_id": 7, "title": "The Wire"}}
    )
    failed = event_message(
        TARGET, {**common, "type": "backup.failed", "data": {"kind": "manual", "message": "No space"}}
    )
    assert grabbed is not None
    assert failed is not None
    tv = found["homeassistant/device/huntarr_instance_7/config"]["components"]["huntarr_instance_7_event"]
    huntarr = found["homeassistant/device/huntarr/config"]["components"]["huntarr_event"]
    assert (grabbed[0], failed[0]) == (tv["state_topic"], huntarr["state_topic"])
    assert json.loads(grabbed[1])["event_type"] in tv["event_types"] == INSTANCE_EVENTS
    assert json.loads(failed[1])["event_type"] in huntarr["event_types"] == OTHER_EVENTS
    assert json.loads(grabbed[1])["title"] == "The Wire"
    assert event_message(TARGET, {**common, "type": "log", "data": {"message": "noise"}}) is None


@pytest.mark.parametrize(
    ("topic", "payload", "command"),
    [
        ("huntarr/command", b"pause", SetPause(True)),
        ("huntarr/command", b"resume", SetPause(False)),
        ("huntarr/paused/set", b"ON", SetPause(True)),
        ("huntarr/paused/set", b"OFF", SetPause(False)),
        ("huntarr/instances/7/command", b"hunt", HuntNow(7)),
        ("huntarr/instances/7/command", b"pause", None),
        ("huntarr/instances/07/command", b"hunt", None),
        ("huntarr/instances/-7/command", b"hunt", None),
        ("huntarr/instances/99999999999/command", b"hunt", None),
        ("huntarr/instances/7/8/command", b"hunt", None),
        ("huntarr/instances//command", b"hunt", None),
        ("huntarr/command", b"hunt", None),
        ("huntarr/command", b"", None),
        ("huntarr/command", b"\xff", None),
        ("huntarr/paused/set", b"on", None),
        ("other/command", b"pause", None),
    ],
)
def test_messages_are_parsed_into_commands_or_nothing(topic: str, payload: bytes, command: Command | None) -> None:
    assert parse_command(Topics(TARGET), topic, payload) == command


def test_payloads_of_buttons_and_switches_are_commands() -> None:
    for config in configs(published(instance(7))).values():
        for entity in config["components"].values():
            for name in ("payload_press", "payload_on", "payload_off"):
                if name in entity and "command_topic" in entity:
                    assert parse_command(Topics(TARGET), entity["command_topic"], entity[name].encode()) is not None
