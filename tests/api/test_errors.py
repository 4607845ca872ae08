"""Every refusal has the one shape, and none tells more than it should."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Query
from pydantic import BaseModel, Field, field_validator
from starlette.responses import StreamingResponse

from app.api.deps import Paging, RowId
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.errors import Invalid, NotFound, TooManyRequests, Unavailable, UpstreamTimeout
from app.core.schemas import In, MessageReply
from tests.api.kernel import FULL, kernel

pytestmark = pytest.mark.asyncio

PRIVATE = "hunter2-hunter2"


class Person(In):
    name: str = Field(max_length=5)
    age: Annotated[int, Field(ge=0)] = 0
    password: str = ""

    @field_validator("password")
    @classmethod
    def _long(cls, value: str) -> str:
        if value == PRIVATE:
            raise ValueError("is too well known")
        return value


class Strict(BaseModel):
    number: int


def faults() -> ApiRouter:
    router = ApiRouter(tag=Tag.SYSTEM, prefix="/api/faults")

    @router.post("/people")
    @RoutePolicy(Access.FULL)
    async def create_person(body: Person, verify: Annotated[bool, Query()] = False) -> MessageReply:
        return MessageReply(message=body.name)

    @router.get("/people/{person_id}")
    @RoutePolicy(Access.READ)
    async def get_person(person_id: RowId, paging: Paging) -> MessageReply:
        raise NotFound(f"There is no person {person_id} on {paging.page}.")

    @router.get("/raise/{kind}")
    @RoutePolicy(Access.READ)
    async def get_fault(kind: str) -> MessageReply:
        faults: dict[str, Exception] = {
            "crash": RuntimeError(f"secret {PRIVATE}"),
            "invalid": Invalid("The address is blocked.", field="body.url"),
            "slow": UpstreamTimeout("Sonarr did not answer."),
            "many": TooManyRequests("Slow down.", retry_after=timedelta(milliseconds=1500)),
            "away": Unavailable("Redis is not available."),
            "group": ExceptionGroup("several", [ValueError(PRIVATE)]),
        }
        if kind == "model":
            Strict.model_validate({"number": PRIVATE})
        raise faults[kind]

    return _with_broken_replies(router)


def _with_broken_replies(router: ApiRouter) -> ApiRouter:
    @router.get("/wrong-reply")
    @RoutePolicy(Access.READ)
    async def get_wrong_reply() -> MessageReply:
        return {"data": PRIVATE}  # type: ignore[return-value] # what the test is about

    @router.get("/half")
    @RoutePolicy(Access.PUBLIC)
    async def get_half() -> StreamingResponse:
        async def parts() -> object:
            yield b"one"
            raise RuntimeError("broken")

        return StreamingResponse(parts(), media_type="text/plain")  # type: ignore[arg-type] # an async generator

    @router.get("/late")
    @RoutePolicy(Access.READ, timeout_seconds=0.05)
    async def get_late() -> MessageReply:
        await asyncio.sleep(30)
        return MessageReply()

    return router


async def test_validation_names_the_field_and_never_the_value(tmp_path: Path) -> None:
    async with kernel(tmp_path, faults()) as k:
        reply = await k.client.post(
            "/api/faults/people?verify=maybe",
            headers=FULL,
            json={"name": "much too long", "age": -1, "password": PRIVATE, "typo": PRIVATE},
        )
    assert reply.status_code == 422
    body = reply.json()
    assert {d["field"] for d in body["details"]} == {
        "body.name",
        "body.age",
        "body.password",
        "body.typo",
        "query.verify",
    }
    assert body["error"] == "5 fields are not valid."
    assert next(d["message"] for d in body["details"] if d["field"] == "body.password") == "is too well known"
    assert "request_id" not in body
    for value in (PRIVATE, "much too long", "maybe", "-1"):
        assert value not in reply.text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("people/0", "path.person_id"),
        ("people/abc", "path.person_id"),
        (f"people/{10**30}", "path.person_id"),
        (f"people/{'9' * 5000}", "path.person_id"),
        ("people/1?page=0", "query.page"),
        ("people/1?page=1000001", "query.page"),
        ("people/1?page_size=501", "query.page_size"),
        ("people/1?page_size=", "query.page_size"),
    ],
)
async def test_numbers_have_bounds(tmp_path: Path, path: str, field: str) -> None:
    async with kernel(tmp_path, faults()) as k:
        reply = await k.client.get(f"/api/faults/{path}", headers=FULL)
        assert (await k.client.get("/api/faults/people/1", headers=FULL)).json() == {
            "success": False,
            "error": "There is no person 1 on 1.",
        }
    assert reply.status_code == 422
    assert [d["field"] for d in reply.json()["details"]] == [field]


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"),
    [("invalid", 422, None), ("slow", 504, None), ("many", 429, "2"), ("away", 503, "5"), ("crash", 500, None)],
)
async def test_errors_have_the_headers_of_their_status(
    tmp_path: Path, kind: str, status: int, retry_after: str | None
) -> None:
    async with kernel(tmp_path, faults()) as k:
        reply = await k.client.get(f"/api/faults/raise/{kind}", headers=FULL)
    body = reply.json()
    assert (reply.status_code, reply.headers.get("retry-after")) == (status, retry_after)
    assert body["success"] is False
    assert ("request_id" in body) == (status in (500, 503))
    if status in (500, 503):
        assert body["request_id"] == reply.headers["x-request-id"]
    if kind == "invalid":
        assert body["details"] == [{"field": "body.url", "message": "The address is blocked."}]


@pytest.mark.parametrize("path", ["raise/crash", "raise/model", "raise/group", "raise/unknown", "wrong-reply"])
@pytest.mark.process
async def test_a_crash_is_an_envelope_with_every_header_and_no_secret(
    tmp_path: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with kernel(tmp_path, faults()) as k:
        reply = await k.client.get(f"/api/faults/{path}", headers=FULL | {"X-Request-Id": "mine-1"})
    assert reply.status_code == 500
    assert reply.json() == {
        "success": False,
        "error": "Something went wrong inside Huntarr; the log has the details under this request id.",
        "request_id": "mine-1",
    }
    assert reply.headers["x-request-id"] == "mine-1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    if path in ("raise/model", "wrong-reply"):
        assert PRIVATE not in capsys.readouterr().out


async def test_head_is_get_without_the_body(tmp_path: Path) -> None:
    async with kernel(tmp_path, faults()) as k:
        for path, status in (
            ("/ping", 200),
            ("/api/version", 200),
            ("/api/faults/half", 200),
            ("/api/openapi.json", 200),
        ):
            reply = await k.client.head(path, headers=FULL)
            assert (reply.status_code, reply.content) == (status, b"")
        assert int(reply.headers["content-length"]) > 1000
        assert reply.headers["etag"]
        assert (await k.client.head("/api/version")).status_code == 401
        assert (await k.client.head("/api/faults/people", headers=FULL)).status_code == 405
        assert (await k.client.get("/ping%0A")).status_code == 401


async def test_a_failure_after_the_start_of_a_reply_closes_the_connection(tmp_path: Path) -> None:
    async with kernel(tmp_path, faults()) as k:
        reply = await k.client.get("/api/faults/half")
    assert reply.content == b"one"


async def test_a_slow_reply_is_503(tmp_path: Path) -> None:
    async with kernel(tmp_path, faults()) as k:
        reply = await k.client.get("/api/faults/late", headers=FULL)
    assert reply.status_code == 503
    assert reply.json()["request_id"]


async def test_unknown_addresses_are_404_for_callers(tmp_path: Path) -> None:
    async with kernel(tmp_path, faults()) as k:
        for path in ("/api/none", "/api/faults/people//", "/api//faults/people/1", "/API/faults/people/1"):
            reply = await k.client.get(path, headers=FULL)
            assert (reply.status_code, reply.json()) == (
                404,
                {"success": False, "error": "There is nothing at this address."},
            )
