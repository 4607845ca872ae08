"""Which addresses a caller of the API can make us connect to: private ones, never a link-local or metadata address."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from httpx import AsyncClient

from app.arr.http import ArrHttp
from app.container import build_container
from app.http.pools import PoolPerOrigin
from tests.http.servers import answer, replying, serve
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

KEY = "0123456789abcdef0123456789abcdef"
METADATA = "169.254.169.254"


@dataclass
class Names:
    """A resolver: each name has a list of answers, given in turn; the last one is repeated."""

    known: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.known.get(host)
        if answers is None:
            raise OSError(-2, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@asynccontextmanager
async def gateway(rig: Rig, names: Names) -> AsyncIterator[AsyncClient]:
    """The API with a resolver of our own."""
    transport = PoolPerOrigin(ssl.create_default_context(), resolve=names)
    old = rig.container
    async with ArrHttp("1", transport=transport) as http:
        rig.container = build_container(replace(old.infra, http=http), old.metrics.traffic)
        async with rig.gateway() as client:
            yield client
    rig.container = old


def body(url: str) -> dict[str, Any]:
    return {"name": "TV", "url": url, "api_key": KEY}


async def tried(client: AsyncClient, url: str) -> Any:
    reply = await client.post("/api/instances/sonarr/test", json={"url": url, "api_key": KEY})
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


REFUSED = [
    f"http://{METADATA}",
    f"http://{METADATA}.",
    f"https://{METADATA}:443/latest/meta-data",
    "http://2852039166",
    "http://0xA9FEA9FE",
    "http://0251.0376.0251.0376",
    "http://169.254.43518",
    "http://169.16689662",
    "http://[::ffff:169.254.169.254]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[fe80::1]",
    "http://[fe80::1%25eth0]",
    "http://[fd00:ec2::254]",
    "http://[2002:a9fe:a9fe::]",
    "http://100.100.100.200",
    "http://0.0.0.0:9705",
    "http://[::]:9705",
    "http://224.0.0.1",
    "http://255.255.255.255",
    "http://0",
    "http://user:password@192.168.1.10",
    "http://192.168.1.10@169.254.169.254",
    "http://@192.168.1.10",
    "http://192.168.1.10\\@169.254.169.254",
    "http://192.168.1.10#@169.254.169.254",
    "http://192.168.1.10?@x",
    "http://169。254。169。254",
    "http://①⑥⑨.254.169.254",
    "http://192.168.1.10%2f@169.254.169.254",
    "http://169.254.169.254%2e",
    "http://\t169.254.169.254",
    "http://169.254.169.254\r\nHost: x",
    "http:///x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "unix:///run/redis.sock",
    "ftp://192.168.1.10",
    "//192.168.1.10",
    "http://192.168.1.10/../admin",
    "http://192.168.1.10/%2e%2e/admin",
    "http://192.168.1.10:0",
    "http://192.168.1.10:65536",
]


async def test_no_way_to_write_a_blocked_address_is_taken(rig: Rig) -> None:
    names = Names()
    async with gateway(rig, names) as client:
        made = await client.post("/api/instances/sonarr", json=body("http://192.168.1.10:8989"))
        assert made.status_code == 201
        where = f"/api/instances/sonarr/{made.json()['data']['id']}"
        for url in REFUSED:
            for method, path, given in (
                ("POST", "/api/instances/sonarr", body(url)),
                ("POST", "/api/instances/radarr?verify=true", body(url)),
                ("POST", "/api/instances/sonarr/test", {"url": url, "api_key": KEY}),
                ("POST", "/api/instances/sonarr/test", {"instance_id": 1, "url": url, "api_key": KEY}),
                ("PUT", where, body(url)),
                ("PATCH", where, {"url": url, "api_key": KEY}),
            ):
                reply = await client.request(method, path, json=given)
                assert reply.status_code == 422, (method, path, url, reply.text)
                assert KEY not in reply.text
        kept = (await client.get("/api/instances")).json()["data"]
    assert [instance["url"] for instance in kept] == ["http://192.168.1.10:8989"]
    assert names.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8989",
        "http://localhost:8989",
        "http://10.0.0.5",
        "http://[::1]:8989",
        "http://[fd12:3456::1]/sonarr",
        "http://sonarr:8989/base",
        "https://tv.example.org",
        "http://100.64.0.1",
    ],
)
async def test_the_places_where_apps_live_are_taken(rig: Rig, url: str) -> None:
    async with gateway(rig, Names()) as client:
        assert (await client.post("/api/instances/sonarr", json=body(url))).status_code == 201


@pytest.mark.parametrize(
    "answers",
    [
        [METADATA],
        ["127.0.0.1", METADATA],
        [METADATA, "127.0.0.1"],
        ["fe80::1%eth0"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["fd00:ec2::254"],
        ["0.0.0.0"],  # noqa: S104 - an answer of a resolver
    ],
)
@pytest.mark.parametrize(
    "host", ["tv.example.org", "tv.example.org.", "2130706433.example.org", "xn--bcher-kva.example"]
)
@pytest.mark.process
async def test_a_name_that_leads_there_is_not_connected_to(rig: Rig, host: str, answers: list[str]) -> None:
    names = Names({name: [answers] for name in (host, host.removesuffix("."), "xn--bcher-kva.example")})
    calls: list[bytes] = []
    async with serve(noting(calls)) as port, gateway(rig, names) as client:
        url = f"http://{host}:{port}"
        said = await tried(client, url)
        assert (said["ok"], said["error_code"]) == (False, "blocked_address")
        verified = await client.post("/api/instances/sonarr?verify=true", json=body(url))
        assert verified.status_code == 422
        made = await client.post("/api/instances/sonarr", json=body(url))
        assert made.status_code == 201  # a name may lead elsewhere tomorrow; it is asked at every connection
        stored = await client.post(f"/api/instances/sonarr/{made.json()['data']['id']}/test")
        assert stored.json()["data"]["error_code"] == "blocked_address"
    assert calls == []


def noting(calls: list[bytes], said: bytes = b"") -> Callable[[bytes, asyncio.StreamWriter], Any]:
    async def note(request: bytes, writer: asyncio.StreamWriter) -> None:
        calls.append(request)
        writer.write(said or answer(b"{}", extra="Connection: close\r\n"))
        await writer.drain()
        writer.close()

    return note


async def test_a_name_that_changes_its_mind_is_asked_and_checked_each_time(rig: Rig) -> None:
    names = Names({"tv.example.org": [["127.0.0.1"], [METADATA], ["127.0.0.1", "::ffff:a9fe:a9fe"]]})
    calls: list[bytes] = []
    async with serve(noting(calls)) as port, gateway(rig, names) as client:
        url = f"http://tv.example.org:{port}"
        codes = [(await tried(client, url))["error_code"] for _ in range(3)]
    assert codes[0] not in (None, "blocked_address")
    assert codes[1:] == ["blocked_address"] * 2
    assert len(calls) >= 1
    asked = len(calls)
    assert asked <= len([name for name in names.asked if name == "tv.example.org"])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize(
    "place",
    [
        f"http://{METADATA}/latest/meta-data",
        "http://other.example.org/",
        "//other.example.org/",
        "/login",
        "file:///etc",
    ],
)
@pytest.mark.process
async def test_no_redirect_is_followed_and_the_key_goes_nowhere_else(rig: Rig, status: str, place: str) -> None:
    names = Names({"tv.example.org": [["127.0.0.1"]], "other.example.org": [["127.0.0.1"]]})
    paths: list[bytes] = []
    moved = answer(b"", status=status, extra=f"Location: {place}\r\nConnection: close\r\n")
    async with serve(noting(paths, moved)) as port, gateway(rig, names) as client:
        said = await tried(client, f"http://tv.example.org:{port}")
    assert said["ok"] is False
    assert "other.example.org" not in names.asked
    assert paths
    assert all(path.split(b" ")[1].startswith(b"/api/") or b"/ping" in path for path in paths)
    assert METADATA not in (said["error"] or "")


async def test_a_stored_key_goes_only_to_the_place_it_was_stored_for(rig: Rig) -> None:
    calls: list[bytes] = []
    async with serve(noting(calls)) as port, serve(replying(answer(b"{}"))) as home, gateway(rig, Names()) as client:
        made = await client.post("/api/instances/sonarr", json=body(f"http://127.0.0.1:{home}"))
        number, elsewhere = made.json()["data"]["id"], f"http://127.0.0.1:{port}"
        for key in ({}, {"api_key": "********"}):
            for method, path, given in (
                ("POST", "/api/instances/sonarr/test", {"instance_id": number, "url": elsewhere, **key}),
                ("PATCH", f"/api/instances/sonarr/{number}?verify=true", {"url": elsewhere, **key}),
            ):
                assert (await client.request(method, path, json=given)).status_code == 422
    assert calls == []
