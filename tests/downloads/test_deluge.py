"""Deluge as it seldom is: no daemon, no plugin for labels, sessions that end, and its states."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.downloads.deluge import Deluge
from app.downloads.models import ClientConnection, ClientKind, DownloadState, MagnetLink, SeedGoals, TorrentFile
from app.downloads.replies import Refused
from app.http.client import HttpClient
from app.http.errors import HttpError, HttpErrorCode
from tests.simulator.hosting import serve
from tests.simulator.torrent_clients import DelugeSim, SimReply

pytestmark = pytest.mark.asyncio

HASH = "0123456789abcdef0123456789abcdef01234567"
OTHER_HASH = "f" * 40
MAGNET = MagnetLink(f"magnet:?xt=urn:btih:{HASH}", HASH)
TORRENT = TorrentFile(b"de", HASH)


@asynccontextmanager
async def asking(http: HttpClient, sim: DelugeSim, *, category: str = "huntarr") -> AsyncIterator[Deluge]:
    async with serve(sim) as url:
        yield Deluge(http, ClientConnection(ClientKind.DELUGE, url, password="secret", category=category))


def row(**values: Any) -> dict[str, Any]:
    return {
        **{"name": "Film", "state": "Downloading", "message": "OK", "label": "huntarr", "save_path": "/downloads"},
        **{"total_size": 120, "total_wanted": 100, "total_done": 60, "is_finished": False, "private": True},
        **{"ratio": 0.5, "stop_at_ratio": False, "stop_ratio": 0.5, **values},
    }


# --- the session -----------------------------------------------------------------------------------------------------


async def test_parallel_calls_share_one_new_session(http: HttpClient) -> None:
    sim = DelugeSim({HASH: row()})
    async with asking(http, sim) as client:
        await client.downloads()
        sim.sessions.clear()
        found = await asyncio.gather(*(client.downloads() for _ in range(4)))
    assert [len(each) for each in found] == [1, 1, 1, 1]
    assert sim.calls("auth.login") == [["secret"], ["secret"]]


async def test_the_web_interface_is_connected_to_a_daemon_that_runs(http: HttpClient) -> None:
    sim = DelugeSim({HASH: row()})
    sim.connected, sim.hosts = False, {"down": False, "up": True, "unused": True}
    async with asking(http, sim) as client:
        assert len(await client.downloads()) == 1
        sim.connected = False
        assert len(await client.downloads()) == 1
    assert sim.calls("web.connect") == [["down"], ["up"]] * 2


@pytest.mark.parametrize(
    ("hosts", "code", "sentence"),
    [
        ({}, HttpErrorCode.REFUSED, "knows no daemon"),
        ({"first": False, "second": False}, HttpErrorCode.UNREACHABLE, "check that deluged runs"),
    ],
)
async def test_without_a_daemon_it_says_so(http: HttpClient, hosts: dict[str, bool], code: str, sentence: str) -> None:
    sim = DelugeSim()
    sim.connected, sim.hosts = False, hosts
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match=sentence) as caught:
            await client.test()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (SimReply("<html>"), "is not Deluge"),
        (SimReply([]), "is not Deluge"),
        (SimReply({"ok": True}), "is not Deluge"),
        (SimReply("", 404), "is not Deluge"),
        (SimReply("", 302), "is not Deluge"),
        (SimReply("", 502), "status 502"),
        (SimReply({"result": False, "error": None}), "does not accept the password of its web interface"),
        (SimReply({"result": None, "error": "odd"}), "does not accept the password of its web interface"),
    ],
)
async def test_a_connection_test_that_fails_says_why(http: HttpClient, reply: SimReply, sentence: str) -> None:
    sim = DelugeSim()
    sim.fault = lambda _request: reply
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match=sentence):
            await client.test()


async def test_a_method_that_is_still_unknown_in_a_new_session_is_an_error(http: HttpClient) -> None:
    sim = DelugeSim({HASH: row()})
    del sim.methods["core.remove_torrent"]
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match=r"answers: Unknown method\."):
            await client.remove(HASH, delete_files=False)
    assert len(sim.calls("auth.login")) == 2


async def test_version_1_names_its_version_otherwise(http: HttpClient) -> None:
    sim = DelugeSim()
    del sim.methods["daemon.get_version"]
    sim.methods["daemon.info"] = "1.3.15"
    async with asking(http, sim) as client:
        assert (await client.test()).version == "1.3.15"


# --- labels ----------------------------------------------------------------------------------------------------------


async def test_without_the_plugin_for_labels_all_downloads_are_given(http: HttpClient) -> None:
    plain = row()
    del plain["label"]
    sim = DelugeSim({HASH: plain, OTHER_HASH: plain})
    sim.plugins = ["Stats"]
    async with asking(http, sim) as client:
        assert "plugin Label is off" in ((await client.test()).warning or "")
        assert await client.add(MAGNET, name="Film") == HASH
        assert [(each.download_id, each.category) for each in await client.downloads()] == [
            (HASH, None),
            (OTHER_HASH, None),
        ]
    assert sim.calls("label.add") == []
    assert sim.calls("label.set_torrent") == []


async def test_a_label_has_only_what_the_plugin_takes(http: HttpClient) -> None:
    sim = DelugeSim({HASH: row(label="movie-hunt-1"), OTHER_HASH: row(label="radarr")})
    async with asking(http, sim, category="Movie Hunt.1") as client:
        await client.test()
        await client.test()
        assert [each.category for each in await client.downloads()] == ["Movie Hunt.1"]
        assert [each.category for each in await client.all_downloads()] == ["Movie Hunt.1", "radarr"]
    assert sim.calls("label.add") == [["movie-hunt-1"]]


async def test_one_without_a_label_becomes_ours(http: HttpClient) -> None:
    sim = DelugeSim({HASH: row(label="")})
    async with asking(http, sim) as client:
        assert await client.add(MAGNET, name="Film") == HASH
    assert sim.calls("label.set_torrent") == [[HASH, "huntarr"]]
    assert sim.calls("core.add_torrent_magnet") == []


# --- adding and removing ---------------------------------------------------------------------------------------------


async def test_the_ratio_goes_with_a_torrent(http: HttpClient) -> None:
    sim = DelugeSim()
    sim.methods["core.add_torrent_file"] = HASH.upper()
    async with asking(http, sim) as client:
        assert await client.add(TORRENT, name="Film", goals=SeedGoals(1.5, timedelta(days=1))) == HASH
    options = {"add_paused": False, "remove_at_ratio": False, "stop_at_ratio": True, "stop_ratio": 1.5}
    assert sim.calls("core.add_torrent_file") == [["release.torrent", "ZGU=", options]]


async def test_one_that_only_deluge_knows_by_its_id_is_no_error(http: HttpClient) -> None:
    sim = DelugeSim({OTHER_HASH: row()})
    sim.methods["core.add_torrent_file"] = ValueError(f"Torrent already in session ({OTHER_HASH}).")
    async with asking(http, sim) as client:
        assert await client.add(TORRENT, name="Film") == OTHER_HASH


async def test_what_deluge_says_against_a_torrent_is_passed_on(http: HttpClient) -> None:
    sim = DelugeSim()
    sim.methods["core.add_torrent_magnet"] = ValueError("Unable to add magnet, invalid magnet info")
    async with asking(http, sim) as client:
        with pytest.raises(Refused) as caught:
            await client.add(MAGNET, name="Film")
    assert caught.value.message == "Deluge does not take the release: Unable to add magnet, invalid magnet info."


async def test_version_1_gives_no_id_for_what_it_cannot_read(http: HttpClient) -> None:
    async with asking(http, DelugeSim()) as client:
        with pytest.raises(Refused, match="refuses the release"):
            await client.add(TORRENT, name="Film")


async def test_a_removal_that_fails_is_an_error_unless_it_is_gone(http: HttpClient) -> None:
    sim = DelugeSim({HASH: row()})
    sim.methods["core.remove_torrent"] = ValueError("no permission")
    async with asking(http, sim) as client:
        await client.remove(OTHER_HASH, delete_files=True)
        with pytest.raises(HttpError, match="answers: no permission"):
            await client.remove(HASH, delete_files=True)


# --- the list --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"state": "Queued"}, DownloadState.QUEUED),
        ({"state": "Downloading"}, DownloadState.DOWNLOADING),
        ({"state": "Downloading", "total_size": 0}, DownloadState.QUEUED),
        ({"state": "Checking"}, DownloadState.CHECKING),
        ({"state": "Allocating"}, DownloadState.CHECKING),
        ({"state": "Paused"}, DownloadState.PAUSED),
        ({"state": "Error", "message": "disk full"}, DownloadState.WARNING),
        ({"state": "Another"}, DownloadState.DOWNLOADING),
        ({"state": "Seeding", "is_finished": True}, DownloadState.COMPLETED),
        ({"state": "Queued", "is_finished": True}, DownloadState.COMPLETED),
        ({"state": "Paused", "is_finished": True}, DownloadState.COMPLETED),
        ({"state": "Moving", "is_finished": True}, DownloadState.DOWNLOADING),
        ({"state": "Checking", "is_finished": True}, DownloadState.CHECKING),
        ({"state": "Error", "is_finished": True, "message": "disk full"}, DownloadState.WARNING),
    ],
)
async def test_states_have_their_meaning(http: HttpClient, values: dict[str, Any], state: DownloadState) -> None:
    async with asking(http, DelugeSim({HASH: row(**values)})) as client:
        (found,) = await client.downloads()
    assert found.state is state
    assert found.message == ("disk full" if state is DownloadState.WARNING else None)


async def test_a_row_says_where_it_is_and_what_is_left(http: HttpClient) -> None:
    async with asking(http, DelugeSim({HASH.upper(): row()})) as client:
        (found,) = await client.downloads()
    assert (found.download_id, found.path, found.size, found.left) == (HASH, "/downloads/Film", 100, 40)


@pytest.mark.parametrize(
    ("values", "may"),
    [
        ({"stop_at_ratio": True}, True),
        ({"stop_at_ratio": True, "stop_ratio": 0.6}, False),
        ({"stop_at_ratio": True, "state": "Moving"}, False),
        ({}, False),
    ],
)
async def test_it_may_be_removed_when_it_was_seeded_enough(http: HttpClient, values: dict[str, Any], may: bool) -> None:
    sim = DelugeSim({HASH: row(**{"state": "Seeding", "is_finished": True, **values})})
    async with asking(http, sim) as client:
        (found,) = await client.downloads()
    assert found.may_be_removed is may
