"""qBittorrent, Transmission and Deluge themselves: each test runs with every one that is installed here."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from app.downloads.deluge import Deluge
from app.downloads.models import (
    ClientConnection,
    ClientDownload,
    ClientKind,
    DownloadClient,
    DownloadedFile,
    DownloadState,
    NzbFile,
    SeedGoals,
)
from app.downloads.payloads import read_magnet, read_payload
from app.downloads.qbittorrent import Qbittorrent
from app.downloads.replies import Refused
from app.downloads.transmission import Transmission
from app.http.client import HttpClient
from app.http.errors import HttpError, HttpErrorCode
from tests.support.torrent_clients import (
    MISSING,
    RunningClient,
    add_peer,
    deluge,
    for_a_module,
    qbittorrent,
    transmission,
    until,
)
from tests.support.torrents import hash_of, make_hybrid_info, make_hybrid_torrent, make_torrent

pytestmark = [pytest.mark.asyncio, pytest.mark.process]

OPENERS = {ClientKind.QBITTORRENT: qbittorrent, ClientKind.TRANSMISSION: transmission, ClientKind.DELUGE: deluge}
CLASSES = {ClientKind.QBITTORRENT: Qbittorrent, ClientKind.TRANSMISSION: Transmission, ClientKind.DELUGE: Deluge}
MAGNET = read_magnet("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=Some.Film.2020")


def opened(kind: ClientKind, folder: Path) -> AbstractAsyncContextManager[RunningClient]:
    for program in MISSING[kind]:
        pytest.skip(f"{program} is not installed")
    return OPENERS[kind](folder)


@pytest.fixture(scope="module", params=list(OPENERS), ids=str)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClient]:
    kind: ClientKind = request.param
    yield from for_a_module(opened(kind, tmp_path_factory.mktemp(kind.value)))


@pytest.fixture(scope="module")
def seeding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClient]:
    """A qBittorrent that has what the others download."""
    yield from for_a_module(opened(ClientKind.QBITTORRENT, tmp_path_factory.mktemp("seeding")))


def made(http: HttpClient, connection: ClientConnection) -> DownloadClient:
    client: DownloadClient = CLASSES[connection.kind](http, connection)
    return client


@pytest_asyncio.fixture
async def client(http: HttpClient, running: RunningClient) -> AsyncIterator[DownloadClient]:
    """The client under test; it is empty again after the test."""
    client = made(http, running.connection())
    yield client
    for download in await client.all_downloads():
        await client.remove(download.download_id, delete_files=True)


@dataclass(frozen=True)
class Film:
    """A folder with a film and its subtitles, and the torrent of it."""

    folder: Path
    torrent: bytes

    @classmethod
    def at(cls, folder: Path, *, private: bool = False) -> "Film":
        (folder / "subs").mkdir(parents=True)
        (folder / "film.mkv").write_bytes(folder.name.encode() * 20_000)
        (folder / "subs" / "english.srt").write_bytes(b"Hello.")
        return cls(folder, make_torrent(folder, private=private))


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return Film.at(tmp_path / "Some.Film.2020.1080p", private=True)


async def listed(client: DownloadClient) -> dict[str, ClientDownload]:
    return {found.download_id: found for found in await client.downloads()}


async def test_the_connection_test_tells_version_and_folder(client: DownloadClient, running: RunningClient) -> None:
    info = await client.test()
    assert any(character.isdigit() for character in info.version)
    assert (info.save_path, info.warning) == (str(running.download_folder), None)
    assert await client.downloads() == []


async def test_a_torrent_is_added_once(client: DownloadClient, running: RunningClient, film: Film) -> None:
    payload = read_payload(film.torrent)
    first = await client.add(payload, name=film.folder.name, goals=SeedGoals(ratio=2))
    again = await client.add(payload, name=film.folder.name)
    found = await until(client, first, lambda each: each.path is not None and each.state is not DownloadState.CHECKING)
    size = sum(file.stat().st_size for file in film.folder.rglob("*.*"))
    assert (again, len(await client.downloads())) == (first, 1)
    assert (found.name, found.category, found.size, found.left) == (film.folder.name, "huntarr", size, size)
    assert found.path == str(running.download_folder / film.folder.name)
    assert (found.is_shared_path, found.may_be_removed) == (False, False)
    assert found.is_private in (True, None)


async def test_its_files_are_listed_below_the_save_path(client: DownloadClient, film: Film) -> None:
    download_id = await client.add(read_payload(film.torrent), name=film.folder.name)
    root, sizes = film.folder.name, {file.name: file.stat().st_size for file in film.folder.rglob("*.*")}
    assert set(await client.files(download_id)) == {
        DownloadedFile(f"{root}/film.mkv", sizes["film.mkv"]),
        DownloadedFile(f"{root}/subs/english.srt", sizes["english.srt"]),
    }


async def test_the_files_of_a_download_that_is_gone_are_an_error(client: DownloadClient) -> None:
    with pytest.raises(HttpError, match="no longer") as caught:
        await client.files(MAGNET.info_hash)
    assert caught.value.code == HttpErrorCode.NOT_FOUND


async def test_a_magnet_link_waits_for_its_metadata(client: DownloadClient) -> None:
    first = await client.add(MAGNET, name="Some.Film.2020")
    again = await client.add(MAGNET, name="Some.Film.2020")
    found = (await listed(client))[MAGNET.info_hash]
    assert (first, again) == (MAGNET.info_hash, MAGNET.info_hash)
    assert found.state in (DownloadState.QUEUED, DownloadState.WARNING)
    assert (found.name, found.size, found.path, found.is_private) == ("Some.Film.2020", None, None, None)


async def seeded(http: HttpClient, seeding: RunningClient, film: Film) -> str:
    """The download id of the film in the client that seeds, where all of it is."""
    home = seeding.download_folder / film.folder.name
    film.folder.rename(home)
    seeder = Qbittorrent(http, seeding.connection(category="seeds"))
    download_id = await seeder.add(read_payload(film.torrent), name=film.folder.name)
    await until(seeder, download_id, lambda each: each.state is DownloadState.COMPLETED)
    return download_id


async def test_a_download_is_completed(
    http: HttpClient, client: DownloadClient, running: RunningClient, seeding: RunningClient, tmp_path: Path
) -> None:
    film = Film.at(tmp_path / f"Whole.Film.2021.{running.kind}")
    seed = await seeded(http, seeding, film)
    download_id = await client.add(read_payload(film.torrent), name=film.folder.name)
    await until(client, download_id, lambda each: each.state in (DownloadState.DOWNLOADING, DownloadState.WARNING))
    await add_peer(seeding, seed, running)
    found = await until(client, download_id, lambda each: each.state is DownloadState.COMPLETED)
    got = running.download_folder / film.folder.name / "film.mkv"
    assert got.read_bytes() == (seeding.download_folder / film.folder.name / "film.mkv").read_bytes()
    assert (found.left, found.path, found.may_be_removed) == (0, str(got.parent), False)


async def test_a_magnet_link_is_completed_and_may_be_removed_when_it_was_seeded_enough(
    http: HttpClient, client: DownloadClient, running: RunningClient, seeding: RunningClient, tmp_path: Path
) -> None:
    film = Film.at(tmp_path / f"Magnet.Film.2021.{running.kind}")
    seed = await seeded(http, seeding, film)
    magnet = read_magnet(f"magnet:?xt=urn:btih:{seed}&dn=Another.Name")
    download_id = await client.add(magnet, name=film.folder.name, goals=SeedGoals(ratio=0))
    await add_peer(seeding, seed, running)
    found = await until(client, download_id, lambda each: each.may_be_removed)
    assert (found.state, found.path) == (DownloadState.COMPLETED, str(running.download_folder / film.folder.name))
    assert {file.path for file in await client.files(download_id)} >= {f"{film.folder.name}/film.mkv"}


async def gone(client: DownloadClient, download_id: str, file: Path | None) -> None:
    """Wait until neither the list nor, where one is given, the disk has it: clients delete in the background."""
    async with asyncio.timeout(20):
        while True:
            is_on_disk = file is not None and await asyncio.to_thread(file.exists)
            if not is_on_disk and download_id not in await listed(client):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("with_files", [True, False])
async def test_a_download_is_removed_with_its_files_or_without(
    client: DownloadClient, running: RunningClient, tmp_path: Path, with_files: bool
) -> None:
    film = Film.at(tmp_path / f"Removed.{with_files}.{running.kind}")
    home = running.download_folder / film.folder.name
    film.folder.rename(home)
    download_id = await client.add(read_payload(film.torrent), name=film.folder.name)
    await until(client, download_id, lambda each: each.state is DownloadState.COMPLETED)
    await client.remove(download_id, delete_files=with_files)
    await client.remove(download_id, delete_files=with_files)
    await gone(client, download_id, home / "film.mkv" if with_files else None)
    assert (home / "film.mkv").exists() is not with_files


async def test_what_other_programs_have_put_there_is_left_to_them(
    http: HttpClient, client: DownloadClient, running: RunningClient, film: Film
) -> None:
    other = made(http, running.connection(category="radarr"))
    payload = read_payload(film.torrent)
    download_id = await other.add(payload, name=film.folder.name)
    with pytest.raises(Refused, match="already, in its category radarr"):
        await client.add(payload, name=film.folder.name)
    assert await client.downloads() == []
    assert [(each.download_id, each.category) for each in await client.all_downloads()] == [(download_id, "radarr")]


async def test_an_nzb_is_refused(client: DownloadClient) -> None:
    with pytest.raises(Refused, match="takes torrents only"):
        await client.add(NzbFile(b"<nzb/>"), name="Some.Film.2020")


async def test_a_broken_torrent_is_refused(client: DownloadClient) -> None:
    with pytest.raises(Refused):
        await client.add(read_payload(b"d4:infod4:name4:filmee"), name="Some.Film.2020")
    assert await client.downloads() == []


async def test_a_wrong_password_is_told(http: HttpClient, client: DownloadClient, running: RunningClient) -> None:
    await client.test()  # the session of another connection to the same client is not used
    with pytest.raises(HttpError, match="does not accept") as caught:
        await made(http, running.connection(password="wrong")).test()
    assert caught.value.code == HttpErrorCode.UNAUTHORIZED


async def test_a_session_that_has_ended_is_begun_again(
    client: DownloadClient, running: RunningClient, film: Film
) -> None:
    download_id = await client.add(read_payload(film.torrent), name=film.folder.name)
    await running.restart()
    together = await asyncio.gather(client.downloads(), client.files(download_id), client.downloads())
    assert [len(found) for found in together] == [1, 2, 1]


@pytest.mark.parametrize("running", [ClientKind.QBITTORRENT, ClientKind.DELUGE], indirect=True, ids=str, scope="module")
async def test_a_hybrid_torrent_keeps_one_id(client: DownloadClient, tmp_path: Path) -> None:
    """Transmission 3 does not take one of version 1 and 2."""
    path = tmp_path / "Hybrid.Film.2022.mkv"
    path.write_bytes(b"film")
    payload = read_payload(make_hybrid_torrent(path))
    first = await client.add(payload, name=path.stem)
    again = await client.add(payload, name=path.stem)
    assert first == again
    assert list(await listed(client)) == [first]
    assert [file.path for file in await client.files(first)] == [path.name]
    assert hash_of(make_hybrid_info(path)) != first


@pytest.mark.parametrize("running", [ClientKind.DELUGE], indirect=True, ids=str, scope="module")
async def test_a_daemon_that_was_restarted_is_connected_again(
    client: DownloadClient, running: RunningClient, film: Film
) -> None:
    download_id = await client.add(read_payload(film.torrent), name=film.folder.name)
    _, daemon = running.processes
    await daemon.stop()
    with pytest.raises(HttpError, match="check that deluged runs"):
        await client.downloads()
    await daemon.start()
    await until(client, download_id, lambda each: each.category == "huntarr")  # it listens before it has all torrents
