"""The YAML of docs/home-assistant.md, checked by the rules of Home Assistant's own schemas and run against Huntarr.

Home Assistant itself is not installed for it: it would be some hundred MB, and none for Python 3.11 knows the
automations of 2024.10. The rules are those of its integrations automation, rest, rest_command, mqtt and webhook.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import jinja2
import pytest
import yaml

from app.events.bus import encode
from app.events.payloads import Durable
from app.home_assistant.messages import event_message
from tests.events.samples import (
    backup_failed,
    hunt_completed,
    instance_offline,
    media_imported,
    record_events,
    search_sent,
)
from tests.home_assistant.pages import HOST, RunningHuntarr, Yaml, code_blocks, documents
from tests.home_assistant.test_entities import TARGET, configs, instance, published
from tests.notifications.connections import add_connection, send_due
from tests.notifications.receivers import receiver
from tests.simulator import LibrarySpec
from tests.support.rig import KEY, START, Rig
from tests.test_house_rules import ROOT

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

PAGE = "docs/home-assistant.md"
TEMPLATES = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - no page is made of it
AUTOMATION = {"alias", "mode", "max", "triggers", "conditions", "actions"}
MODES = {"single", "restart", "queued", "parallel"}
TRIGGERS = {
    "mqtt": ({"topic"}, {"payload", "value_template"}),
    "webhook": ({"webhook_id"}, {"allowed_methods", "local_only"}),
    "state": ({"entity_id"}, {"to", "from", "attribute"}),
}
SENSOR = {"name", "unique_id", "value_template", "availability", "unit_of_measurement", "state_class", "device_class"}
BINARY_SENSOR = {"name", "unique_id", "value_template", "availability", "device_class"}
COMMAND = {"url", "method", "headers", "content_type", "payload"}


def packages() -> list[dict[str, Any]]:
    """Each block of the page, but the two lines that load the others."""
    return [found for found in documents(PAGE) if "homeassistant" not in found]


def automations() -> dict[str, Any]:
    return {given["alias"]: given for package in packages() for given in package.get("automation", [])}


def rest_sensors() -> Iterator[tuple[Any, Any]]:
    """Resource and entity."""
    for package in packages():
        for resource in package.get("rest", []):
            for entity in [*resource["sensor"], *resource["binary_sensor"]]:
                yield resource, entity


def rest_commands() -> dict[str, Any]:
    return {name: given for package in packages() for name, given in package.get("rest_command", {}).items()}


def rendered(template: str, **values: Any) -> str:
    return TEMPLATES.from_string(template).render(**values)


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


async def test_blocks_are_files_that_can_be_loaded_together() -> None:
    [loading] = [found for found in documents(PAGE) if "homeassistant" in found]
    assert loading == {"homeassistant": {"packages": "folder packages"}}
    names = re.findall(r"`packages/(huntarr_\w+\.yaml)`", (ROOT / PAGE).read_text())
    assert len(set(names)) == len(names) == len(packages())
    aliases = [given["alias"] for package in packages() for given in package.get("automation", [])]
    commands = [name for package in packages() for name in package.get("rest_command", {})]
    assert len(aliases) == len(set(aliases)) == 3
    assert len(commands) == len(set(commands)) == 4


@pytest.mark.parametrize("text", ["automation: []\nautomation: []", "a: {b: 1, b: 2}"])
async def test_a_key_that_stands_twice_is_found(text: str) -> None:
    with pytest.raises(AssertionError, match="twice"):
        yaml.load(text, Yaml)  # noqa: S506 - a SafeLoader


async def test_the_blocks_keep_the_rules_of_their_integrations() -> None:
    for package in packages():
        assert set(package) <= {"automation", "rest", "rest_command"}
    for given in automations().values():
        assert set(given) <= AUTOMATION
        assert given.get("mode", "single") in MODES
        assert "max" not in given or given["mode"] in ("queued", "parallel")
        for trigger in given["triggers"]:
            needed, more = TRIGGERS[trigger["trigger"]]
            assert {"trigger", *needed} <= set(trigger) <= {"trigger", *needed, *more}
        for action in given["actions"]:
            assert set(action) <= {"action", "data"}
            domain, name = action["action"].split(".")
            assert (domain, name) == ("notify", "persistent_notification") or name in rest_commands()
    for _, entity in rest_sensors():
        allowed = BINARY_SENSOR if entity["unique_id"].endswith("online") else SENSOR
        assert {"name", "unique_id", "value_template"} <= set(entity) <= allowed
        assert entity.get("device_class") in (None, "timestamp", "connectivity")
    for command in rest_commands().values():
        assert {"url", "method"} <= set(command) <= COMMAND
        assert command["method"] in ("get", "post", "put", "patch", "delete")


async def test_what_hears_events_loses_none_of_many() -> None:
    """In the mode `single` an automation drops what comes while it runs."""
    hearing = [given for given in automations().values() if given["triggers"][0]["trigger"] in ("mqtt", "webhook")]
    assert len(hearing) == 2
    for given in hearing:
        assert (given["mode"], given["max"]) == ("queued", 100)


async def test_names_of_both_ways_differ() -> None:
    over_mqtt = {
        slug(f"{config['device']['name']} {entity['name']}")
        for config in configs(published(instance(1, name="Sonarr"))).values()
        for entity in config["components"].values()
    }
    over_rest = [slug(entity["name"]) for _, entity in rest_sensors()]
    assert len(over_rest) == len(set(over_rest)) == 6
    assert not over_mqtt & set(over_rest)


async def test_rest_sensors_find_their_values(huntarr: RunningHuntarr) -> None:
    for resource, entity in rest_sensors():
        reply = await huntarr.call("GET", resource["resource"], resource["headers"])
        assert rendered(entity.get("availability", "True"), value_json=reply) == "True", entity["name"]
        assert rendered(entity["value_template"], value_json=reply) not in ("", "None"), entity["name"]


async def test_rest_sensors_without_a_value_yet_are_unavailable(rig: Rig) -> None:
    """Before the first hunt, or of a disabled instance, the reply has nulls, on which a numeric sensor would break."""
    await rig.add(rig.sonarr(LibrarySpec(series=1)), name="TV", enabled=False)
    async with rig.gateway() as api:
        reply = (await api.get("/api/stats")).json()
    without = []
    for _, entity in rest_sensors():
        if rendered(entity["value_template"], value_json=reply) == "None":
            assert rendered(entity["availability"], value_json=reply) == "False", entity["name"]
            without.append(entity["unique_id"])
    assert {"huntarr_rest_sonarr_missing", "huntarr_rest_sonarr_next_hunt"} <= set(without)


async def test_rest_commands_work(huntarr: RunningHuntarr) -> None:
    called = []
    for name, command in rest_commands().items():
        if command["url"].startswith("secret "):
            continue
        headers = command["headers"] | ({"Content-Type": command["content_type"]} if "content_type" in command else {})
        await huntarr.call(command["method"].upper(), command["url"], headers, rendered(command.get("payload", "")))
        called.append(name)
    assert called == ["huntarr_hunt", "huntarr_pause", "huntarr_resume"]
    pausing = automations()["Huntarr pauses while a film is on"]["actions"][0]
    assert json.loads(rendered(rest_commands()["huntarr_pause"]["payload"], **pausing["data"])) == {"minutes": 180}


async def test_a_hook_is_called_by_its_address_alone(huntarr: RunningHuntarr) -> None:
    [creating] = [body for body in code_blocks("sh", (PAGE,)) if "/api/webhooks/hooks" in body]
    async with httpx.AsyncClient(headers={"X-Api-Key": KEY}) as client:
        body = json.loads(re.findall(r"-d '(.*)'", creating, re.DOTALL)[0])
        made = (await client.post(f"{huntarr.served.url}/api/webhooks/hooks", json=body)).json()["data"]
    command = rest_commands()["film_night"]
    assert command == {"url": "secret huntarr_film_night_url", "method": "post"}
    await huntarr.call("POST", made["url"].replace(HOST, huntarr.served.url), {})
    async with huntarr.rig.container.infra.db.reading() as session:
        assert (await huntarr.rig.container.settings.pause_in(session)).paused


def spoken(given: Any, **trigger: Any) -> dict[str, str]:
    [action] = given["actions"]
    return {name: rendered(text, trigger=trigger) for name, text in action["data"].items()}


async def test_the_automation_of_imports_hears_each_of_them_and_nothing_else() -> None:
    given = automations()["Huntarr tells of every import"]
    [trigger] = given["triggers"]
    heard = []
    for payload in (media_imported(title="The Wire"), search_sent(), media_imported(title="Dark"), backup_failed()):
        found = event_message(TARGET, streamed(payload))
        assert found is not None
        topic, message = found[0], json.loads(found[1])
        is_of_instance = re.fullmatch(trigger["topic"].replace("+", "[^/]+"), topic) is not None
        if is_of_instance and rendered(trigger["value_template"], value_json=message) == trigger["payload"]:
            heard.append(spoken(given, payload_json=message))
    assert heard == [
        {"title": "TV", "message": "The Wire is in the library"},
        {"title": "TV", "message": "Dark is in the library"},
    ]


def streamed(payload: Durable) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(payload, START, 1))
    return found


async def test_the_webhook_automation_speaks_of_every_event(rig: Rig) -> None:
    given = automations()["Huntarr event"]
    with receiver() as there:
        await add_connection(rig, there)
        await record_events(rig, media_imported(title="The Wire"), instance_offline("No answer."), hunt_completed())
        await record_events(rig, backup_failed())
        await rig.container.events.relay.relay_waiting()
        await send_due(rig)
    assert [spoken(given, json=call.json) for call in there.accepted] == [
        {"title": "The Wire", "message": "media.imported (info) "},
        {"title": "TV", "message": "instance.offline (warning) No answer."},
        {"title": "TV", "message": "hunt.completed (info) "},
        {"title": "Huntarr", "message": "backup.failed (error) No space."},
    ]
