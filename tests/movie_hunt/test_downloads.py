"""What becomes of a grabbed release: failures, the next candidate, imports, and what a person has to look at."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.movie_hunt.cinema import Cinema
from tests.movie_hunt.usenet import BEST, SECOND, Usenet, nzb

NEWEST = datetime(2026, 11, 23, 11, tzinfo=UTC)
"""Younger than the other releases: it is ranked first."""


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_finished_download_is_imported_and_its_job_removed(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    assert (await usenet.search())["status"] == "downloading"
    folder = usenet.downloaded(BEST, f"{BEST}.mkv", f"{BEST}.nfo")
    usenet.sab.finish(usenet.job, folder)
    movie = await usenet.look()
    assert movie["status"] == "imported"
    assert movie["file"]["size"] == 1_000_000
    assert usenet.sab.jobs == []
    assert not folder.exists()
    assert await usenet.events() == ["searched", "grabbed", "imported"]
    assert (await usenet.look())["status"] == "imported"


@pytest.mark.asyncio
async def test_a_failed_download_is_blocklisted_and_the_next_one_taken(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    usenet.sab.fail(usenet.job, "Repair failed, not enough repair blocks")
    await usenet.look()
    assert [each["title"] for each in (await cinema.get("blocklist"))["items"]] == [BEST]
    assert [each["title"] for each in (await cinema.get("queue"))["items"]] == [SECOND]
    assert await usenet.events() == ["searched", "grabbed", "download_failed", "grabbed"]
    requests = len(usenet.indexer.searches)
    await usenet.look()
    assert len(usenet.indexer.searches) == requests


@pytest.mark.asyncio
async def test_failures_end_after_a_few_releases_a_day(cinema: Cinema, tmp_path: Path) -> None:
    releases = [nzb(f"Iron.Meadow.2019.1080p.BluRay.x264-G{number}") for number in range(8)]
    usenet = await Usenet.open(cinema, tmp_path, *releases)
    await usenet.search()
    for _ in range(8):
        for job in usenet.sab.jobs:
            usenet.sab.fail(job, "broken")
        await usenet.look()
    assert (await usenet.events()).count("grabbed") == 4
    assert (await usenet.read())["status"] == "missing"


@pytest.mark.asyncio
async def test_a_full_disk_is_no_failure_of_the_release(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    usenet.sab.fail(usenet.job, "Unpacking failed, disk full")
    await usenet.look()
    [grab] = (await cinema.get("queue"))["items"]
    assert (grab["client_state"], (await cinema.get("blocklist"))["total"]) == ("warning", 0)


@pytest.mark.asyncio
async def test_a_job_between_queue_and_history_is_not_lost(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    usenet.job.is_hidden = True
    for _ in range(2):
        assert (await usenet.look())["status"] == "downloading"
    usenet.job.is_hidden = False
    await usenet.look()
    usenet.job.is_hidden = True
    for _ in range(2):
        assert (await usenet.look())["status"] == "downloading"
    assert (await usenet.look())["status"] == "missing"
    assert (await usenet.events())[-1] == "download_failed"
    assert (await cinema.get("blocklist"))["total"] == 0


@pytest.mark.asyncio
async def test_a_completed_job_waits_for_its_place_on_disk(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    usenet.job.status = "Completed"
    assert (await usenet.look())["status"] == "downloading"
    usenet.job.in_history = True
    assert (await usenet.look())["status"] == "downloading"


@pytest.mark.asyncio
async def test_a_shared_folder_is_never_imported_nor_deleted(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    other = usenet.downloaded("Another.Movie.2001.1080p.BluRay.x264-X", "Another.Movie.2001.mkv")
    usenet.sab.finish(usenet.job, usenet.sab.complete)
    assert (await usenet.look())["status"] == "downloading"
    [grab] = (await cinema.get("queue"))["items"]
    assert grab["state"] == "waiting"
    assert "several downloads" in grab["message"]
    assert (other / "Another.Movie.2001.mkv").exists()
    assert len(usenet.sab.jobs) == 1


@pytest.mark.asyncio
async def test_another_movie_inside_waits_for_a_person_who_may_import_again(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    folder = usenet.downloaded(BEST, "Copper.Valley.1987.1080p.BluRay.x264-GRP.mkv")
    usenet.sab.finish(usenet.job, folder)
    await usenet.look()
    [grab] = (await cinema.get("queue"))["items"]
    assert (grab["state"], "another movie" in grab["message"]) == ("waiting", True)
    assert (await usenet.events())[-1] == "import_failed"
    (folder / "Copper.Valley.1987.1080p.BluRay.x264-GRP.mkv").rename(folder / "Iron.Meadow.2019.mkv")
    await cinema.post(f"queue/{grab['id']}/import", None, 200)
    await cinema.work()
    assert (await usenet.read())["status"] == "imported"
    await cinema.post(f"queue/{grab['id']}/import", None, 404)


@pytest.mark.asyncio
async def test_a_download_is_removed_by_hand(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    [grab] = (await cinema.get("queue"))["items"]
    await cinema.delete(f"queue/{grab['id']}", blocklist=True)
    assert usenet.sab.jobs == []
    assert (await cinema.get("queue"))["total"] == 0
    [entry] = (await cinema.get("blocklist"))["items"]
    assert (entry["title"], entry["movie_title"], entry["indexer"]) == (BEST, "Iron Meadow", "newznab")
    await usenet.search()
    [grab] = (await cinema.get("queue"))["items"]
    assert grab["title"] == SECOND
    await cinema.delete(f"blocklist/{entry['id']}")
    assert (await cinema.get("blocklist"))["total"] == 0


@pytest.mark.asyncio
async def test_a_refusing_client_and_dead_links_lead_to_the_next_release(cinema: Cinema, tmp_path: Path) -> None:
    dead = nzb("Iron.Meadow.2019.1080p.BluRay.x264-DEAD", content=b"", posted_at=NEWEST)
    html = nzb("Iron.Meadow.2019.1080p.BluRay.x264-PAGE", content=b"<html>log in</html>", posted_at=NEWEST)
    usenet = await Usenet.open(cinema, tmp_path, dead, html, nzb(SECOND))
    await usenet.search()
    assert await usenet.events() == ["searched", "grab_failed", "grab_failed", "grabbed"]
    assert usenet.job.name == SECOND


@pytest.mark.asyncio
async def test_a_chosen_release_is_grabbed_although_it_was_rejected(cinema: Cinema, tmp_path: Path) -> None:
    cam = nzb("Iron.Meadow.2019.CAM.x264-A")
    usenet = await Usenet.open(cinema, tmp_path, cam)
    await cinema.post(f"movies/{usenet.id}/releases", None, 202)
    await cinema.work()
    [release] = (await cinema.get(f"movies/{usenet.id}/releases"))["releases"]
    assert (release["approved"], release["quality"]) == (False, "CAM")
    assert usenet.sab.jobs == []
    grab = await cinema.post(f"movies/{usenet.id}/grab", {"release_id": release["id"]})
    assert (grab["title"], usenet.job.name) == (cam.title, cam.title)
    again = await cinema.post(f"movies/{usenet.id}/grab", {"release_id": release["id"]}, 409)
    assert "already" in again["error"]
    await cinema.post(f"movies/{usenet.id}/grab", {"release_id": 999}, 404)
