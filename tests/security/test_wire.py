"""Raw bytes on a socket to the real application behind the real server."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from app.api.server import BoundedProtocol
from tests.api.kernel import FULL_KEY, kernel
from tests.api.test_auth import notes
from tests.support.serving import Quiet, listening

pytestmark = pytest.mark.asyncio

HOST = b"Host: huntarr\r\n"
KEY = f"X-Api-Key: {FULL_KEY}\r\n".encode()
JSON = b"Content-Type: application/json\r\n"
NOTE = b'{"text": "hello"}'


class Impatient(BoundedProtocol):
    head_seconds = 0.2
    leftover_seconds = 0.2
    leftover_bytes = 100_000


@dataclass
class Answer:
    status: int
    head: bytes
    body: bytes

    def error(self) -> str:
        said = json.loads(self.body)
        assert said["success"] is False
        return str(said["error"])


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send as much of it as the server accepts."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            pass

    async def answer(self) -> Answer:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for header in head.lower().split(b"\r\n"):
            if header.startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        return Answer(int(head.split(b" ", 2)[1]), head.lower(), await self._reader.readexactly(length))

    async def ended(self) -> bytes:
        """Everything that comes until the server closes the connection."""
        try:
            return await self._reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def server(folder: Path, protocol: type[BoundedProtocol] = BoundedProtocol) -> AsyncIterator[tuple[str, int]]:
    async with kernel(folder, notes()) as k, asyncio.timeout(40):
        config = uvicorn.Config(
            k.app, http=protocol, ws="none", lifespan="off", log_config=None, port=0, server_header=False
        )
        async with listening(Quiet(config)) as at:
            yield at.host, at.port


@asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Line]:
    line = Line(*await asyncio.open_connection(*address))
    try:
        yield line
    finally:
        line.close()


async def ask(address: tuple[str, int], data: bytes) -> Answer:
    async with connected(address) as line:
        await line.send(data)
        return await line.answer()


def post(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + JSON + length + b"".join(headers) + b"\r\n" + body


async def test_a_good_request_is_answered_and_the_connection_stays(tmp_path: Path) -> None:
    async with server(tmp_path) as address, connected(address) as line:
        for _ in range(3):
            await line.send(post(NOTE))
            assert (await line.answer()).status == 200


BAD = {
    "two lengths": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd",
    "two equal lengths": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Content-Length: 4, 4\r\n\r\nabcd",
    "a signed length": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Content-Length: +4\r\n\r\nabcd",
    "a hexadecimal length": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Content-Length: 0x4\r\n\r\nabcd",
    "length and chunks": b"POST /api/notes HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"POST /api/notes HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice over": b"POST /api/notes HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"POST /api/notes HTTP/1.1\r\n" + HOST + b"Content-Length : 4\r\n\r\nabcd",
    "a folded header": b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n two\r\n\r\n",
    "a bare line feed": b"GET /ping HTTP/1.1\nHost: huntarr\n\n",
    "a NUL in a header": b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n",
    "no host": b"GET /ping HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /ping HTTP/1.1\r\n" + HOST + b"Host: other\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a made-up version": b"GET /ping HTTP/9.9\r\n" + HOST + b"\r\n",
    "a made-up method": b"BREW /ping HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a relative address": b"GET ping HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 30,
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.process
async def test_what_is_not_http_is_refused_and_ends_the_connection(tmp_path: Path, name: str) -> None:
    async with server(tmp_path) as address, connected(address) as line:
        await line.send(BAD[name] + b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = await line.answer()
        assert answer.status == 400
        assert answer.error() == "The request is not valid HTTP."
        assert b"x-frame-options: deny" in answer.head
        assert await line.ended() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"G" * 400_000,
        b"GET /" + b"a" * 400_000,
        b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 400_000,
        b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n" * 60_000,
        b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 400_000,
        b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: " + b"x" * 400_000,
    ],
    ids=["method", "address", "one header", "many headers", "chunk extension", "trailer"],
)
async def test_a_head_without_end_is_cut_off(tmp_path: Path, data: bytes) -> None:
    async with server(tmp_path) as address, connected(address) as line:
        await line.send(data)
        said = await line.ended()
        assert said.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400")) or said == b""


async def test_large_but_whole_heads_are_answered(tmp_path: Path) -> None:
    async with server(tmp_path) as address:
        for data, status in (
            (b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 30_000 + b"\r\n\r\n", 200),
            (b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 40_000 + b"\r\n\r\n", 400),
            (b"GET /ping HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n" * 120 + b"\r\n", 400),
            (b"GET /ping?" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        ):
            assert (await ask(address, data)).status == status


@pytest.mark.parametrize("begun", [b"", b"GET /pi", b"GET /ping HTTP/1.1\r\nHost: hunt"])
async def test_a_head_that_does_not_come_is_not_waited_for(tmp_path: Path, begun: bytes) -> None:
    async with server(tmp_path, Impatient) as address, connected(address) as line:
        await line.send(begun)
        said = await line.ended()
        assert said == b"" if not begun else said.startswith(b"HTTP/1.1 408")


async def test_the_second_head_of_a_connection_is_not_waited_for_either(tmp_path: Path) -> None:
    async with server(tmp_path, Impatient) as address, connected(address) as line:
        await line.send(b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await line.answer()).status == 200
        await line.send(b"GET /ping HTTP")
        assert (await line.ended()).startswith(b"HTTP/1.1 408")


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for(tmp_path: Path) -> None:
    async with server(tmp_path, Impatient) as address, connected(address) as line:
        ending = asyncio.ensure_future(line.ended())
        while not ending.done():
            await line.send(b"GET /ping HTTP/1.1\r\nX-A: 1\r\n" if not ending.done() else b"")
            await asyncio.wait([ending], timeout=0.02)
        assert ending.result()[:12] in (b"HTTP/1.1 408", b"HTTP/1.1 400")


async def test_a_stranger_is_answered_before_the_body_and_cannot_go_on_for_ever(tmp_path: Path) -> None:
    head = b"POST /api/notes HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 900000\r\n\r\n"
    async with server(tmp_path, Impatient) as address:
        async with connected(address) as line:  # sends no more
            await line.send(head)
            assert (await line.answer()).status == 401
            assert await line.ended() == b""
        async with connected(address) as line:  # sends too much
            await line.send(head)
            assert (await line.answer()).status == 401
            await line.send(b"x" * 800_000)
            assert await line.ended() == b""
        async with connected(address) as line:  # keeps to what it announced: the connection is good for another
            await line.send(head.replace(b"900000", b"1000") + b"x" * 1000)
            assert (await line.answer()).status == 401
            await line.send(b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\n")
            assert (await line.answer()).status == 200


async def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    head = b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    async with server(tmp_path) as address, connected(address) as line:
        await line.send(head + b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        for _ in range(20):
            await line.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert (await line.answer()).status == 413


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"11\r\n" + NOTE + b"\r\n0\r\n\r\n", 200),
        (b"11\r\n" + NOTE + b"\r\n0\r\nIdempotency-Key: a\r\nX-Request-Id: smuggled\r\n\r\n", 200),
        (b"zz\r\n" + NOTE, 400),
        (b"-1\r\n" + NOTE, 400),
        (b"FFFFFFFFFFFFFFFFF\r\n" + NOTE, 400),
        (b"5\r\n" + NOTE + b"\r\n0\r\n\r\n", 400),
        (b"11\n" + NOTE + b"\n0\n\n", 400),
    ],
)
async def test_chunks(tmp_path: Path, chunks: bytes, status: int) -> None:
    head = b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    async with server(tmp_path) as address:
        answer = await ask(address, head + chunks)
        assert answer.status == status
        assert b"smuggled" not in answer.head


async def test_deep_json_is_refused(tmp_path: Path) -> None:
    async with server(tmp_path) as address:
        for body in (b"[" * 500_000, b'{"a":' * 100_000, b"[" * 1000 + b"]" * 1000):
            assert (await ask(address, post(body))).status == 400
        assert (await ask(address, post(NOTE))).status == 200


async def test_pipelined_requests_are_answered_in_order_and_not_without_bound(tmp_path: Path) -> None:
    one = b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\n"
    async with server(tmp_path) as address:
        async with connected(address) as line:
            await line.send(one + post(NOTE) + one)
            assert [(await line.answer()).status for _ in range(3)] == [200, 200, 200]
        async with connected(address) as line:
            await line.send(one * 5000)
            assert (await line.ended()).count(b"HTTP/1.1 200") < 100


@pytest.mark.parametrize("blank", [b" ", b"\t", b" \t ", b""])
async def test_blanks_around_a_value_are_no_part_of_it(tmp_path: Path, blank: bytes) -> None:
    dressed = HOST + b"X-Api-Key:" + blank + FULL_KEY.encode() + blank + b"\r\n"
    async with server(tmp_path) as address:
        assert (await ask(address, b"GET /api/notes HTTP/1.1\r\n" + dressed + b"\r\n")).status == 200
        length = b"Content-Type: application/json" + blank + b"\r\nContent-Length: %d" % len(NOTE) + blank + b"\r\n"
        answer = await ask(address, b"POST /api/notes HTTP/1.1\r\n" + dressed + length + b"\r\n" + NOTE)
        assert answer.status == 200
        inside = dressed.replace(FULL_KEY.encode(), FULL_KEY[:20].encode() + b" " + FULL_KEY[20:].encode())
        assert (await ask(address, b"GET /api/notes HTTP/1.1\r\n" + inside + b"\r\n")).status == 401


PLACES = [
    "/api/notes",
    "/api/notes/",
    "//api/notes",
    "/api//notes",
    "/API/notes",
    "/api/Notes",
    "/./api/notes",
    "/ping/../api/notes",
    "/ping/..%2fapi/notes",
    "/login/../api/notes",
    "/pages/../api/notes",
    "/pages/..%2f..%2fdocs",
    "/pages/%2e%2e/notes",
    "/api/notes%00",
    "/api/notes%0a",
    "/api/notes;a=/ping",
    "/api/notes?x=/ping",
    "/api/notes/ping",
    "/api/notes/login",
    "/api/notes/setup",
    "/api/notes/../health",
    "/api/health/../notes",
    "/%61pi/notes",
    "/api%2fnotes",
    "/api\\notes",
    "/api/setup/../notes",
    "/ping%20",
    "/ping/",
    "/PING",
    "http://huntarr/api/notes",
    "http://other@huntarr/api/notes",
    "http://127.0.0.1/api/notes",
    "*",
]


async def test_no_spelling_of_an_address_lets_a_stranger_in(tmp_path: Path) -> None:
    async with server(tmp_path) as address:
        for method, target in itertools.product(("GET", "POST", "OPTIONS"), PLACES):
            request = f"{method} {target} HTTP/1.1\r\nHost: huntarr\r\nContent-Length: 0\r\n\r\n".encode()
            assert (await ask(address, request)).status in (400, 401), (method, target)


@pytest.mark.parametrize(
    "headers",
    [
        KEY + KEY,
        KEY + b"X-Api-Key: wrong\r\n",
        b"X-Api-Key: wrong\r\n" + KEY,
        b"X_Api_Key" + KEY[9:],
        KEY.replace(b"\r\n", b",\r\n"),
        b"Cookie: huntarr_session=session-token; huntarr_session=session-token\r\n",
        b"Cookie: huntarr_session=session-token\r\nCookie: huntarr_session=session-token\r\n",
        b"Authorization: Basic b3duZXI6cGFzc3dvcmQ=\r\n",
        b"Authorization: Basic " + FULL_KEY.encode() + b"\r\n",
        b"Authorization: Bearer " + FULL_KEY.encode() + b"\r\nAuthorization: Bearer x\r\n",
        b"X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\nX-Real-Ip: 127.0.0.1\r\n",
        b"X-Original-URL: /ping\r\nX-Rewrite-URL: /ping\r\nX-HTTP-Method-Override: GET\r\n",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    ],
)
@pytest.mark.process
async def test_credentials_that_do_not_count(tmp_path: Path, headers: bytes) -> None:
    async with server(tmp_path) as address:
        request = b"GET /api/notes HTTP/1.1\r\n" + HOST + headers + b"\r\n"
        assert (await ask(address, request)).status == 401
