"""The OpenAPI document as tests look at it: references followed, everything walked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.api.openapi import document
from app.api.routing import ApiRouter
from app.main import create_app

Json = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    made: Json
    document: Json

    @property
    def name(self) -> str:
        return str(self.made["operationId"])

    @property
    def parameters(self) -> list[Json]:
        return [followed(self.document, given) for given in self.made.get("parameters", ())]

    @property
    def responses(self) -> dict[str, Json]:
        return {status: followed(self.document, reply) for status, reply in self.made["responses"].items()}

    @property
    def example(self) -> Any:
        """Of the JSON body; None without one."""
        return self.made.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")

    def error(self, status: int) -> Json:
        """The example of an error reply."""
        example: Json = self.responses[str(status)]["content"]["application/json"]["example"]
        return example


def made(*routers: ApiRouter) -> Json:
    """The document of these routers, or of the application."""
    return document(create_app(routers=routers)) if routers else _whole()


@cache
def _whole() -> Json:
    """Made once, because it takes a second; nobody changes it."""
    return document(create_app())


def operations(found: Json) -> list[Operation]:
    return [
        Operation(method.upper(), path, operation, found)
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    ]


def by_name(found: Json) -> dict[str, Operation]:
    return {operation.name: operation for operation in operations(found)}


def followed(found: Json, part: Json) -> Json:
    """`part`, or what it refers to."""
    while "$ref" in part:
        _, *names = part["$ref"].split("/")
        part = found
        for name in names:
            part = part[name]
    return part


def walk(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every object, with the names that lead to it."""
    if isinstance(part, dict):
        yield path, part
        for name, inner in part.items():
            yield from walk(inner, (*path, name))
    elif isinstance(part, list):
        for inner in part:
            yield from walk(inner, path)
