"""Calls a simulated app without HTTP, for the tests of what it answers."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.simulator import SimApp
from tests.simulator.messages import Reply, Request

Query = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, ready for asserting."""

    reply: Reply

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def json(self) -> Any:
        return json.loads(self.reply.body)

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.reply.headers}


@dataclass(frozen=True, slots=True)
class Caller:
    """`call.get("wanted/missing", page=1)`; lists in the query become repeated keys."""

    app: SimApp

    def get(self, path: str, **query: Any) -> Answer:
        return self.send("GET", path, query=query)

    def post(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.send("POST", path, body=body, query=query)

    def put(self, path: str, body: Any) -> Answer:
        return self.send("PUT", path, body=body)

    def delete(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self.send("DELETE", path, body=body, query=query)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Query | None = None,
        headers: dict[str, str] | None = None,
        key: bool = True,
        has_base: bool = True,
    ) -> Answer:
        known = {"x-api-key": self.app.settings.api_key} if key else {}
        if body is not None:
            known["content-type"] = "application/json"
        full = path if path.startswith("/") else f"/{self.app.definition.prefix}/{path}"
        request = Request(
            method=method,
            path=full,
            raw_path=full,
            query_text=urlencode(query or {}, doseq=True),
            headers=known | (headers or {}),
            body=b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            has_base=has_base,
        )
        answer = Answer(self.app.handle(request))
        assert self.app.crashes == []
        return answer

    def run(self, name: str, **fields: Any) -> dict[str, Any]:
        """Give a command and let it end."""
        command_id = self.post("command", {"name": name, **fields}).json["id"]
        self.app.advance(1)
        found: dict[str, Any] = self.get(f"command/{command_id}").json
        return found

    def records(self, path: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path, **query).json["records"]
        return found

    def ids(self, path: str, **query: Any) -> list[int]:
        return [record["id"] for record in self.records(path, **query)]
