"""The door over real sockets: servers that are slow, cut, flood, lie, or speak another protocol."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import Connection
from app.http.bodies import MAX_BODY_BYTES
from app.http.messages import Method
from app.http.pools import KEEPALIVE_SECONDS, MAX_IDLE_POOLS, PoolPerOrigin
from tests.arr.conftest import KEY, Noted, at
from tests.arr.servers import JSON, Answer, answer, for_ever, saying, self_signed, serve

pytestmark = pytest.mark.asyncio

HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
SHORT = 0.15  # seconds: long enough for the loopback, short enough for a test that must time out


async def failure_of(http: ArrHttp, connection: Connection, method: Method = "GET", *, tries: int = 1) -> ArrError:
    with pytest.raises(ArrError) as caught:
        await http.send(connection, method, "/api/v3/command", tries=tries)
    assert KEY not in caught.value.message
    return caught.value


def writing(*parts: bytes, then: Answer | None = None) -> Answer:
    async def write(request: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        if then is not None:
            await writer.drain()
            await then(request, writer)
        writer.close()

    return write


async def test_connections_are_kept_alive(http: ArrHttp) -> None:
    peers: set[object] = set()

    async def note(_request: bytes, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        writer.write(answer(b"[]"))

    async with serve(note) as port:
        for _ in range(5):
            assert await http.send(at(port), "GET", "/api/v3/command") == []
    assert len(peers) == 1


async def test_a_stale_connection_is_no_failure_of_a_read(http: ArrHttp) -> None:
    async with serve(writing(answer(b"[]"))) as port:  # promises to stay and goes away
        for _ in range(4):
            assert await http.send(at(port), "GET", "/api/v3/command") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "cut",
    [
        writing(),
        writing(b"HTTP/1.1 200"),
        writing(HEAD),
        writing(HEAD + b"4\r\n[1,2\r\n"),
        writing(f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: 9\r\n\r\n[1".encode()),
    ],
)
async def test_a_cut_connection_is_passing_trouble_and_may_have_done_its_work(
    http: ArrHttp, noted: Noted, method: Method, cut: Answer
) -> None:
    async with serve(cut) as port:
        failure = await failure_of(http, at(port), method, tries=3)
    assert (failure.code, failure.may_have_reached, failure.transient) == (ErrorCode.UNREACHABLE, True, True)
    assert len(noted.requests) == (3 if method == "GET" else 1)


async def test_an_answer_after_a_cut_one_is_taken(http: ArrHttp) -> None:
    broken = [writing(), writing(HEAD + b"4\r\n[1,2\r\n"), writing(answer(b"[7]"))]

    async def worse_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        await broken.pop(0)(request, writer)

    async with serve(worse_first) as port:
        assert await http.send(at(port), "GET", "/api/v3/command") == [7]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_silence_is_a_time_out(http: ArrHttp, noted: Noted, method: Method) -> None:
    async with serve(for_ever) as port:
        failure = await failure_of(http, at(port, timeout_seconds=SHORT), method, tries=3)
    assert (failure.code, failure.status, failure.may_have_reached) == (ErrorCode.TIMEOUT, 504, True)
    assert len(noted.requests) == (3 if method == "GET" else 1)


@pytest.mark.parametrize("start", [HEAD, HEAD + b"1\r\n[\r\n"])
async def test_a_body_that_never_ends_is_a_time_out_that_is_not_repeated(
    http: ArrHttp, noted: Noted, start: bytes
) -> None:
    async with serve(writing(start, then=for_ever)) as port:
        failure = await failure_of(http, at(port, timeout_seconds=SHORT), tries=3)
    assert (failure.code, failure.transient, len(noted.requests)) == (ErrorCode.TIMEOUT, False, 1)
    assert "began to answer" in failure.message


async def test_a_drip_does_not_move_the_deadline(http: ArrHttp) -> None:
    async def drip(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(b"1\r\n \r\n")
            await writer.drain()
            await asyncio.sleep(SHORT / 10)

    async with serve(drip) as port:
        assert (await failure_of(http, at(port, timeout_seconds=SHORT))).code is ErrorCode.TIMEOUT


async def test_an_error_is_reported_although_its_body_never_ends(http: ArrHttp) -> None:
    head = f"HTTP/1.1 401 Unauthorized\r\nContent-Type: {JSON}\r\nContent-Length: 9\r\n\r\n".encode()
    async with serve(writing(head, then=for_ever)) as port:
        failure = await failure_of(http, at(port, timeout_seconds=SHORT), "POST")
    assert (failure.code, failure.may_have_reached) == (ErrorCode.UNAUTHORIZED, False)


async def test_a_name_that_is_not_resolved_in_time_has_not_reached_anybody(tls: ssl.SSLContext, noted: Noted) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    connection = Connection("http://app.test", KEY, timeout_seconds=SHORT)
    async with ArrHttp("1", transport=PoolPerOrigin(tls, resolve=resolve), sleep=noted.sleep) as http:
        failure = await failure_of(http, connection, "POST", tries=2)
    assert (failure.code, failure.may_have_reached) == (ErrorCode.TIMEOUT, False)
    assert len(noted.waits) == 1


def a_flood(kind: str) -> tuple[str, Callable[[asyncio.StreamWriter], None]]:
    part = b"[" + b" " * 2**20
    if kind == "gzip":
        bomb = gzip.compress(bytes(4 * MAX_BODY_BYTES))
        return "Content-Encoding: gzip\r\n", lambda writer: writer.write(bomb)
    return "", lambda writer: writer.write(part)


@pytest.mark.parametrize("kind", ["plain", "gzip"])
async def test_a_flood_is_cut_off(http: ArrHttp, noted: Noted, kind: str) -> None:
    extra, pour = a_flood(kind)
    poured = 0

    async def flood(_request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal poured
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\n{extra}Connection: close\r\n\r\n".encode())
        while True:
            pour(writer)
            await writer.drain()
            poured += 1

    async with serve(flood) as port:
        failure = await failure_of(http, at(port), tries=3)
    assert (failure.code, len(noted.requests)) == (ErrorCode.BAD_RESPONSE, 1)
    assert "larger than 20 MB" in failure.message
    assert noted.requests[0][3] <= MAX_BODY_BYTES + 2**20


async def test_endless_headers_are_cut_off(http: ArrHttp) -> None:
    async with serve(writing(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 2**20, then=for_ever)) as port:
        failure = await failure_of(http, at(port))
    assert failure.code is ErrorCode.BAD_RESPONSE


async def test_redirects_are_not_followed_over_the_wire(http: ArrHttp) -> None:
    asked: list[bytes] = []

    async def redirect(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request.split(b" ")[1])
        extra = "Location: /sonarr/api/v3/command\r\n"
        writer.write(answer(b"", status="307 Temporary Redirect", extra=extra))

    async with serve(redirect) as port:
        failure = await failure_of(http, at(port), "POST")
    assert asked == [b"/api/v3/command"]
    assert failure.code is ErrorCode.WRONG_BASE_URL


async def test_what_speaks_no_http_is_named(http: ArrHttp) -> None:
    async with serve(writing(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as port:
        failure = await failure_of(http, at(port), tries=3)
    assert failure.code is ErrorCode.BAD_RESPONSE
    assert "does not speak HTTP" in failure.message


async def test_nothing_listens(http: ArrHttp, noted: Noted) -> None:
    async with serve(for_ever) as port:
        pass
    failure = await failure_of(http, at(port), "POST", tries=3)
    assert (failure.code, failure.may_have_reached) == (ErrorCode.UNREACHABLE, False)
    assert "Nothing listens" in failure.message
    assert len(noted.requests) == 3


async def test_a_name_that_nobody_knows(tls: ssl.SSLContext, noted: Noted) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    async with ArrHttp("1", transport=PoolPerOrigin(tls, resolve=resolve), sleep=noted.sleep) as http:
        failure = await failure_of(http, Connection("http://app.test:8989", KEY), "POST")
    assert (failure.code, failure.may_have_reached) == (ErrorCode.UNREACHABLE, False)
    assert "cannot be resolved" in failure.message


async def test_a_certificate_of_ones_own(http: ArrHttp, noted: Noted, tmp_path: Path) -> None:
    server, _ = self_signed(tmp_path, "127.0.0.1")
    async with serve(saying(answer(b"[]")), tls=server) as port, ArrHttp("1") as strict_or_not:
        connection = at(port, scheme="https")
        failure = await failure_of(strict_or_not, connection, "POST", tries=3)
        lenient = Connection(connection.url, KEY, verify_tls=False)
        assert await strict_or_not.send(lenient, "GET", "/api/v3/command") == []
    assert (failure.code, failure.may_have_reached, failure.transient) == (ErrorCode.TLS, False, False)
    assert "turn off verification" in failure.message


async def test_tls_to_a_plain_port(http: ArrHttp) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(b"", status="400 Bad Request"))
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        failure = await failure_of(http, at(server.sockets[0].getsockname()[1], scheme="https"), "POST")
    assert (failure.code, failure.may_have_reached) == (ErrorCode.TLS, False)
    assert "write http://" in failure.message


@pytest.mark.parametrize(
    "reply",
    [
        writing(b"\x15\x03\x03\x00\x02\x02\x46"),
        writing(answer(b"<p>The plain HTTP request was sent to HTTPS port</p>", status="400 Bad", kind="text/html")),
        writing(answer(b"Client sent an HTTP request to an HTTPS server.\n", status="400 Bad", kind="text/plain")),
    ],
)
async def test_a_plain_request_to_a_tls_port(http: ArrHttp, reply: Answer) -> None:
    async with serve(reply) as port:
        failure = await failure_of(http, at(port))
    assert failure.code is ErrorCode.TLS
    assert "write https://" in failure.message


async def test_idle_pools_are_closed(tls: ssl.SSLContext) -> None:
    now = 0.0
    pools = PoolPerOrigin(tls, monotonic=lambda: now)
    async with (
        ArrHttp("1", transport=pools) as http,
        serve(saying(answer(b"[]"))) as one,
        serve(saying(answer(b"[]"))) as two,
    ):
        await http.send(at(one), "GET", "/x")
        await http.send(at(two), "GET", "/x")
        assert pools.open_pools == 2
        now = KEEPALIVE_SECONDS + 1
        await http.send(at(two), "GET", "/x")
        assert pools.open_pools == 1


async def test_a_busy_pool_is_not_closed(tls: ssl.SSLContext) -> None:
    now = 0.0
    pools = PoolPerOrigin(tls, monotonic=lambda: now)
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(_request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go.wait()
        writer.write(answer(b"[1]"))

    async with ArrHttp("1", transport=pools) as http, serve(slow) as one, serve(saying(answer(b"[]"))) as two:
        waiting = asyncio.create_task(http.send(at(one), "GET", "/x", tries=1))
        await asked.wait()
        now = 10 * KEEPALIVE_SECONDS
        await http.send(at(two), "GET", "/x")
        go.set()
        assert await waiting == [1]


async def test_few_idle_pools_are_kept(tls: ssl.SSLContext) -> None:
    pools = PoolPerOrigin(tls, monotonic=lambda: 0.0)
    async with ArrHttp("1", transport=pools) as http, serve(saying(answer(b"[]"))) as port:
        for n in range(MAX_IDLE_POOLS + 20):
            host = f"127.1.{n // 250}.{n % 250 + 1}"  # every 127.x.y.z is this machine, and an origin of its own
            with pytest.raises(ArrError):
                await http.send(Connection(f"http://{host}:{port}", KEY), "GET", "/x", tries=1)
        assert pools.open_pools <= MAX_IDLE_POOLS + 1
