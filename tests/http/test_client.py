"""The HTTP client over real sockets: servers that are slow, cut, flood, lie, or speak another protocol."""

import asyncio
import gzip
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.http.bodies import MAX_BODY_BYTES, MAX_PARSED_AT_ONCE_BYTES
from app.http.client import HttpClient
from app.http.clients import ClientPair, tls_context
from app.http.errors import HttpErrorCode
from app.http.messages import Endpoint, HttpReply, HttpRequest, Method
from app.http.pools import PoolPerOrigin
from tests.http.calls import ask, at, failure_of
from tests.http.recorder import Recorder
from tests.http.servers import JSON, Answer, answer, never_answer, replying, self_signed, serve

pytestmark = pytest.mark.asyncio

HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
SHORT = 0.15  # seconds: long enough for the loopback, short enough for a test that must time out


def writing(*parts: bytes, then: Answer | None = None) -> Answer:
    async def write(request: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        if then is not None:
            await writer.drain()
            await then(request, writer)
        writer.close()

    return write


async def test_connections_are_kept_alive(client: HttpClient) -> None:
    peers: set[object] = set()

    async def note(_request: bytes, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        writer.write(answer(b"[]"))

    async with serve(note) as port:
        for _ in range(5):
            assert await ask(client, at(port)) == []
    assert len(peers) == 1


async def test_the_caller_says_which_bodies_are_read_and_what_they_mean(client: HttpClient, recorder: Recorder) -> None:
    feed, page = answer(b"<rss/>", kind="application/rss+xml; charset=utf-8"), answer(b"<html>", kind="text/html")
    request = HttpRequest("GET", "/api?t=caps", accepts=lambda content_type: content_type == "application/rss+xml")
    async with serve(replying(feed, page)) as port:
        bodies = [await client.request(at(port), request, lambda reply: reply.body) for _ in range(2)]
    assert bodies == [b"<rss/>", None]
    assert recorder.requests[0] == ("GET", "/api?t=caps", 200, 6)


async def test_a_stale_connection_is_no_failure_of_a_read(client: HttpClient) -> None:
    async with serve(writing(answer(b"[]"))) as port:  # promises to stay and goes away
        for _ in range(4):
            assert await ask(client, at(port)) == []


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
async def test_a_cut_connection_is_transient_and_the_request_may_have_arrived(
    client: HttpClient, recorder: Recorder, method: Method, cut: Answer
) -> None:
    async with serve(cut) as port:
        failure = await failure_of(client, at(port), method, tries=3)
    assert (failure.code, failure.may_have_reached, failure.transient) == (HttpErrorCode.UNREACHABLE, True, True)
    assert len(recorder.requests) == (3 if method == "GET" else 1)


async def test_an_answer_after_a_cut_one_is_taken(client: HttpClient) -> None:
    broken = [writing(), writing(HEAD + b"4\r\n[1,2\r\n"), writing(answer(b"[7]"))]

    async def worse_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        await broken.pop(0)(request, writer)

    async with serve(worse_first) as port:
        assert await ask(client, at(port)) == [7]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_silence_is_a_time_out(client: HttpClient, recorder: Recorder, method: Method) -> None:
    async with serve(never_answer) as port:
        failure = await failure_of(client, at(port, timeout_seconds=SHORT), method, tries=3)
    assert (failure.code, failure.status, failure.may_have_reached) == (HttpErrorCode.TIMEOUT, 504, True)
    assert len(recorder.requests) == (3 if method == "GET" else 1)


@pytest.mark.parametrize("start", [HEAD, HEAD + b"1\r\n[\r\n"])
async def test_a_body_that_never_ends_is_a_time_out_that_is_not_repeated(
    client: HttpClient, recorder: Recorder, start: bytes
) -> None:
    async with serve(writing(start, then=never_answer)) as port:
        failure = await failure_of(client, at(port, timeout_seconds=SHORT), tries=3)
    assert (failure.code, failure.transient, len(recorder.requests)) == (HttpErrorCode.TIMEOUT, False, 1)
    assert "began to answer" in failure.message


async def test_a_drip_does_not_move_the_deadline(client: HttpClient) -> None:
    async def drip(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(b"1\r\n \r\n")
            await writer.drain()
            await asyncio.sleep(SHORT / 10)

    async with serve(drip) as port:
        assert (await failure_of(client, at(port, timeout_seconds=SHORT))).code is HttpErrorCode.TIMEOUT


async def test_an_error_is_reported_although_its_body_never_ends(client: HttpClient) -> None:
    head = f"HTTP/1.1 401 Unauthorized\r\nContent-Type: {JSON}\r\nContent-Length: 9\r\n\r\n".encode()
    async with serve(writing(head, then=never_answer)) as port:
        failure = await failure_of(client, at(port, timeout_seconds=SHORT), "POST")
    assert (failure.code, failure.may_have_reached) == (HttpErrorCode.UNAUTHORIZED, False)


async def test_a_name_that_is_not_resolved_in_time_has_not_reached_anybody(recorder: Recorder) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    pools = PoolPerOrigin(tls_context(verify=True), resolve=resolve)
    async with HttpClient({}, transport=pools, sleep=recorder.sleep) as client:
        failure = await failure_of(client, Endpoint("http://app.test", timeout_seconds=SHORT), "POST", tries=2)
    assert (failure.code, failure.may_have_reached) == (HttpErrorCode.TIMEOUT, False)
    assert len(recorder.waits) == 1


def a_flood(kind: str) -> tuple[str, Callable[[asyncio.StreamWriter], None]]:
    part = b"[" + b" " * 2**20
    if kind == "gzip":
        bomb = gzip.compress(bytes(4 * MAX_BODY_BYTES))
        return "Content-Encoding: gzip\r\n", lambda writer: writer.write(bomb)
    return "", lambda writer: writer.write(part)


@pytest.mark.parametrize("kind", ["plain", "gzip"])
async def test_a_flood_is_cut_off(client: HttpClient, recorder: Recorder, kind: str) -> None:
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
        failure = await failure_of(client, at(port), tries=3)
    assert (failure.code, len(recorder.requests)) == (HttpErrorCode.BAD_RESPONSE, 1)
    assert "larger than 20 MB" in failure.message
    assert recorder.requests[0][3] <= MAX_BODY_BYTES + 2**20


async def test_a_large_body_is_read_outside_the_event_loop(client: HttpClient) -> None:
    """Trial 20."""
    readers: list[threading.Thread] = []

    def read(reply: HttpReply) -> int:
        readers.append(threading.current_thread())
        return len(reply.body or b"")

    for size in (1000, MAX_PARSED_AT_ONCE_BYTES + 1000):
        body = b"[" + b" " * (size - 2) + b"]"
        async with serve(replying(answer(body))) as port:
            assert await client.request(at(port), HttpRequest("GET", "/"), read) == size
    assert [reader is threading.main_thread() for reader in readers] == [True, False]


async def test_a_dense_body_is_refused_before_it_is_parsed(client: HttpClient) -> None:
    """Trial 20."""
    async with serve(replying(answer(b"[" + b"[]," * (MAX_BODY_BYTES // 3 - 2) + b"[]]"))) as port:
        failure = await failure_of(client, at(port))
    assert (failure.code, failure.http_status) == (HttpErrorCode.BAD_RESPONSE, 200)
    assert "elements" in failure.message


async def test_endless_headers_are_cut_off(client: HttpClient) -> None:
    async with serve(writing(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 2**20, then=never_answer)) as port:
        failure = await failure_of(client, at(port))
    assert failure.code is HttpErrorCode.BAD_RESPONSE


async def test_redirects_are_not_followed(client: HttpClient) -> None:
    asked: list[bytes] = []

    async def redirect(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request.split(b" ")[1])
        extra = "Location: /sonarr/api/v3/command\r\n"
        writer.write(answer(b"", status="307 Temporary Redirect", extra=extra))

    async with serve(redirect) as port:
        failure = await failure_of(client, at(port), "POST")
    assert asked == [b"/api/v3/command"]
    assert failure.http_status == 307


async def test_a_server_that_does_not_speak_http(client: HttpClient) -> None:
    async with serve(writing(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as port:
        failure = await failure_of(client, at(port), tries=3)
    assert failure.code is HttpErrorCode.BAD_RESPONSE
    assert "does not speak HTTP" in failure.message


async def test_nothing_listens(client: HttpClient, recorder: Recorder) -> None:
    async with serve(never_answer) as port:
        pass
    failure = await failure_of(client, at(port), "POST", tries=3)
    assert (failure.code, failure.may_have_reached) == (HttpErrorCode.UNREACHABLE, False)
    assert "Nothing listens" in failure.message
    assert len(recorder.requests) == 3


async def test_a_name_that_nobody_knows(recorder: Recorder) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    pools = PoolPerOrigin(tls_context(verify=True), resolve=resolve)
    async with HttpClient({}, transport=pools, sleep=recorder.sleep) as client:
        failure = await failure_of(client, Endpoint("http://app.test:8989"), "POST")
    assert (failure.code, failure.may_have_reached) == (HttpErrorCode.UNREACHABLE, False)
    assert "cannot be resolved" in failure.message


async def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    server, _ = self_signed(tmp_path, "127.0.0.1")
    async with serve(replying(answer(b"[]")), tls=server) as port, HttpClient({}) as client:
        failure = await failure_of(client, at(port, scheme="https"), "POST", tries=3)
        lenient = Endpoint(f"https://127.0.0.1:{port}", verify_tls=False)
        assert await ask(client, lenient) == []
    assert (failure.code, failure.may_have_reached, failure.transient) == (HttpErrorCode.TLS, False, False)
    assert "turn off verification" in failure.message


async def test_there_is_one_client_for_each_way_to_treat_certificates() -> None:
    pair = ClientPair({}, lambda verify_tls: PoolPerOrigin(tls_context(verify_tls)))
    clients = [await pair.get(verify_tls=verify) for verify in (True, False, True, False)]
    assert clients[0] is not clients[1]
    assert clients[:2] == clients[2:]
    await pair.aclose()


async def test_tls_to_a_plain_port(client: HttpClient) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(b"", status="400 Bad Request"))
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        failure = await failure_of(client, at(server.sockets[0].getsockname()[1], scheme="https"), "POST")
    assert (failure.code, failure.may_have_reached) == (HttpErrorCode.TLS, False)
    assert "write http://" in failure.message


@pytest.mark.parametrize(
    "reply",
    [
        writing(b"\x15\x03\x03\x00\x02\x02\x46"),
        writing(answer(b"<p>The plain HTTP request was sent to HTTPS port</p>", status="400 Bad", kind="text/html")),
        writing(answer(b"Client sent an HTTP request to an HTTPS server.\n", status="400 Bad", kind="text/plain")),
    ],
)
async def test_a_plain_request_to_a_tls_port(client: HttpClient, reply: Answer) -> None:
    async with serve(reply) as port:
        failure = await failure_of(client, at(port))
    assert failure.code is HttpErrorCode.TLS
    assert "write https://" in failure.message
