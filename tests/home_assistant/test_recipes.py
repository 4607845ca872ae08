"""docs/recipes.md and docs/home-assistant.md stay true: every example is run against Huntarr."""

import asyncio
import json
import shutil
from typing import get_args

import httpx
import pytest

from app.dashboard.schemas import InstanceStatsOut
from app.events.relay import EventRelay
from app.home_assistant.settings import MqttSettings
from tests.events.samples import media_imported, record_events
from tests.events.stream_clients import listeners
from tests.home_assistant.pages import (
    CALLED,
    HOST,
    RunningHuntarr,
    at,
    code_blocks,
    commands,
    documents,
    is_served,
    streams,
)
from tests.home_assistant.test_entities import configs, instance, published
from tests.test_house_rules import ROOT, rows_of, table_of
from worker.main import embedded

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
NULLABLE = {name for name, field in InstanceStatsOut.model_fields.items() if type(None) in get_args(field.annotation)}


@needs_jq
@pytest.mark.parametrize("command", list(commands()))
async def test_commands_work(huntarr: RunningHuntarr, command: str) -> None:
    paths = CALLED.findall(command)
    assert paths, "a command without a request"
    assert all(map(is_served, paths))
    # No worker runs here: nothing is ready, and no hunt comes to its end.
    process = await huntarr.start(command.replace("/api/ready", "/ping").replace("wait=60", "wait=1"))
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    if "/api/stats" in command:
        assert "null" not in said.decode(), said.decode()


@needs_jq
@pytest.mark.parametrize("command", streams())
async def test_streams_deliver_events(huntarr: RunningHuntarr, command: str) -> None:
    process = await huntarr.start(command)
    try:
        await listeners(huntarr.served, 1)
        inside, line, said = huntarr.rig.container, b"", process.stdout
        assert said is not None
        async with asyncio.timeout(20):
            while b"The Wire" not in line:
                await record_events(huntarr.rig, media_imported(title="The Wire"))
                await EventRelay(
                    inside.infra.db, inside.infra.redis, inside.events.bus, inside.infra.clock
                ).relay_waiting()
                line = await said.readline()
    finally:
        process.terminate()
        stop = await asyncio.create_subprocess_exec("pkill", "-g", str(process.pid))
        await stop.wait()
        await process.communicate()


async def test_homepage_finds_its_values(huntarr: RunningHuntarr) -> None:
    widgets = [
        entry["widget"]
        for found in documents("docs/recipes.md")
        if isinstance(found, list)
        for group in found
        for service in group["Media"]
        for entry in service.values()
    ]
    assert len(widgets) == 2
    for widget in widgets:
        found = await huntarr.call("GET", widget["url"], widget["headers"])
        if widget.get("display") == "dynamic-list":
            items = at(found, widget["mappings"]["items"])
            assert items
            assert all(item[widget["mappings"][name]] for item in items for name in ("name", "label"))
        else:
            # A null is shown as a date of 1970: what may be null is no field of a widget.
            for mapping in widget["mappings"]:
                assert mapping["field"].rpartition(".")[2] not in NULLABLE
                assert at(found, mapping["field"]) is not None


async def test_pings_need_no_key(huntarr: RunningHuntarr) -> None:
    assert f"{HOST}/ping" in (ROOT / "docs/recipes.md").read_text()
    assert await huntarr.call("GET", f"{HOST}/ping", {}) == {"status": "OK"}


async def test_node_reds_flow_is_complete(huntarr: RunningHuntarr) -> None:
    """What Node-RED's editor asks of a node, else all nodes lie on one point or Deploy asks about an invalid one."""
    [flow] = [json.loads(body) for body in code_blocks("json")]
    [tab] = [node for node in flow if node["type"] == "tab"]
    nodes = {node["id"]: node for node in flow if node is not tab}
    assert len(nodes) == len(flow) - 1
    assert len({(node["x"], node["y"]) for node in nodes.values()}) == len(nodes)
    for node in nodes.values():
        assert {"id", "type", "name", "x", "y", "z", "wires"} <= set(node)
        assert node["z"] == tab["id"]
        assert {target for wires in node["wires"] for target in wires} <= set(nodes)
        if node["type"] == "inject":
            assert node["repeat"] == "" or 0 < float(node["repeat"]) < 2**31 / 1000
            assert {"crontab", "once", "onceDelay", "props"} <= set(node)
    [key] = {node["rules"][0]["to"] for node in nodes.values() if node["name"] == "Huntarr's key"}
    found = await huntarr.call("GET", nodes["huntarr-stats"]["url"], json.loads(key))
    assert at({"payload": found}, nodes["huntarr-totals"]["rules"][0]["p"])["hunted"] > 0
    body = nodes["huntarr-press"]["props"][0]["v"]
    headers = {**json.loads(key), "Content-Type": "application/json"}
    [hunt] = (await huntarr.call("POST", nodes["huntarr-hunt"]["url"], headers, body))["data"]["hunts"]
    assert hunt["status"] == "queued"


async def test_uptime_kuma_finds_its_value(huntarr: RunningHuntarr) -> None:
    [text] = code_blocks("text")
    given = dict(line.split(" ", 1) for line in text.splitlines() if not line.startswith(("Json", "Expected")))
    [query] = [line.removeprefix("Json Query ") for line in text.splitlines() if line.startswith("Json")]
    async with httpx.AsyncClient(headers=json.loads(huntarr.put(given["Headers"]))) as client:
        for _ in range(2):
            reply = await client.get(huntarr.put(given["URL"]))
        assert reply.status_code == 503, "no worker runs here"
        assert at(reply.json(), query) is False
        async with embedded(huntarr.rig.container):
            reply = await client.get(huntarr.put(given["URL"]))
    assert (reply.status_code, json.dumps(at(reply.json(), query))) == (200, "true")
    assert text.splitlines()[-1] == "Expected Value true"


async def test_the_page_lists_every_setting_and_every_entity() -> None:
    assert table_of("docs/home-assistant.md", "### Settings") == rows_of(MqttSettings)
    text = (ROOT / "docs/home-assistant.md").read_text().split("### What there is", 1)[1].split("### How", 1)[0]
    for config in configs(published(instance(1))).values():
        assert {entity["name"] for entity in config["components"].values() if entity["name"] not in text} == set()
