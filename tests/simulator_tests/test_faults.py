"""Each fault does what it says, on a real socket."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.simulator import Fault, SimApp, SimClock, SimSettings, serve

KEY = {"X-Api-Key": SimSettings().api_key}


def make() -> SimApp:
    return SimApp("sonarr", clock=SimClock.frozen())


async def ask(app: SimApp, path: str = "system/status", *, method: str = "GET", **options: Any) -> httpx.Response:
    """One request over a socket of its own."""
    async with (
        serve(app) as url,
        httpx.AsyncClient(base_url=url, headers=KEY, timeout=10, trust_env=False) as client,
    ):
        response = await client.request(method, f"/api/v3/{path}", **options)
    assert app.crashes == []
    return response


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "retry_after"), [(500, None), (503, 7), (429, 30), (409, None)])
async def test_status(status: int, retry_after: int | None) -> None:
    app = make()
    app.faults.add(kind="status", status=status, retry_after=retry_after)
    response = await ask(app)
    assert response.status_code == status
    assert response.headers.get("retry-after") == (None if retry_after is None else str(retry_after))


@pytest.mark.asyncio
async def test_status_401_is_as_empty_as_the_real_one() -> None:
    app = make()
    app.faults.add(kind="status", status=401)
    response = await ask(app)
    assert (response.status_code, response.content, response.headers.get("content-type")) == (401, b"", None)


@pytest.mark.asyncio
@pytest.mark.parametrize(("execute", "commands"), [(False, 0), (True, 1)])
async def test_status_executes_only_if_told(execute: bool, commands: int) -> None:
    app = make()
    app.faults.add(kind="status", status=500, execute=execute)
    response = await ask(app, "command", method="POST", json={"name": "RssSync"})
    assert (response.status_code, len(app.commands.every)) == (500, commands)


@pytest.mark.asyncio
async def test_starting() -> None:
    app = make()
    app.faults.add(Fault("starting"))
    response = await ask(app)
    assert response.status_code == 503
    assert response.json() == {"errorMessage": "Sonarr is starting up, please try again later"}


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "commands"), [("cut_before_headers", 0), ("drop_reply", 1)])
async def test_a_cut_connection_with_and_without_the_work_done(kind: Any, commands: int) -> None:
    app = make()
    app.faults.add(kind=kind, path="command", method="POST")
    with pytest.raises(httpx.TransportError):
        await ask(app, "command", method="POST", json={"name": "RssSync"})
    assert len(app.commands.every) == commands
    (record,) = app.log.records
    assert (record.status, record.bytes_sent, record.fault) == (0, 0, kind)


async def collect(response: httpx.Response, pieces: list[bytes]) -> None:
    async for piece in response.aiter_raw():
        pieces.append(piece)


@pytest.mark.asyncio
async def test_cut_in_body_gives_headers_and_half_a_body() -> None:
    app = make()
    app.library.add_series()
    app.faults.add(kind="cut_in_body", times=1)
    got: list[bytes] = []
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False) as client:
        async with client.stream("GET", "/api/v3/series") as response:
            assert response.status_code == 200
            with pytest.raises(httpx.TransportError):
                await collect(response, got)
        whole = await client.get("/api/v3/tag", headers={"Accept-Encoding": "identity"})
    assert got[0].startswith(b'[{"')
    with pytest.raises(ValueError, match=r".+"):
        json.loads(b"".join(got))
    assert app.log.records[0].status == 200
    assert whole.status_code == 200


@pytest.mark.asyncio
async def test_html() -> None:
    app = make()
    app.faults.add(kind="html", body="<html>hello</html>")
    response = await ask(app)
    assert (response.status_code, response.text) == (200, "<html>hello</html>")
    assert response.headers["content-type"].startswith("text/html")


@pytest.mark.asyncio
async def test_broken_json_is_cut_off() -> None:
    app = make()
    app.faults.add(kind="broken_json")
    response = await ask(app)
    assert response.headers["content-type"].startswith("application/json")
    with pytest.raises(ValueError, match=r".+"):
        response.json()


@pytest.mark.asyncio
@pytest.mark.parametrize(("body", "expected"), [(None, "unexpected"), ("[1]", [1])])
async def test_wrong_type(body: str | None, expected: Any) -> None:
    app = make()
    app.faults.add(kind="wrong_type", body=body)
    assert (await ask(app)).json() == expected


@pytest.mark.asyncio
async def test_empty_body() -> None:
    app = make()
    app.faults.add(kind="empty_body")
    response = await ask(app)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.asyncio
async def test_huge_body_streams_as_much_as_it_says() -> None:
    app = make()
    app.faults.add(kind="huge_body", megabytes=3)
    response = await ask(app)
    assert len(response.content) >= 3_000_000
    assert isinstance(response.json(), list)


@pytest.mark.asyncio
async def test_a_client_may_leave_a_huge_body_early() -> None:
    app = make()
    app.faults.add(kind="huge_body", megabytes=100, times=1)
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False) as client:
        async with client.stream("GET", "/api/v3/series") as response:
            async for _ in response.aiter_bytes():
                break
        assert (await client.get("/api/v3/tag")).status_code == 200


@pytest.mark.asyncio
async def test_slow_drip_sends_byte_by_byte() -> None:
    app = make()
    app.faults.add(kind="slow_drip", seconds=0.0)
    pieces: list[bytes] = []
    async with (
        serve(app) as url,
        httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False) as client,
        client.stream("GET", "/api/v3/tag") as response,
    ):
        await collect(response, pieces)
    assert b"".join(pieces) == b"[]"
    assert app.log.records[0].bytes_sent == 2


@pytest.mark.asyncio
async def test_stopping_the_server_ends_a_slow_drip() -> None:
    app = make()
    app.faults.add(kind="slow_drip", seconds=3600)
    async with httpx.AsyncClient(headers=KEY, trust_env=False) as client:
        async with serve(app) as url:
            request = client.build_request("GET", f"{url}/api/v3/system/status")
            response = await client.send(request, stream=True)
            first = await anext(response.aiter_raw())
        await response.aclose()
    assert first == b"{"


@pytest.mark.asyncio
async def test_redirect_loop_never_ends() -> None:
    app = make()
    app.faults.add(kind="redirect_loop")
    async with serve(app) as url, httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False) as client:
        assert (await client.get("/api/v3/tag")).status_code == 302
        with pytest.raises(httpx.TooManyRedirects):
            await client.get("/api/v3/tag", follow_redirects=True)


@pytest.mark.asyncio
async def test_gzip_bomb_is_small_on_the_wire_only() -> None:
    app = make()
    app.faults.add(kind="gzip_bomb", megabytes=5)
    pieces: list[bytes] = []
    async with (
        serve(app) as url,
        httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False) as client,
        client.stream("GET", "/api/v3/tag") as response,
    ):
        assert response.headers["content-encoding"] == "gzip"
        await collect(response, pieces)
    raw = b"".join(pieces)
    assert len(raw) < 50_000
    assert len(gzip.decompress(raw)) == 5_000_000


@pytest.mark.asyncio
async def test_latency_adds_to_another_fault() -> None:
    app = make()
    app.faults.add(kind="latency", seconds=0.01)
    app.faults.add(kind="status", status=503)
    assert (await ask(app)).status_code == 503
    assert [fault.hits for fault in app.faults.active()] == [1, 1]


def test_patterns_methods_times_and_skips() -> None:
    faults = make().faults
    faults.add(kind="status", path="wanted/*", method="get", times=2, skip=1)

    def hit(method: str, path: str) -> bool:
        return faults.choose(method, f"/api/v3/{path}", path)[1] is not None

    assert not hit("GET", "tag")
    assert not hit("POST", "wanted/missing")
    assert [hit("GET", "wanted/missing") for _ in range(4)] == [False, True, True, False]
    assert faults.active() == []
    faults.add(kind="html", path="/ping")
    assert faults.choose("GET", "/ping", "ping")[1] is not None
    faults.clear()
    assert faults.choose("GET", "/ping", "ping") == (0.0, None)


def test_shares_are_drawn_from_the_seed() -> None:
    def draws(seed: int) -> list[bool]:
        app = SimApp("sonarr", SimSettings(seed=seed))
        app.faults.add(kind="status", share=0.3)
        return [app.faults.choose("GET", "/api/v3/tag", "tag")[1] is not None for _ in range(300)]

    assert draws(1) == draws(1) != draws(2)
    assert 50 < sum(draws(1)) < 130


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="not a fault"):
        Fault.from_json({"kind": "gremlins"})
    with pytest.raises(ValueError, match="not a fault"):
        Fault.from_json({"kind": "html", "chance": 1})
