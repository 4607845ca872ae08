"""Movies of a simulated TMDB."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
import pytest_asyncio

from app.core.errors import NotFound
from app.http.client import HttpClient
from app.http.errors import HttpError
from app.tmdb.client import TmdbClient
from tests.simulator.hosting import serve
from tests.simulator.tmdb import KEY, SimMovie, TmdbSim

NOW = datetime(2026, 11, 26, tzinfo=UTC)
MOVIE = SimMovie(
    810001,
    "Iron Meadow",
    original_title="Eiserne Wiese",
    original_language="de",
    imdb_id="tt0810001",
    alternative_titles=["Prado de Hierro"],
    dates=[(3, "2019-03-01"), (3, "2019-02-01"), (4, "2019-06-01"), (5, "2019-07-01"), (1, "2018-12-01")],
)
UNKNOWN = SimMovie(810002, "Copper Valley", release_date="", runtime=0)


async def no_wait(_seconds: float) -> None:
    """Tries follow each other at once."""


@dataclass
class Tmdb:
    sim: TmdbSim
    client: TmdbClient


@pytest_asyncio.fixture
async def tmdb() -> AsyncIterator[Tmdb]:
    sim = TmdbSim(MOVIE, UNKNOWN)
    async with serve(sim) as url, HttpClient({"User-Agent": "tests"}, sleep=no_wait) as http:
        yield Tmdb(sim, TmdbClient(http, url, lambda: NOW))


@pytest.mark.asyncio
async def test_the_details_of_a_movie(tmdb: Tmdb) -> None:
    movie = await tmdb.client.get(KEY, 810001)
    assert (movie.title, movie.original_title, movie.original_language) == ("Iron Meadow", "Eiserne Wiese", "de")
    assert (movie.year, movie.imdb_id, movie.runtime_minutes) == (2019, "tt0810001", 100)
    assert (movie.alternative_titles, movie.genres) == (["Prado de Hierro"], ["Drama"])
    assert (movie.in_cinemas_on, movie.digital_on, movie.physical_on) == (
        date(2019, 2, 1),
        date(2019, 6, 1),
        date(2019, 7, 1),
    )
    assert movie.poster_url == "https://image.tmdb.org/t/p/w500/poster.jpg"


@pytest.mark.asyncio
async def test_what_tmdb_does_not_know_is_none(tmdb: Tmdb) -> None:
    movie = await tmdb.client.get(KEY, 810002)
    assert (movie.year, movie.runtime_minutes, movie.in_cinemas_on, movie.imdb_id) == (None, None, None, None)


@pytest.mark.asyncio
async def test_movies_are_found_by_title_and_number(tmdb: Tmdb) -> None:
    assert [each.tmdb_id for each in await tmdb.client.search(KEY, "meadow", 2019)] == [810001]
    assert [each.tmdb_id for each in await tmdb.client.find(KEY, "tt0810001")] == [810001]
    assert list(await tmdb.client.find(KEY, "tt0000001")) == []
    with pytest.raises(NotFound):
        await tmdb.client.get(KEY, 1)


@pytest.mark.asyncio
async def test_a_read_token_is_sent_as_a_header(tmdb: Tmdb) -> None:
    token = ".".join(("header", "payload" * 8, "signature"))
    assert (await tmdb.client.get(token, 810001)).tmdb_id == 810001


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthorized"), (429, "rate_limited"), (500, "server_error"), (302, "bad_response")]
)
@pytest.mark.asyncio
async def test_failures_have_a_sentence_without_the_key(tmdb: Tmdb, status: int, code: str) -> None:
    tmdb.sim.fault = status, {"Retry-After": "20"} if status == 429 else {}
    with pytest.raises(HttpError) as failure:
        await tmdb.client.get(KEY, 810001)
    assert failure.value.code.value == code
    assert KEY not in failure.value.message
    assert failure.value.retry_after == (timedelta(seconds=20) if status == 429 else None)


@pytest.mark.asyncio
async def test_a_key_that_cannot_be_one_is_not_sent(tmdb: Tmdb) -> None:
    with pytest.raises(HttpError):
        await tmdb.client.get("schlüssel", 810001)
    assert tmdb.sim.calls == []
