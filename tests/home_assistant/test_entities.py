"""The messages for Home Assistant: their format, unique and stable ids, and matching topics."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jinja2
import pytest
from aiomqtt import Topic, Wildcard

from app.arr.models import AppType
from app.dashboard.schemas import (
    CountersOut,
    InstanceStatsOut,
    MovieHuntStatsOut,
    QueueStatsOut,
    StatsOut,
    SwaparrStatsOut,
)
from app.home_assistant.broker import parse_broker_url
from app.home_assistant.commands import Command, HuntNow, SetEnabled, SetPause, parse_command
from app.home_assistant.devices import InstanceDevice, Snapshot
from app.home_assistant.entities import HUNTING_EVENTS, OTHER_EVENTS
from app.home_assistant.messages import event_message, retained_messages
from app.home_assistant.settings import MqttTarget
from app.home_assistant.topics import Topics
from app.settings.service import Pause
from app.swaparr.totals import SwaparrTotals

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NO_PAUSE = Pause(False)
COUNTS = {"hunted": 9, "upgraded": 1, "grabbed": 5, "imported": 4, "errors": 0}
TARGET = MqttTarget(parse_broker_url("mqtt://broker", verify_tls=True), "homeassistant", "huntarr")
OBJECT_ID = re.compile(r"[a-zA-Z0-9_-]+")
# What Home Assistant's MQTT integration needs of a platform, and what else it takes.
COMMON = {"platform", "unique_id", "name", "icon", "availability", "entity_category"}
NEEDED = {
    "sensor": {"value_template"},
    "binary_sensor": {"value_template", "payload_on", "payload_off"},
    "switch": {"value_template", "command_topic", "payload_on", "payload_off"},
    "number": {"value_template", "command_topic", "min", "max", "step"},
    "button": {"command_topic", "payload_press"},
    "event": {"state_topic", "event_types"},
}
TAKEN = {
    "sensor": {"device_class", "state_class", "unit_of_measurement"},
    "binary_sensor": {"device_class"},
    "number": {"mode", "unit_of_measurement"},
}
CATEGORIES = {
    "sensor": {"diagnostic"},
    "binary_sensor": {"diagnostic"},
    "switch": {"config", "diagnostic"},
    "number": {"config", "diagnostic"},
}
TEMPLATES = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - no page is made of it


def instance(instance_id: int, **given: Any) -> InstanceStatsOut:
    values: dict[str, Any] = {
        "id": instance_id,
        "name": f"TV {instance_id}",
        "enabled": True,
        "online": True,
        "version": "4.0.19",
        "error": None,
        "missing_total": 412,
        "missing_total_at": NOW,
        "cutoff_total": 37,
        "cutoff_total_at": NOW,
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


def device_of(stats: InstanceStatsOut, app_type: AppType = AppType.SONARR) -> InstanceDevice:
    return InstanceDevice(
        id=stats.id,
        app_type=app_type,
        name=stats.name,
        enabled=stats.enabled,
        url="http://sonarr:8989/tv",
        online=stats.online,
        version=stats.version,
        error=stats.error,
        stats=stats,
    )


def published(
    *instances: InstanceStatsOut | InstanceDevice,
    target: MqttTarget = TARGET,
    pause: Pause = NO_PAUSE,
    public_url: str | None = "https://huntarr.example.com/base",
) -> dict[str, Any]:
    queue = QueueStatsOut(queued=1, running=2, workers=1)
    swaparr = SwaparrStatsOut(tracked=0, strikes=0, removed=0)
    movies = MovieHuntStatsOut(movies=0, missing=0, downloading=0, imported=0)
    stats = StatsOut(
        generated_at=NOW, totals=CountersOut(**COUNTS), apps={}, movie_hunt=movies, swaparr=swaparr, queue=queue
    )
    devices = [given if isinstance(given, InstanceDevice) else device_of(given) for given in instances]
    found = retained_messages(target, Snapshot(stats, devices, pause, public_url, NOW), "1.2.3")
    return {topic: json.loads(payload) for topic, payload in found.items()}


def configs(found: dict[str, Any]) -> dict[str, Any]:
    return {topic: config for topic, config in found.items() if topic.endswith("/config")}


def entities(config: Any) -> dict[str, Any]:
    """By key: the unique id without the device's."""
    [device] = config["device"]["identifiers"]
    return {key.removeprefix(f"{device}_"): entity for key, entity in config["components"].items()}


def rendered(template: str, state: Any) -> str:
    return TEMPLATES.from_string(template).render(value_json=state)


