"""A POST with a key happens once, whoever repeats it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import col, select
from starlette.responses import StreamingResponse

from app.api.policy import REPLY_SECONDS, Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.errors import Conflict, Forbidden, TooManyRequests, Unavailable
from app.core.schemas import In, MessageReply
from app.idempotency.models import Replay
from tests.api.kernel import CSRF, FULL, READ, WITH_SESSION, Kernel, kernel

pytestmark = pytest.mark.asyncio

KEY = FULL | {"Idempotency-Key": "key-1"}


class Order(In):
    what: str


class Shop:
    """Counts what was really done; orders named after a fault end in it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def router(self, timeout_seconds: float = REPLY_SECONDS) -> ApiRouter:
        router = ApiRouter(tag=Tag.SYSTEM, prefix="/api/orders")

        @router.post("", status_code=201)
        @RoutePolicy(Access.FULL, timeout_seconds=timeout_seconds)
        async def create_order(body: Order) -> MessageReply:
            self.done.append(body.what)
            self.begun.set()
            await self.gate.wait()
            faults = {
                "crash": RuntimeError("no"),
                "away": Unavailable("Redis is not available."),
                "conflict": Conflict("Sold out."),
                "forbidden": Forbidden("Not yours."),
                "many": TooManyRequests("Slow down."),
            }
            if body.what in faults:
                raise faults[body.what]
            return MessageReply(message=f"{body.what} {len(self.done)} ü")

        @router.post("/other", status_code=201)
        @RoutePolicy(Access.FULL)
        async def create_other_order(body: Order) -> MessageReply:
            return MessageReply(message=body.what)

        return self._with_others(router)

    def _with_others(self, router: ApiRouter) -> ApiRouter:
        @router.post("/stream")
        @RoutePolicy(Access.FULL)
        async def create_stream() -> StreamingResponse:
            self.done.append("stream")

            async def parts() -> AsyncIterator[bytes]:
                yield b"a"

            return StreamingResponse(parts())

        @router.post("/open")
        @RoutePolicy(Access.PUBLIC)
        async def create_open_order(body: Order) -> MessageReply:
            self.done.append(body.what)
            return MessageReply(message=str(len(self.done)))

        @router.get("")
        @RoutePolicy(Access.READ)
        async def list_orders() -> MessageReply:
            return MessageReply(message=str(len(self.done)))

        return router


async def rows(k: Kernel) -> list[Replay]:
    async with k.container.infra.db.reading() as session:
        return list((await session.exec(select(Replay).order_by(col(Replay.id)))).all())


async def test_a_repeated_request_gets_the_first_reply(tmp_path: Path) -> None:
    shop = Shop()
    async with kernel(tmp_path, shop.router()) as k:
        first = await k.client.post("/api/orders?a=1", headers=KEY, json={"what": "tea"})
        again = await k.client.post("/api/orders?a=1&apikey=x", headers=KEY, json={"what": "tea"})
        (row,) = await rows(k)
    assert (first.status_code, again.status_code, shop.done) == (201, 201, ["tea"])
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (again.headers["idempotent-replay"], "idempotent-replay" in first.headers) == ("true", False)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert row.body is not None
    assert "tea" not in row.body


async def test_without_a_key_every_post_runs(tmp_path: Path) -> None:
    shop = Shop()
    async with kernel(tmp_path, shop.router()) as k:
        for _ in range(2):
            await k.client.post("/api/orders", headers=FULL, json={"what": "tea"})
        assert await rows(k) == []
    assert shop.done == ["tea", "tea"]


async def test_a_key_belongs_to_one_request_of_one_caller(tmp_path: Path) -> None:
    shop = Shop()
    async with kernel(tmp_path, shop.router()) as k:
        await k.client.post("/api/orders", headers=KEY, json={"what": "tea"})
        for path, what in (("/api/orders", "cake"), ("/api/orders/other", "tea"), ("/api/orders?a=1", "tea")):
            reply = await k.client.post(path, headers=KEY, json={"what": what})
            assert (reply.status_code, reply.json()["error"]) == (
                409,
                "This Idempotency-Key was used for another request.",
            )
        session = WITH_SESSION | {"X-CSRF-Token": CSRF, "Idempotency-Key": "key-1"}
        reply = await k.client.post("/api/orders", headers=session, json={"what": "tea"})
        assert reply.status_code == 201
    assert shop.done == ["tea", "tea"]


