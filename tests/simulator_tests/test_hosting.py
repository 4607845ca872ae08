"""Many apps in one process, restarts on the same port, `/__sim` and the command line."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulator import LibrarySpec, SimApp, SimClock, SimHost, SimSettings, serve

pytestmark = pytest.mark.process

KEY = {"X-Api-Key": SimSettings().api_key}
ROOT = Path(__file__).parents[2]


def client_of(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False)


@pytest.mark.asyncio
async def test_each_app_answers_at_its_own_base_whatever_the_case() -> None:
    apps = [
        SimApp("sonarr", SimSettings(url_base="/tv")),
        SimApp("radarr", SimSettings(url_base="/media/movies")),
        SimApp("sonarr5", SimSettings(url_base="/media")),
    ]
    async with serve(apps) as url, client_of(url) as client:
        names = {}
        for base in ("/tv", "/TV", "/media/Movies", "/media"):
            names[base] = (await client.get(f"{base}/api/v3/system/status")).json()["appName"]
        nowhere = await client.get("/api/v3/system/status")
    assert names == {"/tv": "Sonarr", "/TV": "Sonarr", "/media/Movies": "Radarr", "/media": "Sonarr"}
    assert nowhere.status_code == 404


def test_two_apps_cannot_share_a_base() -> None:
    with pytest.raises(ValueError, match="same url base"):
        SimHost([SimApp("sonarr"), SimApp("radarr")])


@pytest.mark.asyncio
async def test_a_single_app_redirects_what_lacks_its_base() -> None:
    app = SimApp("sonarr", SimSettings(url_base="/tv"))
    async with serve(app) as url, client_of(url) as client:
        for path in ("/ping", "/api/v3/tag?x=1"):
            response = await client.get(path)
            assert (response.status_code, response.headers["location"]) == (307, f"/tv{path}")
        assert (await client.get("/tv/ping")).json() == {"status": "OK"}
        posted = await client.post("/api/v3/command", json={"name": "RssSync"}, follow_redirects=True)
    assert posted.status_code == 201


@pytest.mark.asyncio
async def test_answers_look_like_kestrels() -> None:
    async with serve(SimApp("sonarr")) as url, client_of(url) as client:
        zipped = await client.get("/api/v3/qualityprofile")
        plain = await client.get("/api/v3/qualityprofile", headers={"Accept-Encoding": "identity"})
        refused = await client.get("/api/v3/tag", headers={"X-Api-Key": "no"})
    assert zipped.headers["server"] == "Kestrel"
    assert zipped.headers["transfer-encoding"] == "chunked"
    assert zipped.headers["content-encoding"] in ("br", "gzip")
    assert zipped.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    assert plain.json() == zipped.json()
    assert (refused.status_code, refused.content) == (401, b"")
    assert "x-application-version" not in refused.headers


@pytest.mark.asyncio
async def test_an_app_goes_down_and_comes_back_on_the_same_port_with_its_state() -> None:
    app = SimApp("radarr", clock=SimClock.frozen())
    async with serve(app) as url, client_of(url) as client:
        posted = (await client.post("/api/v3/command", json={"name": "RssSync"})).json()
    port = int(url.rpartition(":")[2])
    async with client_of(url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/ping")
        async with serve(app, port=port) as again:
            assert again == url
            assert (await client.get(f"/api/v3/command/{posted['id']}")).json()["name"] == "RssSync"


@pytest.mark.asyncio
async def test_control_calls_over_http() -> None:
    app = SimApp("radarr", SimSettings(url_base="/m"), clock=SimClock.frozen())
    movie_id = app.library.add_movie()
    async with serve(app) as url, client_of(url) as client:
        client.headers.pop("X-Api-Key")
        body = {"name": "MoviesSearch", "movieIds": [movie_id]}
        for _ in range(2):
            await client.post("/m/api/v3/command", json=body, headers=KEY)
        command = (await client.get("/m/api/v3/command/1", headers=KEY)).json()
        moved = await client.post("/m/__sim/clock", json={"advance_seconds": 60})
        searches = (await client.get("/m/__sim/searches")).json()["searches"]
        commands = (await client.get("/m/__sim/commands")).json()["commands"]
        requests = (await client.get("/m/__sim/requests")).json()
        state = (await client.get("/__sim/state")).json()
        await client.post("/m/__sim/reset-log")
        emptied = (await client.get("/m/__sim/counts")).json()
        unknown = await client.get("/m/__sim/nonsense")
    assert command["status"] == "started"
    assert moved.json()["now"] == "2026-01-15T12:01:00+00:00"
    assert [(s["unit"], s["itemIds"], s["commandId"], s["commandName"]) for s in searches] == [
        ("movie", [movie_id], 1, "MoviesSearch")
    ]
    assert [(c["posts"], c["status"]) for c in commands] == [(2, "completed")]
    assert requests["counts"] == {"POST command": 2, "GET command/{id}": 1}
    assert [(r["method"], r["path"], r["status"]) for r in requests["requests"]] == [
        ("POST", "/api/v3/command", 201),
        ("POST", "/api/v3/command", 201),
        ("GET", "/api/v3/command/1", 200),
    ]
    assert requests["bytesSent"] == sum(r["bytesSent"] for r in requests["requests"]) > 0
    assert (state["searches"], state["requests"]) == (1, 3)
    assert (emptied["total"], emptied["bytesSent"], unknown.status_code) == (0, 0, 404)


@pytest.mark.asyncio
async def test_control_calls_of_all_apps_at_once_and_faults_over_http() -> None:
    apps = [SimApp("radarr", SimSettings(url_base=f"/{n}"), clock=SimClock.frozen()) for n in range(3)]
    async with serve(SimHost(apps)) as url, client_of(url) as client:
        assert set((await client.get("/__sim/state")).json()["apps"]) == {"/0", "/1", "/2"}
        await client.post("/__sim/faults", json={"kind": "status", "status": 503, "times": 1})
        assert [(await client.get(f"/{n}/api/v3/tag")).status_code for n in (0, 1, 2, 0)] == [503, 503, 503, 200]
        await client.post("/1/__sim/faults", json=[{"kind": "html", "path": "tag"}])
        assert [len(app.faults.active()) for app in apps] == [0, 1, 0]
        await client.request("DELETE", "/__sim/faults")
        assert [len(app.faults.active()) for app in apps] == [0, 0, 0]
        await client.post("/2/__sim/restart", json={"starting_seconds": 5})
        assert [(await client.get(f"/{n}/api/v3/tag")).status_code for n in (1, 2)] == [200, 503]


@pytest.mark.asyncio
async def test_hundreds_of_tiny_apps_in_one_host() -> None:
    spec = LibrarySpec(series=1, seasons=1, episodes=2, specials=0)
    apps = [SimApp("sonarr", SimSettings(url_base=f"/i/{n}"), library=spec) for n in range(300)]
    async with serve(SimHost(apps)) as url, client_of(url) as client:
        for number in (0, 150, 299):
            assert (await client.get(f"/i/{number}/api/v3/wanted/missing")).status_code == 200
    assert [app.log.total for app in apps if app.log.total] == [1, 1, 1]


@pytest.mark.asyncio
async def test_in_process_without_a_socket() -> None:
    app = SimApp("sonarr")
    transport = httpx.ASGITransport(app=SimHost(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://sim", headers=KEY) as client:
        assert (await client.get("/api/v3/system/status")).json()["appName"] == "Sonarr"
        app.faults.add(kind="cut_before_headers", times=1)
        with pytest.raises(ConnectionError):
            await client.get("/api/v3/system/status")


def test_a_mistake_of_the_simulator_is_a_500_that_can_be_asserted_on() -> None:
    from tests.simulator.messages import Request

    app = SimApp("sonarr")
    app.db.change("DROP TABLE tags")
    reply = app.handle(Request("GET", "/api/v3/tag", headers={"x-api-key": app.settings.api_key}))
    assert reply.status == 500
    assert "no such table" in app.crashes[0]


def run(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.simulator", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program


def first_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def test_alone_it_says_where_it_listens_and_ends_on_sigterm() -> None:
    with run("--app", "radarr", "--movies", "30", "--url-base", "/r", "--database", "postgreSQL") as process:
        line = first_line(process)
        key = {"X-Api-Key": line["api_key"]}
        status = httpx.get(f"{line['url']}/api/v3/system/status", headers=key, trust_env=False).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert (status["appName"], status["databaseType"], status["urlBase"]) == ("Radarr", "postgreSQL", "/r")
    assert len(line["api_key"]) == 32
    assert line["counts"]["items"] == 30


@pytest.mark.parametrize("kind", ["lidarr", "readarr", "whisparr2", "whisparr3old", "whisparr3"])
def test_alone_any_kind_has_something_to_hunt(kind: str) -> None:
    sizes = ("--series", "2", "--movies", "40", "--artists", "5", "--authors", "5")
    with run("--app", kind, *sizes) as process:
        line = first_line(process)
        prefix = "v1" if kind in ("lidarr", "readarr") else "v3"
        status = httpx.get(f"{line['url']}/api/{prefix}/system/status?apikey={line['api_key']}", trust_env=False).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert (status["appName"], status["version"]) == (line["app"], line["version"])
    assert line["counts"]["missing"] > 0


def test_alone_with_instances_and_version_5() -> None:
    with run("--version", "5.0.1.2", "--instances", "3", "--missing", "10", "--api-key", "k") as process:
        line = first_line(process)
        root = line["url"].removesuffix("/1")
        for number in (1, 3):
            answer = httpx.get(f"{root}/{number}/api?apikey=k", trust_env=False)
            assert answer.json()["current"] == "v5"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert (line["version"], line["instances"], line["counts"]["missing"]) == ("5.0.1.2", 3, 10)
