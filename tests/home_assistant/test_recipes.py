"""docs/recipes.md and docs/home-assistant.md stay true: every example is run against Huntarr."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import jinja2
import pytest
import pytest_asyncio
import yaml

from app.api.openapi import document
from app.arr.models import HuntPass, Unit
from app.events.payloads import MediaImported
from app.events.relay import EventRelay
from app.home_assistant.settings import MqttSettings
from app.main import create_app
from tests.events.samples import INSTANCE, record_events
from tests.events.stream_clients import RunningGateway, gateway, listeners
from tests.home_assistant.test_entities import configs, instance, published
from tests.simulator import LibrarySpec
from tests.support.rig import KEY, Rig
from tests.test_house_rules import ROOT, rows_of, table_of

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

PAGES = ("docs/recipes.md", "docs/home-assistant.md")
HOST = "http://huntarr:9705"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLED = re.compile(r"(?:\$URL|http://huntarr:9705)(/[a-z/_-]*)")
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")


class Yaml(yaml.SafeLoader):
    """Knows Home Assistant's secrets: each is the key."""


Yaml.add_constructor("!secret", lambda _loader, node: f"secret {node.value}")


def code_blocks(language: str) -> list[str]:
    return [body for page in PAGES for lang, body in FENCE.findall((ROOT / page).read_text()) if lang == language]


def documents() -> list[Any]:
    return [Yaml(body).get_single_data() for body in code_blocks("yaml")]


def commands() -> Iterator[str]:
    """Each command of the pages, with its continuation lines."""
    for body in code_blocks("sh"):
        yield from (part for part in re.split(r"\n(?=curl )", body.strip()) if "/api/events" not in part)
    for line in "".join(code_blocks("crontab")).splitlines():
        yield line.split(maxsplit=5)[5].replace(r"\%", "%")


def streams() -> list[str]:
    return [body.strip() for body in code_blocks("sh") if "/api/events" in body]


@cache
def served_paths() -> tuple[str, ...]:
    return tuple(document(create_app())["paths"])


def is_served(path: str) -> bool:
    return any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", known), path) for known in served_paths())


@dataclass
class RunningHuntarr:
    """A Huntarr with one Sonarr, as in the pages, on a real port."""

    rig: Rig
    served: RunningGateway

    def put(self, text: str) -> str:
        return text.replace(HOST, self.served.url).replace("YOUR-KEY", KEY)

    async def start(self, command: str) -> asyncio.subprocess.Process:
        fails = "" if "curl -sf" in command else "fail-with-body\n"
        (self.rig.config.data_dir / ".curlrc").write_text(f"{fails}max-time = 30\n")
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "URL": self.served.url, "KEY": KEY}
        return await asyncio.create_subprocess_exec(
            "bash",
            "-o",
            "pipefail",
            "-c",
            self.put(command),
            stdout=asyncio.subprocess.PIPE,
            env={**environment, "CURL_HOME": str(self.rig.config.data_dir)},
            start_new_session=True,
        )

    async def call(self, method: str, url: str, headers: Mapping[str, str], body: str | None = None) -> Any:
        shown = {name: KEY if value.startswith("secret ") else self.put(value) for name, value in headers.items()}
        async with httpx.AsyncClient() as client:
            reply = await client.request(method, self.put(url), headers=shown, content=body)
        assert reply.status_code < 300, reply.text
        return reply.json()


@pytest_asyncio.fixture
async def huntarr(rig: Rig) -> AsyncIterator[RunningHuntarr]:
    await rig.hunt(await rig.add(rig.sonarr(LibrarySpec(series=3)), name="TV"))
    async with gateway(rig) as served:
        yield RunningHuntarr(rig, served)


def at(data: Any, path: str) -> Any:
    """The value at a path such as `data.items.0.title`."""
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


@needs_jq
@pytest.mark.parametrize("command", list(commands()))
async def test_commands_work(huntarr: RunningHuntarr, command: str) -> None:
    paths = CALLED.findall(command)
    assert paths, "a command without a request"
    if not all(map(is_served, paths)):
        pytest.skip(f"{paths} is not there yet")
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
        found = MediaImported(
            **INSTANCE,
            hunt_id=1,
            search_id=1,
            hunt_pass=HuntPass.MISSING,
            media_key="episode:1",
            unit=Unit.EPISODE,
            title="The Wire",
        )
        inside, line, said = huntarr.rig.container, b"", process.stdout
        assert said is not None
        async with asyncio.timeout(20):
            while b"The Wire" not in line:
                await record_events(huntarr.rig, found)
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
        for found in documents()
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
            assert all(at(found, mapping["field"]) is not None for mapping in widget["mappings"])


async def test_pings_need_no_key(huntarr: RunningHuntarr) -> None:
    assert f"{HOST}/ping" in (ROOT / "docs/recipes.md").read_text()
    assert await huntarr.call("GET", f"{HOST}/ping", {}) == {"status": "OK"}


async def test_home_assistants_sensors_find_their_values(huntarr: RunningHuntarr) -> None:
    [rest] = [found["rest"] for found in documents() if "rest" in found]
    environment, count = jinja2.Environment(autoescape=False), 0  # noqa: S701 - no page is made of it
    for resource in rest:
        reply = await huntarr.call("GET", resource["resource"], resource["headers"])
        for entity in [*resource["sensor"], *resource["binary_sensor"]]:
            value = environment.from_string(entity["value_template"]).render(value_json=reply)
            assert value not in ("", "None"), entity["name"]
            count += 1
    assert count == 6


async def test_home_assistants_commands_work(huntarr: RunningHuntarr) -> None:
    made = [found["rest_command"] for found in documents() if "rest_command" in found]
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - no page is made of it
    called = []
    for name, command in ((name, command) for found in made for name, command in found.items()):
        if command["url"].startswith("secret "):
            continue
        payload = environment.from_string(command.get("payload", "")).render()
        headers = command["headers"] | ({"Content-Type": command["content_type"]} if "content_type" in command else {})
        await huntarr.call(command["method"].upper(), command["url"], headers, payload)
        called.append(name)
    assert called == ["huntarr_hunt", "huntarr_pause", "huntarr_resume"]


async def test_node_reds_flow_is_complete(huntarr: RunningHuntarr) -> None:
    [flow] = [json.loads(body) for body in code_blocks("json")]
    nodes = {node["id"]: node for node in flow}
    for node in nodes.values():
        assert {target for wires in node["wires"] for target in wires} <= set(nodes)
    [key] = {node["rules"][0]["to"] for node in flow if node["name"] == "Huntarr's key"}
    found = await huntarr.call("GET", nodes["huntarr-stats"]["url"], json.loads(key))
    assert at({"payload": found}, nodes["huntarr-totals"]["rules"][0]["p"])["hunted"] > 0
    body = nodes["huntarr-press"]["props"][0]["v"]
    headers = {**json.loads(key), "Content-Type": "application/json"}
    [hunt] = (await huntarr.call("POST", nodes["huntarr-hunt"]["url"], headers, body))["data"]["hunts"]
    assert hunt["status"] == "queued"


async def test_the_page_lists_every_setting_and_every_entity() -> None:
    assert table_of("docs/home-assistant.md", "### Settings") == rows_of(MqttSettings)
    text = (ROOT / "docs/home-assistant.md").read_text().split("### What there is", 1)[1].split("### How", 1)[0]
    for config in configs(published(instance(1))).values():
        assert {entity["name"] for entity in config["components"].values() if entity["name"] not in text} == set()