def test_every_device_has_the_discovery_format_of_home_assistant() -> None:
    for topic, config in configs(published(instance(1), instance(2, version=None))).items():
        prefix, component, object_id, last = topic.split("/")
        assert (prefix, component, last) == ("homeassistant", "device", "config")
        assert OBJECT_ID.fullmatch(object_id)
        assert config["device"]["identifiers"] == [object_id]
        assert config["device"]["name"]
        assert None not in config["device"].values()
        assert config["origin"] == {
            "name": "Huntarr",
            "sw_version": "1.2.3",
            "support_url": "https://huntarr.example.com/base/docs",
        }
        assert config["availability"][0] == {"topic": "huntarr/status"}
        assert "availability_topic" not in config, "Home Assistant takes one form of it only"
        assert config["availability_mode"] == "all"
        for key, entity in config["components"].items():
            assert entity["unique_id"] == key
            assert entity["name"]
            platform = entity["platform"]
            assert NEEDED[platform] <= set(entity) <= NEEDED[platform] | COMMON | TAKEN.get(platform, set())
            if "entity_category" in entity:
                assert entity["entity_category"] in CATEGORIES[platform]
            if "state_class" in entity:
                assert entity["unit_of_measurement"]
                assert "device_class" not in entity


def test_devices_lead_to_their_pages() -> None:
    huntarr, tv = configs(published(instance(7))).values()
    assert huntarr["device"]["configuration_url"] == "https://huntarr.example.com/base/docs"
    assert tv["device"]["configuration_url"] == "http://sonarr:8989/tv"
    huntarr, tv = configs(published(instance(7), public_url=None)).values()
    assert "configuration_url" not in huntarr["device"]
    assert "support_url" not in tv["origin"]


@pytest.mark.parametrize("is_enabled", [True, False])
def test_everything_of_a_disabled_instance_is_unavailable_but_its_switch(is_enabled: bool) -> None:
    found = published(instance(7, enabled=is_enabled))
    config = found["homeassistant/device/huntarr_instance_7/config"]
    for key, entity in entities(config).items():
        watched = entity.get("availability", config["availability"])
        rest = [rendered(topic["value_template"], found[topic["topic"]]) for topic in watched[1:]]
        assert watched[0]["topic"] == "huntarr/status"
        if key == "enabled":
            assert rest == []
            assert rendered(entity["value_template"], found[config["state_topic"]]) == ("ON" if is_enabled else "OFF")
        else:
            assert rest == (["online"] if is_enabled else ["offline"]), key


def test_an_app_without_hunts_has_no_hunting_entity() -> None:
    device = replace(device_of(instance(7)), stats=None)
    found = published(device)
    shown = entities(found["homeassistant/device/huntarr_instance_7/config"])
    assert set(shown) == {"enabled", "online", "error", "event"}
    assert shown["event"]["event_types"] == ["instance.offline", "instance.online"]
    assert found["huntarr/instances/7/state"] == {"enabled": True, "online": "ON", "error": None}


def test_a_policy_of_swaparr_shows_what_it_watches() -> None:
    device = replace(device_of(instance(7)), stats=None, url=None, swaparr=SwaparrTotals(3, 2, 1))
    found = published(replace(device, app_type=AppType.SWAPARR))
    config = found["homeassistant/device/huntarr_instance_7/config"]
    shown = entities(config)
    assert set(shown) == {"enabled", "tracked", "strikes", "removed", "event"}
    assert shown["event"]["event_types"] == ["swaparr.strike", "swaparr.removed"]
    assert "configuration_url" not in config["device"]
    assert found["huntarr/instances/7/state"] == {"enabled": True, "tracked": 3, "strikes": 2, "removed": 1}


def test_ids_are_unique_and_stable() -> None:
    found = configs(published(instance(1), instance(12)))
    ids = [key for config in found.values() for key in config["components"]]
    assert len(ids) == len(set(ids))
    renamed = configs(published(instance(1, name="Other", online=None, missing_total=None), instance(12)))
    assert [key for config in renamed.values() for key in config["components"]] == ids
    other = configs(published(instance(1), target=MqttTarget(TARGET.broker, "homeassistant", "cinema/huntarr")))
    assert not set(ids) & {key for config in other.values() for key in config["components"]}


def test_each_device_has_its_entities() -> None:
    huntarr, tv = map(entities, configs(published(instance(7))).values())
    counters = dict.fromkeys(("hunted", "upgraded", "grabbed", "imported", "errors"), "sensor")
    assert {key: entity["platform"] for key, entity in huntarr.items()} == counters | {
        "queued": "sensor",
        "running": "sensor",
        "paused_until": "sensor",
        "paused": "switch",
        "pause_minutes": "number",
        "pause": "button",
        "resume": "button",
        "hunt": "button",
        "event": "event",
    }
    assert {key: entity["platform"] for key, entity in tv.items()} == counters | {
        "missing": "sensor",
        "cutoff": "sensor",
        "queue": "sensor",
        "searches_this_hour": "sensor",
        "searches_left": "sensor",
        "last_hunt": "sensor",
        "next_hunt": "sensor",
        "error": "sensor",
        "enabled": "switch",
        "online": "binary_sensor",
        "hunt": "button",
        "event": "event",
    }
    by_category = {
        category: {key for key, entity in tv.items() if entity.get("entity_category") == category}
        for category in ("diagnostic", "config")
    }
    assert by_category == {"diagnostic": {"error", "errors", "last_hunt", "online"}, "config": {"enabled"}}


