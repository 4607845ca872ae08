"""Apps without a socket that give scripted replies and record the requests."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any, TypeAlias

import httpx

from app.arr.base import ArrClient
from app.arr.models import HuntPass, SortKey, WantedItem
from app.arr.registry import REGISTRY

Responder: TypeAlias = Callable[[httpx.Request], httpx.Response]

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMP = "2026-01-02T03:04:05Z"
CLIENTS = [client for spec in REGISTRY.values() for client in spec.clients.values()]
JSON = {"content-type": "application/json; charset=utf-8"}


class ScriptedApp:
    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Responder = lambda _request: httpx.Response(404)

    def replies_with(self, *replies: object, status: int = 200) -> None:
        """Reply with these in turn to any request, with the last one repeatedly."""
        left = [dumps(reply).encode() for reply in replies]

        def answer(_request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, content=left.pop(0) if len(left) > 1 else left[0], headers=JSON)

        self.answer = answer

    def serves(self, resources: Mapping[str, object]) -> None:
        """Reply by the path after the API prefix; 404 for other paths."""

        def answer(request: httpx.Request) -> httpx.Response:
            found = resources.get(path_of(request))
            return httpx.Response(404) if found is None else httpx.Response(200, content=dumps(found), headers=JSON)

        self.answer = answer

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]

    @property
    def query(self) -> dict[str, str]:
        return dict(self.last.url.params)

    @property
    def body(self) -> Any:
        return loads(self.last.read())

    @property
    def paths(self) -> list[str]:
        return [path_of(request) for request in self.requests]


def path_of(request: httpx.Request) -> str:
    """The path after `/api/v3/`."""
    return request.url.path.partition("/api/")[2].partition("/")[2]


def page(*records: object, total: int | None = None, number: int = 1) -> dict[str, object]:
    return {"page": number, "totalRecords": len(records) if total is None else total, "records": list(records)}


async def first(client: ArrClient, hunt_pass: HuntPass = HuntPass.MISSING) -> tuple[WantedItem, ...]:
    page = await client.wanted(hunt_pass, sort=SortKey.RELEASED, descending=False, page=1, page_size=20)
    return page.items
