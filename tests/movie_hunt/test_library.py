"""The library: adding, finding, changing and deleting movies, searches by the clock, and feeds."""

from pathlib import Path
from typing import Any

import pytest

from tests.movie_hunt.cinema import Cinema
from tests.movie_hunt.usenet import BEST, SECOND, Usenet, nzb
from tests.simulator.newznab import IndexerSim
from tests.simulator.tmdb import KEY, SimMovie

RELEASED = SimMovie(1, "The Iron Meadow", imdb_id="tt0000001", dates=[(3, "2019-03-01"), (4, "2019-06-01")])
IN_CINEMAS = SimMovie(2, "Copper Valley", "2026-11-01", dates=[(3, "2026-11-01")])
ANNOUNCED = SimMovie(3, "Salt Road", "", dates=[])


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_movie_is_added_by_its_number(cinema: Cinema) -> None:
    folder = await cinema.add_root_folder()
    movie = await cinema.add_movie(RELEASED, tags=["kids"])
    assert (movie["title"], movie["year"], movie["imdb_id"], movie["runtime_minutes"]) == (
        "The Iron Meadow",
        2019,
        "tt0000001",
        100,
    )
    assert (movie["status"], movie["root_folder_id"], movie["tags"]) == ("missing", folder["id"], ["kids"])
    assert movie["digital_at"].startswith("2019-06-01")
    assert (await cinema.post("movies", {"tmdb_id": 1}, 409))["error"].startswith("This movie is in the library")
    await cinema.post("movies", {"tmdb_id": 99}, 404)
    assert (await cinema.get(f"movies/{movie['id']}")) == movie


@pytest.mark.asyncio
async def test_without_a_key_title_and_year_do(cinema: Cinema) -> None:
    await cinema.post("/api/settings/general", {"tmdb_api_key": None}, 200)
    assert "tmdb_api_key" in (await cinema.post("movies", {"tmdb_id": 1}, 409))["error"]
    await cinema.get("lookup", 409, query="iron")
    movie = await cinema.post("movies", {"title": "Iron Meadow", "year": 2019})
    assert (movie["tmdb_id"], movie["status"]) == (None, "missing")
    await cinema.post("movies", {"title": "Iron Meadow", "year": 2019}, 409)
    await cinema.post("movies", {"title": "Iron Meadow"}, 422)
    await cinema.post("movies", {"tmdb_id": 1, "title": "Iron Meadow"}, 422)
    await cinema.post("movies", {"title": "Future Meadow", "year": 2030})
    assert [each["status"] for each in (await cinema.get("movies"))["items"]] == ["unreleased", "missing"]


@pytest.mark.asyncio
async def test_the_key_of_tmdb_is_a_secret(cinema: Cinema) -> None:
    assert (await cinema.get("/api/settings/general"))["tmdb_api_key"] == "********"
    await cinema.post("/api/settings/general", {"tmdb_api_key": "********"}, 200)
    cinema.tmdb.movies[1] = RELEASED
    [found] = await cinema.get("lookup", query="meadow")
    assert (found["tmdb_id"], found["movie_id"]) == (1, None)
    movie = await cinema.post("movies", {"tmdb_id": 1})
    assert (await cinema.get("lookup", tmdb_id=1))[0]["movie_id"] == movie["id"]
    assert (await cinema.get("lookup", imdb_id="tt0000001"))[0]["title"] == "The Iron Meadow"
    assert await cinema.get("lookup", tmdb_id=77) == []
    assert KEY not in str(await cinema.get("/api/settings"))


@pytest.mark.parametrize(
    ("movie", "minimum", "status"),
    [
        (RELEASED, "released", "missing"),
        (IN_CINEMAS, "released", "unreleased"),
        (IN_CINEMAS, "in_cinemas", "missing"),
        (ANNOUNCED, "in_cinemas", "unreleased"),
        (ANNOUNCED, "announced", "missing"),
    ],
)
@pytest.mark.asyncio
async def test_a_movie_is_missing_once_it_is_available(
    cinema: Cinema, movie: SimMovie, minimum: str, status: str
) -> None:
    added = await cinema.add_movie(movie, minimum_availability=minimum)
    assert added["status"] == status
    changed = await cinema.patch(f"movies/{added['id']}", {"minimum_availability": "announced"})
    assert changed["status"] == "missing"