UNKNOWN = dict.fromkeys(("online", "missing_total", "cutoff_total", "queue_total", "last_hunt_at", "next_hunt_at"))


@pytest.mark.parametrize("given", [{}, UNKNOWN])
def test_templates_read_values_of_the_states(given: dict[str, Any]) -> None:
    found = published(instance(7, **given))
    for config in configs(found).values():
        state = found[config["state_topic"]]
        for entity in config["components"].values():
            if "value_template" in entity:
                assert rendered(entity["value_template"], state) != ""


def test_an_error_fits_into_a_state_of_home_assistant() -> None:
    found = published(instance(7, error="x" * 400), instance(8))
    config = found["homeassistant/device/huntarr_instance_7/config"]
    template = entities(config)["error"]["value_template"]
    assert rendered(template, found["huntarr/instances/7/state"]) == "x" * 255
    assert rendered(template, found["huntarr/instances/8/state"]) == "none"
    assert found["huntarr/instances/7/state"]["error"] == "x" * 400


def test_states() -> None:
    found = published(instance(7), instance(8, **UNKNOWN), pause=Pause(True, NOW + timedelta(minutes=89, seconds=1)))
    assert found["huntarr/state"] == {
        "paused": "ON",
        "paused_until": "2026-11-23T13:29:01.000Z",
        "pause_minutes": 90,
        "totals": COUNTS,
        "queued": 1,
        "running": 2,
    }
    assert found["huntarr/instances/7/state"] == {
        "enabled": True,
        "online": "ON",
        **COUNTS,
        "missing": 412,
        "cutoff": 37,
        "queue": 3,
        "searches_this_hour": 4,
        "searches_left": 16,
        "last_hunt": "2026-11-23T12:00:00.000Z",
        "next_hunt": "2026-11-23T12:00:00.000Z",
        "error": None,
    }
    empty = found["huntarr/instances/8/state"]
    assert (empty["online"], empty["missing"], empty["last_hunt"]) == (None, None, None)


@pytest.mark.parametrize(
    ("pause", "minutes", "until"),
    [
        (NO_PAUSE, 0, None),
        (Pause(True), None, None),
        (Pause(True, NOW + timedelta(hours=1)), 60, "2026-11-23T13:00:00.000Z"),
    ],
)
def test_how_long_a_pause_lasts(pause: Pause, minutes: int | None, until: str | None) -> None:
    state = published(pause=pause)["huntarr/state"]
    assert (state["pause_minutes"], state["paused_until"]) == (minutes, until)


@pytest.mark.parametrize(
    ("caps", "left"),
    [
        ({"hourly_cap": 20, "searches_this_hour": 4, "daily_cap": 0}, 16),
        ({"hourly_cap": 20, "searches_this_hour": 4, "daily_cap": 35, "searches_today": 31}, 4),
        ({"hourly_cap": 20, "searches_this_hour": 25, "daily_cap": 0}, 0),
        ({"hourly_cap": 0, "daily_cap": 0}, None),
    ],
)
def test_searches_that_are_left(caps: dict[str, int], left: int | None) -> None:
    assert published(instance(7, **caps))["huntarr/instances/7/state"]["searches_left"] == left


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
    assert json.loads(grabbed[1])["event_type"] in tv["event_types"] == HUNTING_EVENTS
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
        ("huntarr/command", b"hunt", HuntNow()),
        ("huntarr/instances/7/enabled/set", b"ON", SetEnabled(7, True)),
        ("huntarr/instances/7/enabled/set", b"OFF", SetEnabled(7, False)),
        ("huntarr/instances/7/enabled/set", b"true", None),
        ("huntarr/instances/07/enabled/set", b"ON", None),
        ("huntarr/instances/+/enabled/set", b"ON", None),
        ("huntarr/pause_minutes/set", b"90", SetPause(True, 90)),
        ("huntarr/pause_minutes/set", b"0", SetPause(False)),
        ("huntarr/pause_minutes/set", b"10080", SetPause(True, 10080)),
        ("huntarr/pause_minutes/set", b"10081", None),
        ("huntarr/pause_minutes/set", b"-1", None),
        ("huntarr/pause_minutes/set", b"1.5", None),
        ("huntarr/pause_minutes/set", "\u0661".encode(), None),
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
            for limit in ("min", "max"):
                if limit in entity:
                    payload = str(entity[limit]).encode()
                    assert parse_command(Topics(TARGET), entity["command_topic"], payload) is not None


def test_every_command_topic_is_subscribed_to() -> None:
    subscribed = Topics(TARGET).commands
    for config in configs(published(instance(7))).values():
        for entity in config["components"].values():
            if "command_topic" in entity:
                assert any(Topic(entity["command_topic"]).matches(Wildcard(topic)) for topic in subscribed)
