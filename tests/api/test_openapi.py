"""The document: valid, complete, and the same bytes every time."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from app.api.deps import Paging, RowId
from app.api.openapi import document, render
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_HUNT, SAME_URL, errors
from app.api.routing import ApiRouter
from app.api.tags import DESCRIPTIONS, Tag
from app.arr.registry import REGISTRY
from app.core.schemas import In, MessageReply, Out, Page, Reply
from app.main import ROUTERS, create_app
from tests.api.document import by_name, made, operations
from tests.api.kernel import FULL, kernel

MAX_BYTES = 800_000
MAX_PACKED_BYTES = {"/api/openapi.json": 65_000, "/docs/swagger-ui-bundle.js": 500_000}
LATER_CHAPTERS = {"Arrivals"}


class BookOut(Out):
    title: str = "none"


class BookIn(In):
    title: str


def books() -> ApiRouter:
    router = ApiRouter(tag=Tag.HUNTING, prefix="/api/books")

    @router.get("", summary="List books")
    @RoutePolicy(Access.READ, etag=True)
    async def list_books(paging: Paging) -> Reply[Page[BookOut]]:
        raise AssertionError("never called")

    @router.post("", status_code=201, summary="Add a book", responses=errors(NO_HUNT, SAME_URL))
    @RoutePolicy(Access.FULL)
    async def create_book(body: BookIn) -> Reply[BookOut]:
        raise AssertionError("never called")

    @router.delete("/{book_id}", summary="Delete a book", responses=errors(NO_HUNT))
    @RoutePolicy(Access.SESSION_ONLY)
    async def delete_book(book_id: RowId) -> MessageReply:
        raise AssertionError("never called")

    @router.get("/all", summary="List all books")
    @RoutePolicy(Access.PUBLIC)
    async def list_all_books() -> Reply[list[BookOut]]:
        raise AssertionError("never called")

    return router


@pytest.mark.parametrize("found", [made(), made(books())])
def test_every_operation_is_complete(found: dict[str, Any]) -> None:
    validate(found)
    assert found["openapi"].startswith("3.1")
    ids = [operation.name for operation in operations(found)]
    assert len(set(ids)) == len(ids)
    for operation in operations(found):
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", operation.name)
        assert len(operation.made["tags"]) == 1
        assert operation.made["summary"]
        asks = bool(operation.made["security"]) or operation.name in ("login", "call_hook", "call_hook_by_get")
        assert ("401" in operation.responses) == asks
        for status, reply in operation.responses.items():
            if status[0] in "45" and (status, operation.name) != ("503", "get_ready"):
                content = reply["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/ErrorReply"}
                assert content["example"]["success"] is False
    for name in found["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)
        assert not name.endswith(("Input", "Output"))
    assert "HTTPValidationError" not in json.dumps(found)


def test_everything_has_a_word() -> None:
    found = made()
    info = found["info"]
    assert info["license"] == {"name": "MIT", "identifier": "MIT"}
    assert "X-Api-Key" in info["description"]
    assert "?apikey=" in info["description"]
    assert [server["url"] for server in found["servers"]] == ["/"]
    assert [server["url"] for server in document(create_app(), base_url="/huntarr")["servers"]] == ["/huntarr"]
    for operation in operations(found):
        for given in operation.parameters:
            assert given.get("description"), (operation.name, given["name"])
        successes = {status: reply for status, reply in operation.responses.items() if status.startswith("2")}
        assert successes
        for reply in successes.values():
            assert reply["description"].endswith("."), (operation.name, reply["description"])
            assert reply["description"] != "Successful Response."
            assert "X-Request-Id" in reply["headers"]


def test_names_are_readable() -> None:
    found = made(books())
    assert set(found["components"]["schemas"]) == {
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
    found = by_name(made(books()))
    listing, adding, deleting = found["list_books"], found["create_book"], found["delete_book"]
    schemes = [next(iter(item)) for item in listing.made["security"]]
    assert schemes == ["ApiKeyHeader", "ApiKeyBearer", "SessionCookie"]
    assert set(listing.responses) == {"200", "304", "400", "401", "422", "429", "500", "503"}
    assert [item["name"] for item in listing.parameters] == ["page", "page_size", "If-None-Match"]
    assert [item["name"] for item in adding.parameters] == ["Idempotency-Key", "X-CSRF-Token"]
    refusals = {"400", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503"}
    assert set(adding.responses) == {"201"} | refusals
    assert deleting.made["security"] == [{"SessionCookie": []}]
    assert [item["name"] for item in deleting.parameters] == ["book_id", "X-CSRF-Token"]
    assert found["list_all_books"].made["security"] == []
    assert "parameters" not in found["list_all_books"].made


def test_headers_of_replies_are_declared() -> None:
    found = by_name(made())
    assert "ETag" in found["get_stats"].responses["200"]["headers"]
    assert "ETag" not in found["list_history"].responses["200"]["headers"]
    assert "Idempotent-Replay" in found["create_hunt"].responses["202"]["headers"]
    assert "Content-Disposition" in found["download_backup"].responses["200"]["headers"]
    assert "WWW-Authenticate" in found["get_stats"].responses["401"]["headers"]
    for status in ("429", "503"):
        assert "Retry-After" in found["get_stats"].responses[status]["headers"]


def test_no_operation_takes_the_key_in_the_address() -> None:
    """Clients that are given one key would send it to all places: the address is logged by everybody."""
    found = made()
    schemes = found["components"]["securitySchemes"]
    for operation in operations(found):
        for alternative in operation.made["security"]:
            [name] = alternative
            assert schemes[name].get("name") != "apikey", operation.name


def test_tags_are_described_in_order() -> None:
    found = document(create_app(routers=[books(), *ROUTERS]))
    names = [tag["name"] for tag in found["tags"]]
    assert names == [tag.value for tag in Tag if tag.value in names]
    assert {"system", "hunting"} <= set(names)
    assert all(tag["description"] for tag in found["tags"])
    assert set(DESCRIPTIONS) == set(Tag)


def test_only_chapters_with_calls_are_named() -> None:
    found = made()
    used = {tag for operation in operations(found) for tag in operation.made["tags"]}
    assert [tag["name"] for tag in found["tags"]] == [tag.value for tag in Tag if tag.value in used]
    known = {spec.label for spec in REGISTRY.values()}
    text = render(found)
    for word in LATER_CHAPTERS - known:
        assert f"{word} " not in " ".join(tag["description"] for tag in found["tags"])
        assert f"{word}." not in text.replace("Huntarr does not hunt in Prowlarr.", "")


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
    return RoutePolicy(Access.PUBLIC)(endpoint)


def test_the_text_is_stable() -> None:
    text = render(made())
    assert text == render(document(create_app()))
    assert text.endswith("}\n")
    assert json.loads(text) == made()
    assert len(text.encode()) < MAX_BYTES


@pytest.mark.asyncio
async def test_the_document_is_served_byte_for_byte(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        assert (await k.client.get("/api/openapi.json")).status_code == 401
        reply = await k.client.get("/api/openapi.json", headers=FULL)
        assert reply.text == render(document(create_app()))
        assert reply.headers["content-type"] == "application/json"
        again = await k.client.get("/api/openapi.json", headers=FULL | {"If-None-Match": reply.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.asyncio
async def test_document_and_page_are_sent_compressed(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        for path, most in MAX_PACKED_BYTES.items():
            plain = await k.client.get(path, headers=FULL | {"Accept-Encoding": "identity"})
            for accepted in ("gzip, br", "GZIP;q=0.5", "*", "identity;q=0, x-gzip"):
                reply = await k.client.get(path, headers=FULL | {"Accept-Encoding": accepted})
                assert reply.headers["content-encoding"] == "gzip"
                assert reply.headers["vary"] == "Accept-Encoding"
                assert reply.content == plain.content
                assert int(reply.headers["content-length"]) < most
                head = await k.client.head(path, headers=FULL | {"Accept-Encoding": accepted})
                assert head.headers["content-length"] == reply.headers["content-length"]
            for accepted in ("identity", "br", "gzip;q=0, *", "gzip; q=0.0", ""):
                reply = await k.client.get(path, headers=FULL | {"Accept-Encoding": accepted})
                assert "content-encoding" not in reply.headers
                assert reply.headers["vary"] == "Accept-Encoding"
                assert reply.content == plain.content


@pytest.mark.asyncio
async def test_replies_with_data_are_not_compressed(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        reply = await k.client.get("/api/version", headers=FULL | {"Accept-Encoding": "gzip"})
        assert reply.status_code == 200
        assert "content-encoding" not in reply.headers
