"""An offer to speak another protocol (HTTP/2, WebSocket) is ignored, and the request is done as it was told.

A server that stops reading at the offer loses the body: a dry hunt of one instance became a real one of all.
"""

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.events.stream_clients import RunningGateway, gateway
from tests.security.test_wire import HOST, JSON, KEY, NOTE, Answer, Line, ask, connected, post, server
from tests.simulator import LibrarySpec
from tests.support import rig as rigs
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

CLIENTS = Path(__file__).parent / "clients"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
OFFERS = {
    "h2c": OFFER,
    "h2c in small": b"connection: upgrade\r\nupgrade: h2c\r\n",
    "a web socket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "something": b"Upgrade: IRC/6.9, RTA/x11\r\nConnection: upgrade\r\n",
    "twice": b"Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: upgrade\r\nConnection: Upgrade\r\n",
}


async def said(line: Line) -> tuple[int, Any]:
    answer = await line.answer()
    return answer.status, message(answer)


def message(answer: Answer) -> Any:
    return json.loads(answer.body).get("message")


@pytest.mark.parametrize("name", OFFERS)
async def test_the_body_behind_an_offer_is_read(tmp_path: Path, name: str) -> None:
    request = post(NOTE, OFFERS[name])
    async with server(tmp_path) as address:
        answer = await ask(address, request)
        assert (answer.status, message(answer)) == (200, "hello")
        assert b"upgrade" not in answer.head
        async with connected(address) as line:  # the connection is good for more, whatever comes next
            await line.send(request + post(NOTE) + request)
            assert [await said(line) for _ in range(3)] == [(200, "hello")] * 3


@pytest.mark.parametrize("cut", ["behind the head", "in the offer", "in the body", "everywhere"])
async def test_a_body_that_comes_later_is_waited_for(tmp_path: Path, cut: str) -> None:
    request = post(NOTE, OFFER)
    at = {"behind the head": -len(NOTE), "in the offer": request.index(b"h2c") + 1, "in the body": -5}
    parts = [request[: at[cut]], request[at[cut] :]] if cut in at else [request[i : i + 1] for i in range(len(request))]
    async with server(tmp_path) as address, connected(address) as line:
        for part in parts:
            await line.send(part)
            await asyncio.sleep(0)
        assert await said(line) == (200, "hello")


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"11\r\n" + NOTE + b"\r\n0\r\n\r\n", 200),
        (b"8\r\n" + NOTE[:8] + b"\r\n9\r\n" + NOTE[8:] + b"\r\n0\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", 200),
        (b"zz\r\n" + NOTE, 400),
    ],
)
async def test_chunks_behind_an_offer(tmp_path: Path, chunks: bytes, status: int) -> None:
    head = b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + JSON + OFFER + b"Transfer-Encoding: chunked\r\n\r\n"
    async with server(tmp_path) as address:
        assert (await ask(address, head + chunks)).status == status


@pytest.mark.parametrize(
    "head",
    [
        HOST + b"Content-Length: 4\r\nContent-Length: 40\r\n",
        HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        HOST + HOST + b"Content-Length: 4\r\n",
        b"Content-Length: 4\r\n",
    ],
)
async def test_an_offer_excuses_nothing(tmp_path: Path, head: bytes) -> None:
    async with server(tmp_path) as address, connected(address) as line:
        await line.send(b"POST /api/notes HTTP/1.1\r\n" + OFFER + KEY + JSON + head + b"\r\nabcd")
        assert (await line.answer()).error() == "The request is not valid HTTP."
        assert await line.ended() == b""


async def test_strangers_and_readers_may_no_more_than_without_an_offer(tmp_path: Path) -> None:
    async with server(tmp_path) as address:
        request = post(NOTE, OFFER)
        assert (await ask(address, request.replace(KEY, b""))).status == 401
        assert (await ask(address, b"GET /api/notes HTTP/1.1\r\n" + HOST + OFFER + b"\r\n")).status == 401
        assert (await ask(address, b"GET /ping HTTP/1.0\r\n" + OFFER + b"\r\n")).status == 200
        assert (await ask(address, b"CONNECT a:1 HTTP/1.1\r\n" + HOST + OFFER + b"\r\n")).status == 400


@asynccontextmanager
async def two_instances(rig: Rig) -> AsyncIterator[RunningGateway]:
    for name in ("first", "second"):
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name=name)
    async with gateway(rig) as served:
        yield served


CURL = (
    "-sS",
    "-H",
    "X-Api-Key: {key}",
    "-H",
    "Content-Type: application/json",
    "-d",
    "{body}",
    "-w",
    "\n%{{http_code}}",
)
TOLD = {
    "curl": ("curl", *CURL, "{url}"),
    "curl with HTTP/2": ("curl", "--http2", *CURL, "{url}"),
    "Java": ("java", f"{CLIENTS}/Hunt.java", "{url}", "{key}", "{body}"),
    "Node": ("node", f"{CLIENTS}/hunt.mjs", "{url}", "{key}", "{body}"),
    "Go": ("go", "run", f"{CLIENTS}/hunt.go", "{url}", "{key}", "{body}"),
    "Python": (sys.executable, f"{CLIENTS}/hunt.py", "{url}", "{key}", "{body}"),
}


def is_installed(program: str) -> bool:
    if program == "java":  # it compiles its program first
        return shutil.which("javac") is not None
    return shutil.which(program) is not None


async def can_http2() -> bool:
    process = await asyncio.create_subprocess_exec("curl", "--version", stdout=PIPE)
    return b"HTTP2" in (await process.communicate())[0]


@pytest.mark.process
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", TOLD)
async def test_a_client_hunts_what_it_was_told(rig: Rig, name: str) -> None:
    command = TOLD[name]
    if not is_installed(command[0]) or ("--http2" in command and not await can_http2()):
        pytest.skip(f"no {name} here")
    async with two_instances(rig) as served:
        body = json.dumps({"instance_id": 2, "dry_run": True})
        filled = [part.format(url=f"{served.url}/api/hunts", key=rigs.KEY, body=body) for part in command]
        process = await asyncio.create_subprocess_exec(*filled, stdout=PIPE)
        async with asyncio.timeout(90):  # Go compiles its library at the first time
            output = (await process.communicate())[0].decode()
        reply = json.loads(output[output.index("{") : output.rindex("}") + 1])
        assert "202" in (output[: output.index("{")] or output[output.rindex("}") :])
    [hunt] = reply["data"]["hunts"]
    assert (hunt["instance_name"], hunt["dry_run"]) == ("second", True)


async def test_a_pause_of_five_minutes_ends(rig: Rig) -> None:
    async with gateway(rig) as served:
        body = b'{"minutes": 5}'
        head = b"POST /api/hunting/pause HTTP/1.1\r\n" + HOST + f"X-Api-Key: {rigs.KEY}\r\n".encode() + JSON + OFFER
        answer = await ask(served.address, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.status == 200
    assert json.loads(answer.body)["data"]["until"] == "2026-11-23T12:05:00.000Z"
