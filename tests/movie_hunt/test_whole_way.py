"""From nothing to a file in the library, with a real qBittorrent."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.movie_hunt.cinema import Cinema
from tests.simulator.newznab import GB, IndexerSim, SimRelease
from tests.simulator.tmdb import SimMovie
from tests.support.torrent_clients import QBITTORRENT, RunningClient, add_peer, qbittorrent
from tests.support.torrents import make_torrent

MOVIE = SimMovie(810001, "Iron Meadow", imdb_id="tt0810001", runtime=100, dates=[(3, "2019-03-01"), (4, "2019-06-01")])
RIGHT = "Iron.Meadow.2019.1080p.BluRay.x264-GRP"
needs_qbittorrent = pytest.mark.skipif(QBITTORRENT is None, reason="qbittorrent-nox is not installed")


def of_movie(title: str, **fields: Any) -> SimRelease:
    """A release that the indexer says is of the movie."""
    return SimRelease(title, **({"tmdb_id": MOVIE.id, "imdb_id": MOVIE.imdb_id} | fields))


def hundred_releases(torrent: bytes) -> list[SimRelease]:
    """One right release among wrong movies, wrong years, cams, too large, foreign and other ones."""
    titles = [f"Copper.Valley.{1990 + number}.1080p.BluRay.x264-GRP" for number in range(20)]
    titles += [f"Iron.Meadow.{year}.1080p.BluRay.x264-GRP" for year in range(1999, 2017)]
    titles += [f"Iron.Meadow.2019.{word}.x264-G{n}" for n in range(5) for word in ("CAM", "TS", "TC")]
    titles += [f"Iron.Meadow.2019.S01E{n:02}.1080p.WEB-DL.H264-GRP" for n in range(1, 16)]
    titles += [f"Iron.Meadow.Trilogy.2019.1080p.BluRay.x264-P{n}" for n in range(6)]
    titles += [f"Iron.Meadow.2019.HC.1080p.WEB-DL.H264-HC{n}" for n in range(5)]
    wrong = [of_movie(title) for title in titles]
    wrong += [of_movie(f"Iron.Meadow.2019.1080p.WEB-DL.H264-BIG{n}", size=60 * GB) for n in range(15)]
    wrong += [of_movie(f"Iron.Meadow.2019.1080p.BluRay.x264-OTHER{n}", tmdb_id=1) for n in range(5)]
    return [*wrong[:60], of_movie(RIGHT, content=torrent, seeders=3, peers=3), *wrong[60:]]


async def seed(client: RunningClient, torrent: bytes, content: Path) -> None:
    """Have the client seed what is in `content` already."""
    async with httpx.AsyncClient(base_url=client.url, headers={"Referer": client.url}) as http:
        await http.post("/api/v2/auth/login", data={"username": client.username, "password": client.password})
        reply = await http.post(
            "/api/v2/torrents/add",
            data={"savepath": str(content.parent), "skip_checking": "true", "category": "seeds"},
            files={"torrents": ("seed.torrent", torrent)},
        )
        assert reply.status_code == 200, reply.text


@pytest.mark.process
@needs_qbittorrent
@pytest.mark.asyncio
@pytest.mark.timeout(120)
async def test_the_right_one_of_a_hundred_is_downloaded_and_imported(cinema: Cinema, tmp_path: Path) -> None:
    made = tmp_path / "made" / RIGHT
    made.mkdir(parents=True)
    (made / f"{RIGHT}.mkv").write_bytes(os.urandom(700_000))
    (made / f"{RIGHT}.en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    (made / "sample.mkv").write_bytes(os.urandom(20_000))
    torrent = make_torrent(made)
    releases = hundred_releases(torrent)
    async with qbittorrent(tmp_path / "seeder") as seeder, qbittorrent(tmp_path / "client") as client:
        await seed(seeder, torrent, made)
        await cinema.add_indexer(IndexerSim("torznab"), *releases)
        await cinema.add_root_folder()
        connection = {"url": client.url, "username": client.username, "password": client.password}
        body = {"name": "qBittorrent", "kind": "qbittorrent"} | connection
        assert (await cinema.post("download-clients/test", body, 200))["ok"]
        await cinema.post("download-clients", body)
        movie = await cinema.add_movie(MOVIE, search_now=True)
        await cinema.work()

        [grab] = (await cinema.get("queue"))["items"]
        assert grab["title"] == RIGHT
        await add_peer(client, grab["download_id"], seeder)

        async def is_imported() -> bool:
            return bool((await cinema.get(f"movies/{movie['id']}"))["status"] == "imported")

        await cinema.until(is_imported)
        found = await cinema.get(f"movies/{movie['id']}")
        files_are_in_place(cinema, Path(found["file"]["path"]), made / f"{RIGHT}.mkv")
        assert await cinema.history(movie["id"]) == ["searched", "grabbed", "imported"]
        await reasons_are_told(cinema, movie, len(releases))


def files_are_in_place(cinema: Cinema, file: Path, source: Path) -> None:
    """The video by hard link, its subtitles, and nothing else."""
    assert file == cinema.library / "Iron Meadow (2019)" / "Iron Meadow (2019) Bluray-1080p.mkv"
    assert file.read_bytes() == source.read_bytes()
    assert file.stat().st_nlink == 2
    assert sorted(each.name for each in file.parent.iterdir()) == [
        "Iron Meadow (2019) Bluray-1080p.en.srt",
        "Iron Meadow (2019) Bluray-1080p.mkv",
    ]


async def reasons_are_told(cinema: Cinema, movie: Any, count: int) -> None:
    """Each release that was not grabbed has its reason, as a word and as a sentence."""
    found = await cinema.get(f"movies/{movie['id']}/releases")
    assert found["search"]["found"] == count
    assert [each["title"] for each in found["releases"] if each["approved"]] == [RIGHT]
    reasons = {each["title"]: [reason["reason"] for reason in each["rejections"]] for each in found["releases"]}
    assert reasons["Iron.Meadow.2005.1080p.BluRay.x264-GRP"] == ["wrong_year"]
    assert reasons["Iron.Meadow.2019.CAM.x264-G0"] == ["quality_not_allowed"]
    assert reasons["Iron.Meadow.2019.1080p.WEB-DL.H264-BIG3"] == ["size_above_max"]
    assert reasons["Iron.Meadow.2019.1080p.BluRay.x264-OTHER1"] == ["wrong_id"]
    assert all(reason["message"].endswith(".") for each in found["releases"] for reason in each["rejections"])
