"""Real MQTT brokers, and a client in the role of Home Assistant: it listens, remembers and sends."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiomqtt import Client

from tests.support.serving import free_port, listens

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
TIMEOUT_SECONDS = 20


class BrokerProcess:
    """A broker in a process of its own; its port stays the same when it is restarted."""

    def __init__(self, command: list[str]) -> None:
        self.port = free_port()
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await listens(self.port):  # noqa: ASYNC110 - a process has no event for it
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
            self._process = None


class PythonBroker(BrokerProcess):
    """amqtt, from PyPI."""

    def __init__(self, folder: Path) -> None:
        config = folder / "amqtt.json"  # which is YAML too
        super().__init__([sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)])
        listener = {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        config.write_text(json.dumps({"listeners": {"default": listener}, "plugins": plugins}))


class Mosquitto(BrokerProcess):
    """The broker that most people run."""

    def __init__(self, folder: Path, *more: str) -> None:
        config = folder / "mosquitto.conf"
        super().__init__([str(MOSQUITTO), "-c", str(config)])
        config.write_text("\n".join([f"listener {self.port} 127.0.0.1", *(more or ("allow_anonymous true",))]) + "\n")


@dataclass
class Home:
    """Receives everything. `kept` has the retained messages by topic, `heard` all messages in order."""

    client: Client
    kept: dict[str, bytes] = field(default_factory=dict)
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def json(self, topic: str) -> Any:
        return json.loads(self.kept[topic])

    def configs(self) -> dict[str, Any]:
        return {topic: json.loads(text) for topic, text in self.kept.items() if topic.endswith("/config")}

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload in self.heard if name == topic]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def send(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        await self.client.publish(topic, payload, qos=1, retain=retain)

    async def listen(self) -> None:
        async for message in self.client.messages:
            topic, payload = message.topic.value, bytes(message.payload)
            self.heard.append((topic, payload))
            if payload:
                self.kept[topic] = payload
            else:
                self.kept.pop(topic, None)
            self.changed.set()


@asynccontextmanager
async def home_of(port: int) -> AsyncIterator[Home]:
    async with Client("127.0.0.1", port, timeout=TIMEOUT_SECONDS) as client:
        await client.subscribe("#", qos=1)
        home = Home(client)
        task = asyncio.create_task(home.listen())
        try:
            yield home
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
