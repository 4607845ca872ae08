"""A worker that dies at any step: what it began is finished or undone."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.movie_hunt.importing.placing import FileMove, ImportPlan, carry_out, move_of
from app.movie_hunt.models import Grab, GrabState, MovieFile, MovieSearch, SearchStatus
from tests.movie_hunt.cinema import Cinema
from tests.movie_hunt.usenet import BEST, SECOND, Usenet


async def put_back(cinema: Cinema, **fields: Any) -> Grab:
    """Give the only open grab the fields that it had before the crash."""
    async with cinema.rig.container.infra.db.session() as session:
        grab = (await session.exec(select(Grab))).one()
        for name, value in fields.items():
            setattr(grab, name, value)
        return grab


def write_half(move: FileMove) -> None:
    """What a copy that was interrupted left."""
    Path(move.temporary).write_bytes(b"half")


@pytest.mark.asyncio
async def test_a_release_that_the_client_got_before_the_crash_is_found(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    await put_back(cinema, state=GrabState.GRABBING, download_id=None)
    await usenet.look()
    [grab] = (await cinema.get("queue"))["items"]
    assert (grab["state"], grab["download_id"]) == ("downloading", usenet.job.number)


@pytest.mark.asyncio
async def test_a_release_that_never_reached_the_client_is_grabbed_again(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    usenet.sab.jobs.clear()
    await put_back(cinema, state=GrabState.GRABBING, download_id=None)
    await usenet.look()
    assert usenet.sab.jobs == []
    cinema.rig.clock.forward(minutes=6)
    await usenet.look()
    assert usenet.job.name == BEST
    assert (await cinema.get("blocklist"))["total"] == 0


@pytest.mark.asyncio
async def test_an_import_that_lost_its_worker_after_the_file_was_placed(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    folder = usenet.downloaded(BEST, f"{BEST}.mkv")
    target = cinema.library / "Iron Meadow (2019)" / "Iron Meadow (2019) Bluray-1080p.mkv"
    plan = ImportPlan(
        video=move_of(folder / f"{BEST}.mkv", target, 1),
        subtitles=(),
        replaced=None,
        root=str(cinema.library),
        download=str(folder),
        keep_free=0,
    )
    carry_out(plan)
    usenet.sab.finish(usenet.job, folder)
    await put_back(
        cinema, state=GrabState.IMPORTING, journal=plan.document, completed_at=cinema.rig.clock() - timedelta(minutes=1)
    )
    assert (await usenet.look())["status"] == "imported"
    assert [each.name for each in target.parent.iterdir()] == [target.name]
    assert (await usenet.events())[-1] == "imported"


@pytest.mark.asyncio
async def test_an_import_that_lost_its_worker_in_the_middle_of_a_copy(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    folder = usenet.downloaded(BEST, f"{BEST}.mkv")
    target = cinema.library / "Iron Meadow (2019)" / "Iron Meadow (2019) Bluray-1080p.mkv"
    move = move_of(folder / f"{BEST}.mkv", target, 1)
    target.parent.mkdir()
    write_half(move)
    plan = ImportPlan(move, (), None, str(cinema.library), str(folder), 0)
    usenet.sab.finish(usenet.job, folder)
    await put_back(cinema, state=GrabState.IMPORTING, journal=plan.document)
    assert (await usenet.look())["status"] == "imported"
    assert [each.name for each in target.parent.iterdir()] == [target.name]


@pytest.mark.asyncio
async def test_files_that_went_away_before_the_import_undo_it(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    folder = usenet.downloaded(BEST, f"{BEST}.mkv", "extra.nfo")
    move = move_of(folder / f"{BEST}.mkv", cinema.library / "Iron Meadow (2019)" / "x.mkv", 1)
    (cinema.library / "Iron Meadow (2019)").mkdir()
    write_half(move)
    plan = ImportPlan(move, (), None, str(cinema.library), str(folder), 0)
    usenet.sab.finish(usenet.job, folder)
    (folder / f"{BEST}.mkv").unlink()
    await put_back(cinema, state=GrabState.IMPORTING, journal=plan.document)
    assert (await usenet.look())["status"] == "downloading"
    [grab] = (await cinema.get("queue"))["items"]
    assert (grab["state"], "any more" in grab["message"]) == ("waiting", True)
    assert list((cinema.library / "Iron Meadow (2019)").iterdir()) == []


@pytest.mark.asyncio
async def test_a_search_that_lost_its_worker_runs_again(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await cinema.post("search", {"movie_ids": [usenet.id]}, 202)
    async with cinema.rig.container.infra.db.session() as session:
        search = (await session.exec(select(MovieSearch))).one()
        search.status, search.started_at, search.attempts = SearchStatus.RUNNING, cinema.rig.clock(), 1
    await cinema.work()
    assert (await usenet.read())["status"] == "searching"
    cinema.rig.clock.forward(minutes=16)
    await cinema.rig.container.movie_hunt.searches.start_waiting()
    await cinema.work()
    assert (await usenet.read())["status"] == "downloading"


@pytest.mark.asyncio
async def test_an_upgrade_replaces_the_file_only_after_the_new_one_is_there(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    usenet.indexer.releases = usenet.indexer.releases[1:]
    await usenet.search()
    folder = usenet.downloaded(SECOND, f"{SECOND}.mkv")
    usenet.sab.finish(usenet.job, folder)
    old = (await usenet.look())["file"]
    usenet.indexer.releases[0].title = BEST
    await usenet.search()
    folder = usenet.downloaded(BEST, f"{BEST}.mkv")
    usenet.sab.finish(usenet.job, folder)
    movie = await usenet.look()
    assert (old["quality"], movie["file"]["quality"]) == ("WEBDL-1080p", "Bluray-1080p")
    assert [each.name for each in (cinema.library / "Iron Meadow (2019)").iterdir()] == [
        "Iron Meadow (2019) Bluray-1080p.mkv"
    ]
    assert (await usenet.events())[-1] == "upgraded"
    async with cinema.rig.container.infra.db.reading() as session:
        assert len((await session.exec(select(MovieFile))).all()) == 1
