"""Our client of NZBGet against the real program, which downloads from a local news server."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.downloads.models import (
    ClientDownload,
    DownloadState,
    MagnetLink,
    NzbFile,
)
from app.downloads.nzbget import Nzbget
from app.http.client import HttpClient
from app.http.errors import HttpError
from tests.support.torrent_clients import RunningClient
from tests.support.usenet_clients import NZBGET, make_nzb, news_server, nzbget

WAIT_SECONDS = 30
NAME = "Some.Movie.2019.1080p.BluRay.x264-GRP"

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(120),
    pytest.mark.skipif(NZBGET is None, reason="nzbget is not installed"),
]


def client_of(http: HttpClient, running: RunningClient, category: str = "huntarr") -> Nzbget:
    return Nzbget(http, running.connection(category=category))


async def until(client: Nzbget, is_done: Callable[[list[ClientDownload]], bool]) -> list[ClientDownload]:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            found = list(await client.downloads())
            if is_done(found):
                return found
            await asyncio.sleep(0.1)


def contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


@pytest.mark.asyncio
async def test_the_way_of_an_nzb(http: HttpClient, tmp_path: Path) -> None:
    content = os.urandom(180_000)
    document, articles = make_nzb({"movie.mkv": content})
    async with news_server(articles) as news, nzbget(tmp_path / "nzbget", news.port) as running:
        client = client_of(http, running)
        info = await client.test()
        assert (info.version.split(".")[0].isdigit(), info.warning) == (True, None)
        assert info.save_path == str(running.download_folder)
        number = await client.add(NzbFile(document), name=NAME)
        [found] = await until(client, lambda rows: bool(rows) and rows[0].state is DownloadState.COMPLETED)
        assert (found.download_id, found.name, found.left) == (number, NAME, 0)
        folder = Path(found.path or "")
        assert folder.name == NAME
        assert not found.is_shared_path
        assert contents(folder) == [content]
        await client.remove(number, delete_files=False)
        await until(client, lambda rows: not rows)
        assert contents(folder) == [content]


@pytest.mark.asyncio
async def test_missing_articles_are_a_failure(http: HttpClient, tmp_path: Path) -> None:
    document, _ = make_nzb({"movie.mkv": os.urandom(180_000)})
    async with news_server({}) as news, nzbget(tmp_path / "nzbget", news.port) as running:
        client = client_of(http, running)
        number = await client.add(NzbFile(document), name=NAME)
        [found] = await until(client, lambda rows: bool(rows) and rows[0].state is DownloadState.FAILED)
        assert found.download_id == number
        assert (found.message or "").endswith(".")
        await client.remove(number, delete_files=True)
        await until(client, lambda rows: not rows)


@pytest.mark.asyncio
async def test_refusals(http: HttpClient, tmp_path: Path) -> None:
    async with news_server({}) as news, nzbget(tmp_path / "nzbget", news.port) as running:
        client = client_of(http, running)
        with pytest.raises(HttpError, match="NZBs only"):
            await client.add(MagnetLink("magnet:?xt=urn:btih:" + "a" * 40, "a" * 40), name="x")
        wrong = client_of(http, replace(running, password="wrong"))
        with pytest.raises(HttpError) as refused:
            await wrong.test()
        assert refused.value.code.value == "unauthorized"
        other = client_of(http, running, "somebody")
        assert "no category somebody" in ((await other.test()).warning or "")
