"""qBittorrent as it seldom is: bans, versions of its API, states, and lists that lag behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.downloads.models import ClientConnection, ClientKind, DownloadState, MagnetLink, SeedGoals, TorrentFile
from app.downloads.qbittorrent import MAX_LOOKS, Qbittorrent
from app.downloads.replies import ClientErrorCode, Refused
from app.http.client import HttpClient
from app.http.errors import HttpError, HttpErrorCode
from tests.simulator.hosting import serve
from tests.simulator.torrent_clients import QbittorrentSim, SimReply

pytestmark = pytest.mark.asyncio

HASH = "0123456789abcdef0123456789abcdef01234567"
OTHER_HASH = "f" * 40
MAGNET = MagnetLink(f"magnet:?xt=urn:btih:{HASH}", HASH)
TORRENT = TorrentFile(b"d4:infodee\r\n--not-the-end", HASH)


@dataclass
class Sleeps:
    slept: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@asynccontextmanager
async def asking(http: HttpClient, sim: QbittorrentSim, sleeps: Sleeps | None = None) -> AsyncIterator[Qbittorrent]:
    async with serve(sim) as url:
        connection = ClientConnection(ClientKind.QBITTORRENT, url, username="admin", password="a&b=c")
        yield Qbittorrent(http, connection, sleeps or Sleeps())


def row(**values: Any) -> dict[str, Any]:
    return {
        **{"hash": HASH, "name": "Film", "category": "huntarr", "state": "downloading", "size": 100, "amount_left": 40},
        **{"save_path": "/downloads", "content_path": "/downloads/Film", "ratio": 0.5, "seeding_time": 600},
        **{"max_ratio": -1, "max_seeding_time": -1, **values},
    }


# --- signing in ------------------------------------------------------------------------------------------------------


async def test_name_and_password_go_as_a_form_with_the_origin(http: HttpClient) -> None:
    sim = QbittorrentSim()
    async with asking(http, sim) as client:
        await client.test()
        (login,) = sim.asked("/auth/login")
        assert login.form == {"username": "admin", "password": "a&b=c"}
        origin = f"http://{login.headers['host']}"
        assert (login.headers["origin"], login.headers["referer"]) == (origin, f"{origin}/")


async def test_the_reply_of_later_versions_is_no_text(http: HttpClient) -> None:
    sim = QbittorrentSim()
    sim.login, sim.cookie_name = SimReply(b"", 204), "QBT_SID_8080"
    async with asking(http, sim) as client:
        assert (await client.test()).version == "v5.1.2"


@pytest.mark.parametrize(
    ("login", "code", "sentence"),
    [
        (SimReply("Fails."), HttpErrorCode.UNAUTHORIZED, "does not accept the user name or the password."),
        (SimReply("Unauthorized", 401), HttpErrorCode.UNAUTHORIZED, "or the host in the URL"),
        (SimReply("You are banned", 403), HttpErrorCode.UNAUTHORIZED, "has banned us after too many wrong passwords"),
        (SimReply("<html>Welcome</html>"), HttpErrorCode.BAD_RESPONSE, "is not qBittorrent"),
        (SimReply("", 302, {"location": "/login"}), HttpErrorCode.BAD_RESPONSE, "is not qBittorrent"),
        (SimReply("", 404), HttpErrorCode.BAD_RESPONSE, "is not qBittorrent"),
        (SimReply("", 503), HttpErrorCode.SERVER_ERROR, "answers with status 503"),
    ],
)
async def test_a_sign_in_that_fails_says_why(http: HttpClient, login: SimReply, code: str, sentence: str) -> None:
    sim = QbittorrentSim()
    sim.login = login
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match=sentence) as caught:
            await client.test()
    assert caught.value.code == code
    assert len(sim.requests) == 1  # every attempt counts for the ban


async def test_parallel_calls_share_one_new_session(http: HttpClient) -> None:
    sim = QbittorrentSim([row()])
    async with asking(http, sim) as client:
        await client.downloads()
        sim.sessions.clear()
        found = await asyncio.gather(*(client.downloads() for _ in range(4)))
    assert [len(each) for each in found] == [1, 1, 1, 1]
    assert len(sim.asked("/auth/login")) == 2


async def test_a_session_that_is_refused_at_once_is_not_tried_for_ever(http: HttpClient) -> None:
    sim = QbittorrentSim()
    sim.fault = lambda request: None if request.path.endswith("/login") else SimReply("Forbidden", 403)
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match="does not accept") as caught:
            await client.downloads()
    assert caught.value.code == HttpErrorCode.UNAUTHORIZED
    assert len(sim.asked("/auth/login")) == 2


async def test_cookies_of_another_server_on_the_host_are_not_sent(http: HttpClient) -> None:
    sim, other = QbittorrentSim(), QbittorrentSim()
    async with asking(http, sim) as client, asking(http, other) as second:
        await client.test()
        await second.test()
    assert [request.headers["cookie"] for request in other.asked("/auth/login")] == [""]


@pytest.mark.parametrize("body", ["<html>", "{}", "nothing"])
async def test_a_page_instead_of_the_list_is_an_error(http: HttpClient, body: str) -> None:
    sim = QbittorrentSim()
    sim.fault = lambda request: SimReply(body) if request.path.endswith("/info") else None
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match="is not qBittorrent"):
            await client.downloads()


# --- adding ----------------------------------------------------------------------------------------------------------


async def test_the_category_and_the_goals_go_with_a_torrent(http: HttpClient) -> None:
    sim = QbittorrentSim()
    sim.appears = row()
    async with asking(http, sim) as client:
        goals = SeedGoals(ratio=1.25, time=timedelta(seconds=61))
        assert await client.add(TORRENT, name="Film", goals=goals) == HASH
    fields = sim.asked("/torrents/add")[0].form
    assert fields.pop("torrents") == TORRENT.content.decode()
    assert fields == {
        **{"category": "huntarr", "paused": "false", "stopped": "false"},
        **{"ratioLimit": "1.25", "seedingTimeLimit": "2"},
    }


async def test_without_goals_its_own_rules_hold(http: HttpClient) -> None:
    sim = QbittorrentSim()
    sim.appears = row()
    async with asking(http, sim) as client:
        await client.add(MAGNET, name="Film")
    expected = {"category": "huntarr", "paused": "false", "stopped": "false", "urls": MAGNET.uri}
    assert sim.asked("/torrents/add")[0].form == expected


async def test_a_torrent_is_waited_for_until_it_is_listed(http: HttpClient) -> None:
    sim, sleeps = QbittorrentSim(), Sleeps()
    sim.appears, sim.hidden_looks = row(), 3
    async with asking(http, sim, sleeps) as client:
        assert await client.add(MAGNET, name="Film") == HASH
    assert len(sleeps.slept) == 3


async def test_a_torrent_that_is_never_listed_is_refused(http: HttpClient) -> None:
    sim, sleeps = QbittorrentSim(), Sleeps()
    async with asking(http, sim, sleeps) as client:
        with pytest.raises(Refused, match="does not list it"):
            await client.add(MAGNET, name="Film")
    assert len(sleeps.slept) == MAX_LOOKS


@pytest.mark.parametrize("reply", [SimReply("Fails."), SimReply("", 409), SimReply("Not a torrent", 415)])
async def test_a_torrent_that_it_does_not_take_is_refused(http: HttpClient, reply: SimReply) -> None:
    sim = QbittorrentSim()
    sim.add = reply
    async with asking(http, sim) as client:
        with pytest.raises(Refused) as caught:
            await client.add(TORRENT, name="Film")
    assert caught.value.code == ClientErrorCode.REFUSED_RELEASE


@pytest.mark.parametrize("reply", [SimReply("Fails."), SimReply("", 409)])
async def test_one_that_another_call_has_added_meanwhile_is_no_error(http: HttpClient, reply: SimReply) -> None:
    sim = QbittorrentSim()
    sim.add, sim.appears = reply, row()
    async with asking(http, sim) as client:
        assert await client.add(MAGNET, name="Film") == HASH


async def test_one_without_a_category_becomes_ours(http: HttpClient) -> None:
    sim = QbittorrentSim([row(category="")])
    async with asking(http, sim) as client:
        assert await client.add(MAGNET, name="Film") == HASH
        assert [each.category for each in await client.downloads()] == ["huntarr"]
    assert sim.asked("/torrents/add") == []


async def test_a_hybrid_is_known_by_either_hash(http: HttpClient) -> None:
    sim = QbittorrentSim([row(hash=OTHER_HASH, infohash_v1=HASH, infohash_v2=OTHER_HASH + "0" * 24)])
    async with asking(http, sim) as client:
        assert await client.add(MAGNET, name="Film") == OTHER_HASH
        assert await client.add(MagnetLink("magnet:", OTHER_HASH), name="Film") == OTHER_HASH


async def test_a_category_that_it_does_not_take_is_an_error(http: HttpClient) -> None:
    sim = QbittorrentSim()
    sim.categories, sim.accepts_categories = {}, False
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match="refuses the name of the category"):
            await client.test()


async def test_a_category_that_is_missing_is_made_once(http: HttpClient) -> None:
    sim = QbittorrentSim([row()])
    sim.categories = {"radarr": {"savePath": ""}}
    async with asking(http, sim) as client:
        await client.add(MAGNET, name="Film")
        await client.add(MAGNET, name="Film")
    assert [request.form for request in sim.asked("/createCategory")] == [{"category": "huntarr", "savePath": ""}]


@pytest.mark.parametrize(
    ("own", "settings", "expected"),
    [
        ("", {}, "/downloads"),
        ("", {"auto_tmm_enabled": True}, "/downloads/huntarr"),
        ("films", {"auto_tmm_enabled": True}, "/downloads/films"),
        ("films", {"use_category_paths_in_manual_mode": True}, "/downloads/films"),
        ("films", {}, "/downloads"),
        ("/films", {"auto_tmm_enabled": True}, "/films"),
        ("", {"save_path": "D:\\downloads", "auto_tmm_enabled": True}, "D:\\downloads\\huntarr"),
        ("", {"save_path": None}, None),
    ],
)
async def test_the_folder_is_the_one_of_our_category(
    http: HttpClient, own: str, settings: dict[str, Any], expected: str | None
) -> None:
    sim = QbittorrentSim()
    sim.categories["huntarr"]["savePath"] = own
    sim.preferences |= settings
    async with asking(http, sim) as client:
        assert (await client.test()).save_path == expected


# --- the list --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "state"),
    [
        *((word, DownloadState.QUEUED) for word in ("queuedDL", "metaDL", "forcedMetaDL")),
        *((word, DownloadState.CHECKING) for word in ("checkingDL", "checkingUP", "checkingResumeData", "allocating")),
        *((word, DownloadState.DOWNLOADING) for word in ("downloading", "forcedDL", "moving", "unknown", "")),
        *((word, DownloadState.PAUSED) for word in ("pausedDL", "stoppedDL")),
        *((word, DownloadState.WARNING) for word in ("stalledDL", "missingFiles", "error")),
        *((word, DownloadState.COMPLETED) for word in ("uploading", "stalledUP", "queuedUP", "forcedUP")),
        *((word, DownloadState.COMPLETED) for word in ("pausedUP", "stoppedUP")),
    ],
)
async def test_states_of_both_versions_have_their_meaning(http: HttpClient, word: str, state: DownloadState) -> None:
    async with asking(http, QbittorrentSim([row(state=word)])) as client:
        (found,) = await client.downloads()
    assert found.state is state
    assert (found.message is not None) == (state is DownloadState.WARNING)


async def test_without_dht_metadata_may_never_come(http: HttpClient) -> None:
    sim = QbittorrentSim([row(state="metaDL", size=0, amount_left=0, content_path="")])
    sim.preferences["dht"] = False
    async with asking(http, sim) as client:
        await client.downloads()
        asked = len(sim.requests)
        (found,) = await client.downloads()
    assert (found.state, found.size, found.left, found.path) == (DownloadState.WARNING, None, None, None)
    assert "DHT is off" in (found.message or "")
    assert len(sim.requests) - asked == 2


@pytest.mark.parametrize(
    ("values", "path", "is_shared"),
    [
        ({}, "/downloads/Film", False),
        ({"content_path": "/downloads"}, "/downloads", True),
        ({"content_path": "/downloads/", "save_path": "/downloads"}, "/downloads/", True),
        ({"content_path": "D:\\dl\\Film", "save_path": "D:\\dl"}, "D:\\dl\\Film", False),
        ({"content_path": ""}, None, False),
        ({"content_path": "Film", "save_path": ""}, None, False),
        ({"content_path": None}, None, False),
    ],
)
async def test_a_path_that_other_downloads_share_is_marked(
    http: HttpClient, values: dict[str, Any], path: str | None, is_shared: bool
) -> None:
    async with asking(http, QbittorrentSim([row(**values)])) as client:
        (found,) = await client.downloads()
    assert (found.path, found.is_shared_path) == (path, is_shared)


async def test_versions_without_the_path_of_the_content_give_the_shared_folder(http: HttpClient) -> None:
    old = row()
    del old["content_path"]
    async with asking(http, QbittorrentSim([old])) as client:
        (found,) = await client.downloads()
    assert (found.path, found.is_shared_path) == ("/downloads", True)


@pytest.mark.parametrize(
    ("values", "may"),
    [
        ({"state": "stoppedUP"}, False),
        ({"state": "stalledUP", "max_ratio": 0.5}, True),
        ({"state": "stalledUP", "max_ratio": 0.51}, False),
        ({"state": "stalledUP", "max_ratio": 2, "ratio": -1}, True),
        ({"state": "stalledUP", "max_seeding_time": 10}, True),
        ({"state": "stalledUP", "max_seeding_time": 11}, False),
        ({"state": "pausedUP", "max_inactive_seeding_time": 5}, True),
        ({"state": "stalledUP", "max_inactive_seeding_time": 5}, False),
        ({"state": "downloading", "max_ratio": 0.5}, False),
    ],
)
async def test_it_may_be_removed_when_it_was_seeded_enough(http: HttpClient, values: dict[str, Any], may: bool) -> None:
    async with asking(http, QbittorrentSim([row(**values)])) as client:
        (found,) = await client.downloads()
    assert found.may_be_removed is may


async def test_values_that_make_no_sense_are_left_out(http: HttpClient) -> None:
    odd = row(size=2**64, amount_left="many", private="yes", name=7, category=None, eta=2**64 - 1)
    sim = QbittorrentSim()
    sim.fault = lambda request: SimReply([odd, "no object"]) if request.path.endswith("/info") else None
    async with asking(http, sim) as client:
        (found,) = await client.all_downloads()
    assert (found.size, found.left, found.is_private, found.name, found.category) == (None, None, None, "", None)


async def test_a_private_torrent_is_known_from_version_5_on(http: HttpClient) -> None:
    async with asking(http, QbittorrentSim([row(private=True)])) as client:
        assert [each.is_private for each in await client.downloads()] == [True]
