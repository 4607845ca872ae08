"""The document: valid, complete, and the same bytes every time."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from app.api.deps import Paging, RowId
from app.api.openapi import document, errors, render
from app.api.policy import Access, route_policy
from app.api.routing import ApiRouter
from app.api.tags import DESCRIPTIONS, Tag
from app.core.schemas import In, MessageReply, Out, Page, Reply
from app.main import ROUTERS, create_app
from tests.api.kernel import FULL, kernel


class BookOut(Out):
    title: str = "none"


class BookIn(In):
    title: str


def books() -> ApiRouter:
    router = ApiRouter(tag=Tag.HUNTING, prefix="/api/books")

    @router.get("", summary="List books")
    @route_policy(Access.READ, etag=True)
    async def list_books(paging: Paging) -> Reply[Page[BookOut]]:
        raise AssertionError("never called")

    @router.post("", status_code=201, summary="Add a book", responses=errors(404, 409))
    @route_policy(Access.FULL)
    async def create_book(body: BookIn) -> Reply[BookOut]:
        raise AssertionError("never called")

    @router.delete("/{book_id}", summary="Delete a book", responses=errors(404))
    @route_policy(Access.SESSION_ONLY)
    async def delete_book(book_id: RowId) -> MessageReply:
        raise AssertionError("never called")

    @router.get("/all", summary="List all books")
    @route_policy(Access.PUBLIC)
    async def list_all_books() -> Reply[list[BookOut]]:
        raise AssertionError("never called")

    return router


def made(*routers: ApiRouter) -> dict[str, Any]:
    return document(create_app(routers=routers)) if routers else document(create_app())


def operations(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in found["paths"].values() for operation in path.values()]


@pytest.mark.parametrize("found", [made(), made(books())])
def test_every_operation_is_complete(found: dict[str, Any]) -> None:
    validate(found)
    assert found["openapi"].startswith("3.1")
    ids = [operation["operationId"] for operation in operations(found)]
    assert len(set(ids)) == len(ids)
    for operation in operations(found):
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", operation["operationId"])
        assert len(operation["tags"]) == 1
        assert operation["summary"]
        assert any(status.startswith("2") for status in operation["responses"])
        asks = bool(operation["security"]) or operation["operationId"] in ("login", "call_hook", "call_hook_by_get")
        assert ("401" in operation["responses"]) == asks
        for status, reply in operation["responses"].items():
            if status[0] in "45" and (status, operation["operationId"]) != ("503", "get_ready"):
                content = reply["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorReply"}
                assert content["example"]["success"] is False
    for name in found["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)
        assert not name.endswith(("Input", "Output"))
    assert "HTTPValidationError" not in json.dumps(found)


def test_names_are_readable() -> None:
    assert set(made(books())["components"]["schemas"]) == {
        "BookIn",
        "BookOut",
        "BookReply",
        "BookList",
        "BookListReply",
        "BookArrayReply",
        "MessageReply",
        "ErrorReply",
        "FieldError",
    }


def test_operations_describe_their_policy() -> None:
    paths = made(books())["paths"]
    listing, adding = paths["/api/books"]["get"], paths["/api/books"]["post"]
    assert [next(iter(item)) for item in listing["security"]] == [
        "ApiKeyHeader",
        "ApiKeyBearer",
        "ApiKeyQuery",
        "SessionCookie",
    ]
    assert set(listing["responses"]) == {"200", "304", "400", "401", "422", "429", "500", "503"}
    assert [item["name"] for item in listing["parameters"]] == ["page", "page_size", "If-None-Match"]
    assert [item["name"] for item in adding["parameters"]] == ["Idempotency-Key"]
    assert set(adding["responses"]) == {
        "201",
        "400",
        "401",
        "403",
        "404",
        "409",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
    }
    assert paths["/api/books/{book_id}"]["delete"]["security"] == [{"SessionCookie": []}]
    assert paths["/api/books/all"]["get"]["security"] == []
    assert "parameters" not in paths["/api/books/all"]["get"]


def test_tags_are_described_in_order() -> None:
    found = document(create_app(routers=[books(), *ROUTERS]))
    names = [tag["name"] for tag in found["tags"]]
    assert names == [tag.value for tag in Tag if tag.value in names]
    assert {"system", "hunting"} <= set(names)
    assert all(tag["description"] for tag in found["tags"])
    assert set(DESCRIPTIONS) == set(Tag)


def test_two_schemas_cannot_share_a_name() -> None:
    router = ApiRouter(tag=Tag.SYSTEM)

    def namesake() -> type[Out]:
        class BookOut(Out):
            pages: int

        return BookOut

    router.get("/api/one", response_model=BookOut)(public_endpoint("get_one"))
    router.get("/api/two", response_model=namesake())(public_endpoint("get_two"))
    with pytest.raises(RuntimeError, match="two schemas have the same name: BookOut"):
        made(router)


def public_endpoint(name: str) -> Any:
    async def endpoint() -> None:
        raise AssertionError("never called")

    endpoint.__name__ = name
    return route_policy(Access.PUBLIC)(endpoint)


def test_the_text_is_stable() -> None:
    text = render(made())
    assert text == render(made())
    assert text.endswith("}\n")
    assert json.loads(text) == made()
    assert "servers" not in json.loads(text)


@pytest.mark.asyncio
async def test_the_document_is_served_byte_for_byte(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        assert (await k.client.get("/api/openapi.json")).status_code == 401
        reply = await k.client.get("/api/openapi.json", headers=FULL)
        assert reply.text == render(document(create_app()))
        assert reply.headers["content-type"] == "application/json"
        again = await k.client.get("/api/openapi.json", headers=FULL | {"If-None-Match": reply.headers["etag"]})
        assert again.status_code == 304
