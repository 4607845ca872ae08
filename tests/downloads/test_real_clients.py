"""Our clients of qBittorrent, Transmission and Deluge against the real programs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from app.downloads.making import make_client
from app.downloads.models import (
    ClientConnection,
    ClientDownload,
    ClientKind,
    DownloadClient,
    DownloadState,
    MagnetLink,
    NzbFile,
    SeedGoals,
    TorrentFile,
)
from app.downloads.payloads import read_payload
from app.http.client import HttpClient
from app.http.errors import HttpError
from tests.support import torrent_clients
from tests.support.torrent_clients import RunningClient, make_torrent

HASH = "0123456789abcdef0123456789abcdef01234567"
MAGNET = MagnetLink(f"magnet:?xt=urn:btih:{HASH}&dn=Some.Movie", HASH)
WAIT_SECONDS = 30

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


@dataclass
class Real:
    """A running program, and our client of it."""

    running: RunningClient
    connection: ClientConnection
    client: DownloadClient
    http: HttpClient

    async def until(self, is_done: Callable[[list[ClientDownload]], bool]) -> list[ClientDownload]:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                found = list(await self.client.downloads())
                if is_done(found):
                    return found
                await asyncio.sleep(0.1)


def opened(kind: ClientKind, folder: Path) -> AbstractAsyncContextManager[RunningClient]:
    starts = {
        ClientKind.QBITTORRENT: (torrent_clients.qbittorrent, torrent_clients.QBITTORRENT, "qbittorrent-nox"),
        ClientKind.TRANSMISSION: (torrent_clients.transmission, torrent_clients.TRANSMISSION, "transmission-daemon"),
        ClientKind.DELUGE: (torrent_clients.deluge, torrent_clients.DELUGE_WEB, "deluge-web"),
    }
    start, program, name = starts[kind]
    if program is None:
        pytest.skip(f"{name} is not installed")
    return start(folder)


@pytest_asyncio.fixture(params=[ClientKind.QBITTORRENT, ClientKind.TRANSMISSION, ClientKind.DELUGE])
async def real(request: pytest.FixtureRequest, tmp_path: Path, http: HttpClient) -> AsyncIterator[Real]:
    async with opened(request.param, tmp_path / "client") as running:
        connection = ClientConnection(request.param, running.url, running.username, running.password)
        yield Real(running, connection, make_client(http, connection), http)


@pytest.mark.asyncio
async def test_the_way_of_a_torrent(real: Real, tmp_path: Path) -> None:
    info = await real.client.test()
    assert info.version
    assert info.save_path == str(real.running.folder)
    assert info.warning is None
    assert list(await real.client.downloads()) == []

    folder = tmp_path / "Some.Movie.2019"
    folder.mkdir()
    (folder / "movie.mkv").write_bytes(b"m" * 100_000)
    (folder / "movie.srt").write_bytes(b"s" * 10)
    payload = read_payload(make_torrent(folder))
    assert isinstance(payload, TorrentFile)
    goals = SeedGoals(2.0, timedelta(hours=3))
    assert await real.client.add(payload, name="Some.Movie.2019", goals=goals) == payload.info_hash
    assert await real.client.add(payload, name="Some.Movie.2019") == payload.info_hash

    [found] = await real.until(lambda rows: bool(rows) and rows[0].state is not DownloadState.CHECKING)
    assert (found.download_id, found.name) == (payload.info_hash, "Some.Movie.2019")
    assert found.state in (DownloadState.DOWNLOADING, DownloadState.QUEUED, DownloadState.WARNING)
    assert (found.size, found.left) == (100_010, 100_010)
    assert found.path == str(real.running.folder / "Some.Movie.2019")
    assert not found.is_shared_path
    assert not found.may_be_removed
    files = sorted((each.path, each.size) for each in await real.client.files(payload.info_hash))
    assert files == [("Some.Movie.2019/movie.mkv", 100_000), ("Some.Movie.2019/movie.srt", 10)]

    await real.client.remove(payload.info_hash, delete_files=True)
    assert await real.until(lambda rows: not rows) == []
    await real.client.remove(payload.info_hash, delete_files=True)


@pytest.mark.asyncio
async def test_what_is_there_already_is_completed(real: Real, tmp_path: Path) -> None:
    file = tmp_path / "Some.Movie.2019.mkv"
    file.write_bytes(b"m" * 100_000)
    payload = read_payload(make_torrent(file))
    (real.running.folder / file.name).write_bytes(file.read_bytes())
    await real.client.test()
    await real.client.add(payload, name="Some.Movie.2019")
    [found] = await real.until(lambda rows: bool(rows) and rows[0].state is DownloadState.COMPLETED)
    assert found.left == 0
    assert found.path == str(real.running.folder / file.name)
    assert [each.path for each in await real.client.files(found.download_id)] == [file.name]
    await real.client.remove(found.download_id, delete_files=False)
    await real.until(lambda rows: not rows)
    assert (real.running.folder / file.name).exists()


@pytest.mark.asyncio
async def test_a_magnet_link(real: Real) -> None:
    await real.client.test()
    assert await real.client.add(MAGNET, name="Some.Movie") == HASH
    [found] = await real.until(bool)
    assert found.download_id == HASH
    assert found.state is not DownloadState.COMPLETED


@pytest.mark.asyncio
async def test_downloads_of_others_are_only_looked_at(real: Real, tmp_path: Path) -> None:
    other = make_client(real.http, replace(real.connection, category="somebody"))
    await other.test()
    await other.add(MAGNET, name="Some.Movie")
    await real.client.test()
    assert list(await real.client.downloads()) == []
    assert [each.download_id for each in await real.client.all_downloads()] == [HASH]


@pytest.mark.asyncio
async def test_a_wrong_password_is_told(real: Real) -> None:
    wrong = make_client(real.http, replace(real.connection, password="wrong"))
    with pytest.raises(HttpError) as refused:
        await wrong.test()
    assert refused.value.code.value == "unauthorized"
    assert refused.value.message.endswith(".")


@pytest.mark.asyncio
async def test_an_nzb_is_nothing_for_torrents(real: Real) -> None:
    with pytest.raises(HttpError, match="this kind"):
        await real.client.add(NzbFile(b"<nzb/>"), name="x")


@pytest.mark.asyncio
async def test_a_broken_torrent_is_refused(real: Real) -> None:
    broken = TorrentFile(b"d4:infod4:name1:xee", "a" * 40)
    with pytest.raises(HttpError) as refused:
        await real.client.add(broken, name="x")
    assert refused.value.message.endswith(".")