async def test_a_parallel_repetition_is_a_conflict(tmp_path: Path) -> None:
    shop = Shop()
    shop.gate.clear()
    async with kernel(tmp_path, shop.router()) as k:
        posts = [asyncio.create_task(k.client.post("/api/orders", headers=KEY, json={"what": "tea"})) for _ in range(5)]
        done, pending = await asyncio.wait(posts, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 4:
            more, pending = await asyncio.wait(pending, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        twins = [task.result() for task in done]
        assert [twin.status_code for twin in twins] == [409] * 4
        assert {twin.headers["retry-after"] for twin in twins} == {"1"}
        shop.gate.set()
        (first,) = await asyncio.gather(*pending)
        assert first.status_code == 201
        again = await k.client.post("/api/orders", headers=KEY, json={"what": "tea"})
        assert again.content == first.content
    assert shop.done == ["tea"]


@pytest.mark.parametrize(
    ("what", "status", "is_kept"),
    [
        ("crash", 500, False),
        ("away", 503, False),
        ("forbidden", 403, False),
        ("many", 429, False),
        ("conflict", 409, True),
    ],
)
@pytest.mark.process
async def test_which_replies_are_stored(tmp_path: Path, what: str, status: int, is_kept: bool) -> None:
    shop = Shop()
    async with kernel(tmp_path, shop.router()) as k:
        for _ in range(2):
            reply = await k.client.post("/api/orders", headers=KEY, json={"what": what})
            assert reply.status_code == status
        assert len(await rows(k)) == is_kept
    assert len(shop.done) == (1 if is_kept else 2)


async def test_invalid_input_is_stored_and_unreadable_input_is_not(tmp_path: Path) -> None:
    async with kernel(tmp_path, Shop().router()) as k:
        wrong = [await k.client.post("/api/orders", headers=KEY, json={"no": 1}) for _ in range(2)]
        assert [reply.status_code for reply in wrong] == [422, 422]
        assert wrong[1].headers["idempotent-replay"] == "true"
        assert wrong[1].json()["details"] == wrong[0].json()["details"]
        other = KEY | {"Idempotency-Key": "key-2", "Content-Type": "application/json"}
        assert (await k.client.post("/api/orders", headers=other, content=b"{")).status_code == 400
        assert (await k.client.post("/api/orders", headers=other, content=b'{"what":"tea"}')).status_code == 201


async def test_refused_requests_are_not_stored(tmp_path: Path) -> None:
    async with kernel(tmp_path, Shop().router()) as k:
        for headers, status in (({}, 401), (READ, 403), (WITH_SESSION, 403)):
            reply = await k.client.post(
                "/api/orders", headers={**headers, "Idempotency-Key": "key-1"}, json={"what": "tea"}
            )
            assert reply.status_code == status
        assert (await k.client.get("/api/orders", headers=KEY)).status_code == 200
        reply = await k.client.post("/api/orders/open", headers=KEY, json={"what": "tea"})
        assert reply.status_code == 200
        assert await rows(k) == []


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "caf\xe9", "\x7f"])
async def test_keys_are_short_and_printable(tmp_path: Path, key: str) -> None:
    async with kernel(tmp_path, Shop().router()) as k:
        headers = [(b"X-Api-Key", FULL["X-Api-Key"].encode()), (b"Idempotency-Key", key.encode("latin-1"))]
        reply = await k.client.post("/api/orders", headers=headers, json={"what": "tea"})
        assert reply.status_code == 422
        assert reply.json()["details"][0]["field"] == "header.Idempotency-Key"
        twice = [headers[0], (b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"a")]
        assert (await k.client.post("/api/orders", headers=twice, json={"what": "tea"})).status_code == 422
        longest = FULL | {"Idempotency-Key": "~" * 255}
        assert (await k.client.post("/api/orders", headers=longest, json={"what": "tea"})).status_code == 201


async def test_streams_are_not_stored(tmp_path: Path) -> None:
    shop = Shop()
    async with kernel(tmp_path, shop.router()) as k:
        for _ in range(2):
            reply = await k.client.post("/api/orders/stream", headers=KEY)
            assert reply.content == b"a"
        assert await rows(k) == []
    assert shop.done == ["stream", "stream"]


async def test_a_timed_out_request_releases_its_key(tmp_path: Path) -> None:
    shop = Shop()
    shop.gate.clear()
    async with kernel(tmp_path, shop.router(timeout_seconds=0.2)) as k:
        reply = await k.client.post("/api/orders", headers=KEY, json={"what": "tea"})
        assert reply.status_code == 503
        assert await rows(k) == []


async def test_a_cancelled_request_releases_its_key(tmp_path: Path) -> None:
    shop = Shop()
    shop.gate.clear()
    async with kernel(tmp_path, shop.router()) as k:
        post = asyncio.create_task(k.client.post("/api/orders", headers=KEY, json={"what": "tea"}))
        await shop.begun.wait()
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
        assert await rows(k) == []


async def test_stored_replies_expire_after_a_day(tmp_path: Path) -> None:
    shop = Shop()
    async with kernel(tmp_path, shop.router()) as k:
        await k.client.post("/api/orders", headers=KEY, json={"what": "tea"})
        k.clock.forward(hours=23, minutes=59)
        await k.client.post("/api/orders", headers=KEY, json={"what": "tea"})
        assert shop.done == ["tea"]
        k.clock.forward(minutes=1)
        reply = await k.client.post("/api/orders", headers=KEY, json={"what": "cake"})
        assert (reply.status_code, shop.done) == (201, ["tea", "cake"])