@pytest.mark.storage
@pytest.mark.asyncio
async def test_movies_are_filtered_and_sorted(cinema: Cinema) -> None:
    for movie in (RELEASED, IN_CINEMAS, ANNOUNCED):
        await cinema.add_movie(movie)
    await cinema.patch("movies/3", {"monitored": False})

    async def titles(**params: Any) -> list[str]:
        return [each["title"] for each in (await cinema.get("movies", **params))["items"]]

    assert await titles() == ["Copper Valley", "The Iron Meadow", "Salt Road"]
    assert await titles(sort="added_at") == ["Salt Road", "Copper Valley", "The Iron Meadow"]
    assert await titles(status="missing") == ["The Iron Meadow"]
    assert await titles(status="unreleased") == ["Copper Valley", "Salt Road"]
    assert await titles(monitored="false") == ["Salt Road"]
    assert await titles(search="IRON") == ["The Iron Meadow"]
    assert await titles(search="%") == []
    found = await cinema.get("movies", page=2, page_size=2)
    assert (found["total"], len(found["items"])) == (3, 1)
    assert (await cinema.get("/api/stats"))["movie_hunt"] == {
        "movies": 3,
        "missing": 1,
        "downloading": 0,
        "imported": 0,
    }


@pytest.mark.asyncio
async def test_a_movie_is_deleted_with_or_without_its_file(cinema: Cinema, tmp_path: Path) -> None:
    usenet = await Usenet.open(cinema, tmp_path)
    await usenet.search()
    usenet.sab.finish(usenet.job, usenet.downloaded(BEST, f"{BEST}.mkv"))
    movie = await usenet.look()
    folder = cinema.library / "Iron Meadow (2019)"
    assert [each.name for each in folder.iterdir()] == ["Iron Meadow (2019) Bluray-1080p.mkv"]
    await cinema.delete(f"movies/{usenet.id}", delete_files=True)
    assert list(cinema.library.iterdir()) == []
    await cinema.get(f"movies/{usenet.id}", 404)
    found = await cinema.get("history", tmdb_id=movie["tmdb_id"], event="deleted")
    assert [row["reason"] for row in found["items"]] == ["Its file was deleted too."]


@pytest.mark.asyncio
async def test_all_missing_movies_wait_for_their_turn_in_the_hour(cinema: Cinema, tmp_path: Path) -> None:
    await cinema.add_indexer(IndexerSim())
    await cinema.post("settings", {"searches_per_hour": 2}, 200)
    for number in range(1, 6):
        await cinema.add_movie(SimMovie(number, f"Movie {number}", dates=[(4, "2019-06-01")]))
    queued = await cinema.post("search", {"all_missing": True}, 202)
    assert (queued["queued"], len(queued["searches"])) == (5, 5)
    assert (await cinema.post("search", {"all_missing": True}, 202))["queued"] == 0
    await cinema.work()
    assert len((await cinema.get("movies", status="searching"))["items"]) == 3
    cinema.rig.clock.forward(minutes=61)
    await cinema.rig.container.movie_hunt.searches.start_due()
    await cinema.work()
    assert len((await cinema.get("movies", status="searching"))["items"]) == 1
    await cinema.post("search", {"movie_ids": [1, 99]}, 404)
    await cinema.post("search", {}, 422)


