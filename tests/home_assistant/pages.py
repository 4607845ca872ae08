"""The examples of docs/recipes.md and docs/home-assistant.md, and a Huntarr as they expect it."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import yaml

from app.api.openapi import document
from app.main import create_app
from tests.events.stream_clients import RunningGateway
from tests.support.rig import KEY, Rig
from tests.test_house_rules import ROOT

PAGES = ("docs/recipes.md", "docs/home-assistant.md")
HOST = "http://huntarr:9705"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLED = re.compile(r"(?:\$URL|http://huntarr:9705)(/[a-z/_-]*)")


class Yaml(yaml.SafeLoader):
    """Knows Home Assistant's words (each secret is the key), and refuses a key that stands twice, where Home Assistant
    silently takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice among {keys}"
        return super().construct_mapping(node, deep)


Yaml.add_constructor("!secret", lambda _loader, node: f"secret {node.value}")
Yaml.add_constructor("!include_dir_named", lambda _loader, node: f"folder {node.value}")


def code_blocks(language: str, pages: tuple[str, ...] = PAGES) -> list[str]:
    return [body for page in pages for lang, body in FENCE.findall((ROOT / page).read_text()) if lang == language]


def documents(*pages: str) -> list[Any]:
    """The YAML of the pages, of both without one."""
    return [Yaml(body).get_single_data() for body in code_blocks("yaml", pages or PAGES)]


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


def at(data: Any, path: str) -> Any:
    """The value at a path such as `data.items.0.title`."""
    for part in path.split("."):
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data
