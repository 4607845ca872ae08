"""Transmission as it seldom is: sessions that rotate, white lists, versions without labels, and its states."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.downloads.models import ClientConnection, ClientKind, DownloadState, MagnetLink, SeedGoals, TorrentFile
from app.downloads.replies import Refused
from app.downloads.transmission import Transmission
from app.http.client import HttpClient
from app.http.errors import HttpError, HttpErrorCode
from tests.simulator.hosting import serve
from tests.simulator.torrent_clients import SimReply, TransmissionSim

pytestmark = pytest.mark.asyncio

HASH = "0123456789abcdef0123456789abcdef01234567"
MAGNET = MagnetLink(f"magnet:?xt=urn:btih:{HASH}", HASH)
STOPPED, CHECK_WAIT, CHECK, DOWNLOAD_WAIT, DOWNLOAD, SEED_WAIT, SEED = range(7)


@asynccontextmanager
async def asking(
    http: HttpClient, sim: TransmissionSim, *, base: str = "", user: str = ""
) -> AsyncIterator[Transmission]:
    async with serve(sim) as url:
        yield Transmission(http, ClientConnection(ClientKind.TRANSMISSION, url + base, username=user, password=user))


def row(**values: Any) -> dict[str, Any]:
    return {
        **{"hashString": HASH, "name": "Film", "labels": ["huntarr"], "downloadDir": "/downloads", "status": DOWNLOAD},
        **{"error": 0, "errorString": "", "isStalled": False, "isPrivate": True, "sizeWhenDone": 100},
        **{"leftUntilDone": 40, "metadataPercentComplete": 1, "isFinished": False, "secondsSeeding": 600},
        **{
            "uploadRatio": 0.5,
            "seedRatioLimit": 2,
            "seedRatioMode": 0,
            "seedIdleLimit": 30,
            "seedIdleMode": 0,
            **values,
        },
    }


DONE = {"leftUntilDone": 0, "status": SEED}


async def test_a_session_that_rotates_is_followed(http: HttpClient) -> None:
    sim = TransmissionSim([row()])
    sim.requests_of_a_session = 1
    async with asking(http, sim) as client:
        for _ in range(3):
            assert [each.download_id for each in await client.downloads()] == [HASH]
    assert len(sim.requests) == 6


async def test_a_session_that_changes_for_ever_is_an_error(http: HttpClient) -> None:
    sim = TransmissionSim()
    sim.fault = lambda _request: SimReply("", 409, {"x-transmission-session-id": "another"})
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match="status 409"):
            await client.downloads()
    assert len(sim.requests) == 2


@pytest.mark.parametrize(
    ("reply", "code", "sentence"),
    [
        (SimReply("", 401), HttpErrorCode.UNAUTHORIZED, "does not accept the user name or the password."),
        (SimReply("", 403), HttpErrorCode.UNAUTHORIZED, "add it to rpc-whitelist"),
        (SimReply("", 421), HttpErrorCode.REFUSED, "add it to rpc-host-whitelist"),
        (SimReply("", 404), HttpErrorCode.BAD_RESPONSE, "is not Transmission"),
        (SimReply("", 301, {"location": "/web/"}), HttpErrorCode.BAD_RESPONSE, "is not Transmission"),
        (SimReply("<html>"), HttpErrorCode.BAD_RESPONSE, "is not Transmission"),
        (SimReply([]), HttpErrorCode.BAD_RESPONSE, "is not Transmission"),
        (SimReply({"result": "success", "arguments": {}}), HttpErrorCode.BAD_RESPONSE, "is not Transmission"),
        (SimReply({"result": "no such method"}), HttpErrorCode.REFUSED, "answers: no such method."),
        (SimReply("", 500), HttpErrorCode.SERVER_ERROR, "status 500"),
    ],
)
async def test_a_connection_test_that_fails_says_why(
    http: HttpClient, reply: SimReply, code: str, sentence: str
) -> None:
    sim = TransmissionSim()
    sim.fault = lambda _request: reply
    async with asking(http, sim) as client:
        with pytest.raises(HttpError, match=sentence) as caught:
            await client.test()
    assert caught.value.code == code


@pytest.mark.parametrize("base", ["", "/transmission", "/transmission/web", "/transmission/rpc"])
async def test_the_address_of_the_browser_is_understood(http: HttpClient, base: str) -> None:
    async with asking(http, TransmissionSim(), base=base) as client:
        assert (await client.test()).version == "4.0.6 (38c164933e)"


async def test_no_password_is_sent_where_there_is_none(http: HttpClient) -> None:
    sim, other = TransmissionSim(), TransmissionSim()
    async with asking(http, sim) as client, asking(http, other, user="a") as second:
        await client.test()
        await second.test()
    assert [request.headers.get("authorization") for request in sim.requests] == [None, None]
    assert [request.headers.get("authorization") for request in other.requests] == ["Basic YTph", "Basic YTph"]


async def test_label_and_goals_are_given_to_a_torrent(http: HttpClient) -> None:
    sim = TransmissionSim()
    sim.add = {"torrent-added": {"hashString": HASH.upper(), "id": 1, "name": "Film"}}
    async with asking(http, sim) as client:
        goals = SeedGoals(ratio=1.5, time=timedelta(days=60))
        assert await client.add(TorrentFile(b"de", HASH), name="Film", goals=goals) == HASH
    assert sim.calls("torrent-add") == [{"paused": False, "labels": ["huntarr"], "metainfo": "ZGU="}]
    (marked,) = sim.calls("torrent-set")
    assert marked == {
        **{"ids": [HASH], "labels": ["huntarr"], "seedRatioLimit": 1.5, "seedRatioMode": 1},
        **{"seedIdleLimit": 65535, "seedIdleMode": 1},
    }


async def test_before_there_were_labels_a_folder_holds_ours(http: HttpClient) -> None:
    mine, other = row(downloadDir="/downloads/huntarr"), row(hashString="f" * 40)
    del mine["labels"], other["labels"]
    sim = TransmissionSim([mine, other])
    sim.settings |= {"version": "2.94", "rpc-version": 15}
    sim.add = {"torrent-added": {"hashString": HASH}}
    async with asking(http, sim) as client:
        assert (await client.test()).save_path == "/downloads/huntarr"
        await client.add(MAGNET, name="Film")
        assert [each.path for each in await client.downloads()] == ["/downloads/huntarr/Film"]
    assert [each["download-dir"] for each in sim.calls("torrent-add")] == ["/downloads/huntarr"]
    assert sim.calls("torrent-set") == []


async def test_one_without_a_label_becomes_ours(http: HttpClient) -> None:
    sim = TransmissionSim([row(labels=[])])
    sim.add = {"torrent-duplicate": {"hashString": HASH}}
    async with asking(http, sim) as client:
        assert await client.add(MAGNET, name="Film") == HASH
    assert sim.calls("torrent-set") == [{"ids": [HASH], "labels": ["huntarr"]}]


async def test_one_of_several_labels_may_be_ours(http: HttpClient) -> None:
    sim = TransmissionSim([row(labels=["films", "huntarr"])])
    sim.add = {"torrent-duplicate": {"hashString": HASH}}
    async with asking(http, sim) as client:
        assert [each.category for each in await client.downloads()] == ["huntarr"]
        assert await client.add(MAGNET, name="Film") == HASH
    assert sim.calls("torrent-set") == []


@pytest.mark.parametrize("said", [{}, {"torrent-added": None}, {"torrent-added": {"id": 1}}])
async def test_a_torrent_without_an_id_is_refused(http: HttpClient, said: dict[str, Any]) -> None:
    sim = TransmissionSim()
    sim.add = said
    async with asking(http, sim) as client:
        with pytest.raises(Refused):
            await client.add(MAGNET, name="Film")


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"status": STOPPED}, DownloadState.PAUSED),
        ({"status": CHECK_WAIT}, DownloadState.CHECKING),
        ({"status": CHECK}, DownloadState.CHECKING),
        ({"status": CHECK, "leftUntilDone": 0}, DownloadState.CHECKING),
        ({"status": DOWNLOAD_WAIT}, DownloadState.QUEUED),
        ({"status": DOWNLOAD}, DownloadState.DOWNLOADING),
        ({"status": 99}, DownloadState.DOWNLOADING),
        ({"status": None}, DownloadState.PAUSED),
        ({"status": DOWNLOAD, "metadataPercentComplete": 0.2, "leftUntilDone": 0}, DownloadState.QUEUED),
        ({"status": STOPPED, "metadataPercentComplete": 0, "leftUntilDone": 0}, DownloadState.PAUSED),
        ({"status": DOWNLOAD, "isStalled": True}, DownloadState.WARNING),
        ({"error": 1, "errorString": "try later"}, DownloadState.DOWNLOADING),
        ({"error": 2, "errorString": "unregistered"}, DownloadState.WARNING),
        ({"error": 3, "errorString": "disk full"}, DownloadState.WARNING),
        ({**DONE, "error": 2, "errorString": "unregistered"}, DownloadState.COMPLETED),
        ({**DONE, "error": 3, "errorString": "No data found!"}, DownloadState.WARNING),
        ({**DONE, "isStalled": True}, DownloadState.COMPLETED),
        ({**DONE, "status": SEED_WAIT}, DownloadState.COMPLETED),
        ({**DONE, "status": STOPPED}, DownloadState.COMPLETED),
    ],
)
async def test_states_have_their_meaning(http: HttpClient, values: dict[str, Any], state: DownloadState) -> None:
    async with asking(http, TransmissionSim([row(**values)])) as client:
        (found,) = await client.downloads()
    assert found.state is state
    assert found.message == (
        values.get("errorString")
        or ("It is stalled: no connected peer has what is missing." if state is DownloadState.WARNING else None)
    )


@pytest.mark.parametrize(
    ("values", "may"),
    [
        ({"isFinished": True}, True),
        ({"isFinished": True, "leftUntilDone": 1}, False),
        ({"seedRatioLimit": 0.5}, False),
        ({"seedRatioLimit": 0.5, "seedRatioMode": 1}, True),
        ({"seedRatioLimit": 0.6, "seedRatioMode": 1}, False),
        ({"seedRatioLimit": 2, "seedRatioMode": 1, "uploadRatio": -2}, True),
        ({"seedRatioLimit": 2, "seedRatioMode": 1, "uploadRatio": -1}, False),
        ({"seedRatioLimit": 0, "seedRatioMode": 1, "uploadRatio": -1}, True),
        ({"seedIdleLimit": 10, "seedIdleMode": 1}, True),
        ({"seedIdleLimit": 11, "seedIdleMode": 1}, False),
        ({"seedIdleLimit": 10}, False),
    ],
)
async def test_it_may_be_removed_when_it_was_seeded_enough(http: HttpClient, values: dict[str, Any], may: bool) -> None:
    async with asking(http, TransmissionSim([row(**{**DONE, **values})])) as client:
        (found,) = await client.downloads()
    assert found.may_be_removed is may


async def test_paths_of_windows_keep_their_slash(http: HttpClient) -> None:
    async with asking(http, TransmissionSim([row(downloadDir="D:\\dl\\")])) as client:
        (found,) = await client.downloads()
    assert found.path == "D:\\dl\\Film"
