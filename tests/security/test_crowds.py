"""Many connections, requests and lines of a few: everybody else goes on."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
import uvicorn
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.api.access_log import AccessLog
from app.api.connections import counted_as
from app.api.context import CONTEXT, MAX_OPEN_REQUESTS, RequestContext
from app.api.server import BoundedProtocol, protocol_for
from tests.api.kernel import FULL, READ_KEY, kernel
from tests.api.test_auth import notes
from tests.security.test_wire import HOST, JSON, KEY, NOTE, Answer, Line, ask, connected, server
from tests.support.serving import Quiet, listening

pytestmark = pytest.mark.asyncio

PING = b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\n"
HALF = b"GET /ping HTTP/1.1\r\nHost: hunt"
BEGUN = b"POST /api/notes HTTP/1.1\r\n" + HOST + KEY + JSON + b"Expect: 100-continue\r\nContent-Length: 17\r\n\r\n"
"""A request whose body does not come."""
Address = tuple[str, int]


class Few(BoundedProtocol):
    max_connections = 3


class FewOfOne(BoundedProtocol):
    max_of_address = 2


class FewOfProxy(FewOfOne):
    trusted_proxies = (ip_network("127.0.0.0/8"),)


async def begun(line: Line) -> None:
    """Begin a request and wait until it is being handled."""
    await line.send(BEGUN)
    assert (await line.answer()).status == 100


@asynccontextmanager
async def lines(
    address: Address, count: int, sent: bytes = b"", source: str = "127.0.0.1"
) -> AsyncIterator[list[Line]]:
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            line = Line(*await asyncio.open_connection(*address, local_addr=(source, 0)))
            stack.callback(line.close)
            await line.send(sent)
            opened.append(line)
        yield opened


async def ping(line: Line) -> Answer:
    await line.send(PING)
    return await line.answer()


async def test_the_oldest_without_a_request_makes_room(tmp_path: Path) -> None:
    async with server(tmp_path, Few) as address, lines(address, 3) as silent:
        assert (await ping(silent[0])).status == 200  # is the youngest that waits, from now on
        async with connected(address) as line:
            assert (await ping(line)).status == 200
            assert await silent[1].ended() == b""
            assert [(await ping(other)).status for other in (silent[2], silent[0], line)] == [200] * 3


async def test_half_requests_keep_nobody_out(tmp_path: Path) -> None:
    async with server(tmp_path, Few) as address, lines(address, 3, HALF) as half:
        for _ in range(3):
            await asyncio.sleep(0)
        for _ in range(6):
            assert (await ask(address, PING)).status == 200
        refused = await half[0].answer()
        assert (refused.status, b"retry-after" in refused.head) == (503, True)


async def test_requests_that_are_handled_are_not_interrupted(tmp_path: Path) -> None:
    async with server(tmp_path, Few) as address, lines(address, 3) as busy:
        for line in busy:
            await begun(line)
        async with connected(address) as line:
            answer = await line.answer()
            assert (answer.status, b"retry-after" in answer.head) == (503, True)
            assert answer.error() == "Too many connections are open."
        for line in busy:
            await line.send(NOTE)
            assert (await line.answer()).status == 200
        assert (await ask(address, PING)).status == 200


async def test_one_address_cannot_take_all_connections(tmp_path: Path) -> None:
    async with server(tmp_path, FewOfOne) as address, lines(address, 2) as busy:
        for line in busy:
            await begun(line)
        async with lines(address, 1) as [third], lines(address, 2, source="127.0.0.2") as others:
            assert (await third.answer()).status == 503
            assert [(await ping(other)).status for other in others] == [200, 200]
        for line in busy:
            await line.send(NOTE)
            assert (await line.answer()).status == 200


async def test_a_trusted_proxy_speaks_for_many(tmp_path: Path) -> None:
    async with server(tmp_path, FewOfProxy) as address, lines(address, 5) as many:
        assert [(await ping(line)).status for line in many] == [200] * 5


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::7", "20010db800000001"),
        ("2001:db8:0:1:ffff::8", "20010db800000001"),
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("", None),
    ],
)
async def test_who_counts_as_one(host: str, counted: str | None) -> None:
    protocol = protocol_for((ip_network("10.0.0.0/8"),))
    assert counted_as(host, protocol.trusted_proxies) == counted


async def test_one_caller_cannot_have_all_requests(tmp_path: Path) -> None:
    behind_proxy = protocol_for((ip_network("127.0.0.0/8"),))
    other = b"GET /api/notes HTTP/1.1\r\n" + HOST + f"X-Api-Key: {READ_KEY}\r\n\r\n".encode()
    async with server(tmp_path, behind_proxy) as address, lines(address, MAX_OPEN_REQUESTS) as busy:
        for line in busy:
            await begun(line)
        refused = await ask(address, BEGUN)
        assert (refused.status, b"retry-after" in refused.head) == (429, True)
        assert (await ask(address, other)).status == 200
        await busy[0].send(NOTE)
        assert (await busy[0].answer()).status == 200
        async with connected(address) as line:
            await begun(line)


async def test_the_refusals_of_strangers_are_counted(tmp_path: Path) -> None:
    async with kernel(tmp_path, notes()) as k:
        with capture_logs() as told:
            for _ in range(50):
                await k.client.get("/api/notes")
                await k.client.post("/api/nothing", content=b"{}")
                await k.client.put("/ping/")
                await k.client.get("/ping")
                await k.client.head("/ping")
            await k.client.post("/api/notes", json={"text": "a"}, headers=FULL)
            await k.client.get("/api/nothing", headers=FULL)
            async with asyncio.timeout(10):
                while counted(told) + own_lines(told)[401] < 150:  # noqa: ASYNC110 - a line has no event
                    await asyncio.sleep(0.05)
    own = own_lines(told)
    assert (own[200], own[404]) == (1, 1)
    assert own[401] < 15  # one, and on a slow machine another after each quiet second
    total = next(line for line in reversed(told) if line["event"] == "requests refused")
    assert (counted(told) + own[401], set(total["statuses"])) == (150, {"401"})
    assert (total["addresses"], total["client"], total["of_client"]) == (1, "198.51.100.9", total["count"])
    assert "request_id" not in total


def own_lines(told: list[EventDict]) -> Counter[int]:
    """How many requests of each status have a line of their own."""
    return Counter(line["status"] for line in told if line["event"] == "request" and line["log_level"] == "info")


def counted(told: list[EventDict]) -> int:
    return sum(line["count"] for line in told if line["event"] == "requests refused")


async def test_what_is_not_http_leaves_no_line(tmp_path: Path) -> None:
    async with server(tmp_path) as address:
        with capture_logs() as told:
            for _ in range(20):
                assert (await ask(address, b"no\r\n\r\n")).status == 400
    assert told == []


async def test_after_a_quiet_time_a_refusal_has_a_line_of_its_own_again() -> None:
    log = AccessLog(refusals_seconds=0)
    stranger = RequestContext("r-1", "192.0.2.7", Counter())
    with capture_logs() as told:
        for _ in range(3):
            log.write({"method": "GET", CONTEXT: stranger}, 401, 1.0)
            for _ in range(3):  # the time is over when the loop comes round
                await asyncio.sleep(0)
    assert [line["event"] for line in told] == ["request"] * 3


class OnBoth(Quiet):
    """A server with `HUNTARR_HOST=::`."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        listener = socket.socket(socket.AF_INET6)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", 0))
        await super().serve([listener])


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_callers_over_ipv4_have_addresses_of_their_own_on_a_server_for_both(tmp_path: Path) -> None:
    async with kernel(tmp_path, notes()) as k:
        server_config = uvicorn.Config(k.app, http=FewOfOne, ws="none", lifespan="off", log_config=None)
        async with listening(OnBoth(server_config)) as at:
            address = ("127.0.0.1", at.port)
            with capture_logs() as told:
                assert (await ask(address, b"GET /api/notes HTTP/1.1\r\n" + HOST + b"\r\n")).status == 401
            assert [line["client"] for line in told] == ["127.0.0.1"]
            async with lines(address, 2) as busy, lines(address, 1, source="127.0.0.2") as [other]:
                for line in busy:
                    await begun(line)
                assert (await ping(other)).status == 200