@pytest.mark.asyncio
async def test_a_movie_is_searched_again_by_the_clock_and_less_and_less_often(cinema: Cinema) -> None:
    sim = IndexerSim()
    await cinema.add_indexer(sim)
    movie = await cinema.add_movie(RELEASED)
    searches = cinema.rig.container.movie_hunt.searches

    async def tick() -> int:
        before = len(sim.searches)
        await searches.start_due()
        await cinema.work()
        return len(sim.searches) - before

    assert await tick() > 0
    assert await tick() == 0
    cinema.rig.clock.forward(hours=25)
    assert await tick() > 0
    cinema.rig.clock.forward(hours=25)
    assert await tick() == 0
    cinema.rig.clock.forward(hours=24)
    assert await tick() > 0
    await cinema.patch(f"movies/{movie['id']}", {"monitored": False})
    cinema.rig.clock.forward(days=40)
    assert await tick() == 0


@pytest.mark.asyncio
async def test_an_indexer_that_fails_rests_and_is_named(cinema: Cinema) -> None:
    sim = IndexerSim()
    made = await cinema.add_indexer(sim)
    movie = await cinema.add_movie(RELEASED)
    sim.answer = lambda _call: (503, "text/plain", b"")
    await cinema.post("search", {"movie_ids": [movie["id"]]}, 202)
    await cinema.work()
    search = (await cinema.get(f"movies/{movie['id']}/releases"))["search"]
    assert (search["status"], "torznab: The indexer answers with status 503." in search["message"]) == ("failed", True)
    assert (await cinema.get(f"indexers/{made['id']}"))["rest_until"] is not None
    calls = len(sim.calls)
    await cinema.post("search", {"movie_ids": [movie["id"]]}, 202)
    await cinema.work()
    assert len(sim.calls) == calls


@pytest.mark.storage
@pytest.mark.asyncio
async def test_the_newest_releases_fill_the_library_without_a_search(cinema: Cinema, tmp_path: Path) -> None:
    other = nzb("Something.Else.2001.1080p.BluRay.x264-X", tmdb_id=77, imdb_id=None)
    usenet = await Usenet.open(cinema, tmp_path, other)
    feeds = cinema.rig.container.movie_hunt.feeds
    assert await feeds.read() == 0
    assert await feeds.read() == 0
    assert len(usenet.indexer.searches) == 1
    usenet.indexer.releases += [nzb(SECOND), nzb(BEST), nzb("Iron.Meadow.2019.CAM.x264-X")]
    cinema.rig.clock.forward(minutes=16)
    assert await feeds.read() == 1
    assert usenet.job.name == BEST
    cinema.rig.clock.forward(minutes=16)
    assert await feeds.read() == 0
    assert usenet.indexer.searches == [{"t": "movie"}] * 3


@pytest.mark.asyncio
async def test_metadata_is_refreshed_while_dates_are_open(cinema: Cinema) -> None:
    movie = await cinema.add_movie(IN_CINEMAS)
    cinema.tmdb.movies[2] = SimMovie(2, "Copper Valley", "2026-11-01", dates=[(3, "2026-11-01"), (4, "2026-11-20")])
    await cinema.rig.container.movie_hunt.library.refresh_stale()
    assert (await cinema.get(f"movies/{movie['id']}"))["status"] == "unreleased"
    cinema.rig.clock.forward(hours=25)
    await cinema.rig.container.movie_hunt.library.refresh_stale()
    assert (await cinema.get(f"movies/{movie['id']}"))["status"] == "missing"


@pytest.mark.asyncio
async def test_the_action_of_schedules_searches_all_missing(cinema: Cinema) -> None:
    await cinema.add_movie(RELEASED)
    body = {"name": "Nightly", "action": "movie_hunt_search", "time": "03:00"}
    made = await cinema.post("/api/schedules", body)
    run = await cinema.post(f"/api/schedules/{made['id']}/run", None, 202)
    await cinema.work()
    [done] = [
        each for each in (await cinema.get(f"/api/schedules/{made['id']}/runs"))["items"] if each["id"] == run["id"]
    ]
    assert (done["status"], done["message"]) == ("completed", "1 movie queued for a search.")
