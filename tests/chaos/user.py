"""Somebody who uses the API all the while, and writes down what he was promised."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.rig import KEY

SETTINGS = "/api/settings/general"
READS = ("/api/stats", "/api/hunts", "/api/history", "/api/instances", "/api/schedules", SETTINGS)
Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Hunted:
    """An instance that he hunts."""

    app_type: str
    instance_id: int

    @property
    def path(self) -> str:
        return f"/api/instances/{self.app_type}/{self.instance_id}"


@dataclass
class Promises:
    """What a reply has said, and what it may have come to where there was none."""

    hunts: set[int] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)
    """By path: the name, address or state that may be found there; one as long as the last change was answered."""


@dataclass(frozen=True)
class Leniency:
    """What may go wrong for a good reason."""

    writes: bool = False
    """A 503 may say no to them; to a hunt it always may, while there is no Redis."""
    reads: bool = False
    hunts: bool = False
    """They may fail as their app does."""


@dataclass
class User:
    """Acts one call after the other. What must not happen is in `problems`."""

    url: str
    rng: random.Random
    leniency: Leniency = field(default_factory=Leniency)
    instances: list[Hunted] = field(default_factory=list)
    promises: Promises = field(default_factory=Promises)
    problems: list[str] = field(default_factory=list)
    answered: int = 0
    unanswered: int = 0
    """By nobody, or by a 503."""
    _number: int = 0
    _in_force: dict[int, dict[str, Any]] = field(default_factory=dict)

    def meet(self, one: Hunted, name: str) -> None:
        """An instance that is there, under this name until another one is answered."""
        self.instances.append(one)
        self.promises.values[one.path] = {name}
        self.promises.values[SETTINGS] = {str(None)}  # no address is set

    async def live(self, until: asyncio.Event) -> None:
        acts: list[Act] = [self.hunt, self.hunt, self.rename, self.move, self.schedule, self.unschedule, self.read]
        async with self.client() as self._client:
            while not until.is_set():
                await self.rng.choice(acts)()
                await asyncio.sleep(self.rng.uniform(0.01, 0.1))

    async def test(self, one: Hunted) -> str | None:
        """What is wrong with the app, in the code that the API has for it; none when it is well."""
        async with self.client(seconds=120) as client:
            found = (await client.post(f"{one.path}/test")).raise_for_status().json()["data"]
        return None if found["ok"] else str(found["error_code"])

    async def retire(self) -> None:
        """Nothing comes by the clock any more, of what he never had an answer to either."""
        async with self.client() as client:
            for one in (await client.get("/api/schedules")).raise_for_status().json()["data"]:
                body = {name: one[name] for name in ("name", "action", "app_type", "instance_id", "cron")}
                path = f"/api/schedules/{one['id']}"
                (await client.put(path, json=body | {"enabled": False})).raise_for_status()
                self.promises.values[path] = {"False"}

    async def broken(self) -> list[str]:
        """Promises of values that the API does not keep."""
        async with self.client() as client:
            found = {}
            for path in [path for path, values in self.promises.values.items() if values]:
                shown = (await client.get(path)).raise_for_status().json()["data"]
                found[path] = str(shown[_field_of(path)])
        return [
            f"{path} shows {value}, promised {sorted(self.promises.values[path])}"
            for path, value in found.items()
            if value not in self.promises.values[path]
        ]

    def client(self, *, seconds: float = 20) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={"X-Api-Key": KEY}, timeout=seconds)

    async def hunt(self) -> None:
        one = self.rng.choice(self.instances)
        reply = await self._done("POST", "/api/hunts", {"instance_id": one.instance_id})
        if reply is not None:
            self.promises.hunts.update(hunt["id"] for hunt in reply.json()["data"]["hunts"])

    async def rename(self) -> None:
        one = self.rng.choice(self.instances)
        name = f"Name {self._next()}"
        await self._set(one.path, "PATCH", one.path, {"name": name}, name)

    async def move(self) -> None:
        address = f"http://huntarr{self._next()}.home"
        await self._set(SETTINGS, "POST", SETTINGS, {"public_url": address}, address)

    async def schedule(self) -> None:
        """A hunt every minute of the fast clock; at most two such schedules are in force."""
        if len(self._in_force) < 2:
            body = self._schedule_of(self.rng.choice(self.instances))
            reply = await self._done("POST", "/api/schedules", body)
            if reply is not None:
                made: int = reply.json()["data"]["id"]
                self._in_force[made] = body
                self.promises.values[f"/api/schedules/{made}"] = {"True"}

    async def unschedule(self) -> None:
        if len(self._in_force) == 2:
            made, body = self._in_force.popitem()
            path = f"/api/schedules/{made}"
            await self._set(path, "PUT", path, body | {"enabled": False}, "False")

    async def read(self) -> None:
        await self._call("GET", self.rng.choice(READS), None)

    async def _set(self, place: str, method: str, path: str, body: dict[str, Any], value: str) -> None:
        possible = self.promises.values.setdefault(place, set())
        before = frozenset(possible)
        possible.add(value)
        reply = await self._call(method, path, body)
        if reply is not None and reply.is_success:
            self.promises.values[place] = {value}
        elif reply is not None:  # a 503 says that nothing was written, not even half of it
            self.promises.values[place] = set(before)

    async def _done(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response | None:
        reply = await self._call(method, path, body)
        return reply if reply is not None and reply.is_success else None

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response | None:
        """Success, or a 503 that has its reason; none when the gateway died over it."""
        try:
            reply = await self._client.request(method, path, json=body)
        except httpx.TransportError:
            self.unanswered += 1
            return None
        if reply.is_success:
            self.answered += 1
            return reply
        self.unanswered += 1
        is_hunt, is_read = path == "/api/hunts" and method == "POST", method == "GET"
        may_wait = self.leniency.reads if is_read else is_hunt or self.leniency.writes
        if reply.status_code != 503 or not may_wait:
            self.problems.append(f"{method} {path} answered {reply.status_code}: {reply.text[:200]}")
        return reply

    def _schedule_of(self, one: Hunted) -> dict[str, Any]:
        return {
            "name": f"S {self._next()}",
            "action": "hunt",
            "app_type": one.app_type,
            "instance_id": one.instance_id,
            "cron": "* * * * *",
        }

    def _next(self) -> int:
        self._number += 1
        return self._number


def _field_of(path: str) -> str:
    if path == SETTINGS:
        return "public_url"
    return "enabled" if path.startswith("/api/schedules/") else "name"
