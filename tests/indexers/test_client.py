"""Searches at a simulated indexer: what is asked, in which order, and what each failure is called."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from app.http.client import HttpClient
from app.http.errors import HttpError
from app.indexers.client import SECONDS_BETWEEN_CALLS, IndexerClient
from app.indexers.models import IndexerConnection, IndexerKind, MovieQuery, Protocol
from app.indexers.resting import LADDER, rest_after
from tests.simulator.hosting import serve
from tests.simulator.newznab import KEY, IndexerSim, SimRelease

NOW = datetime(2026, 11, 26, tzinfo=UTC)
QUERY = MovieQuery("Iron & Meadow", 2019, "Eiserne Wiese", 810001, "tt0810001")


@dataclass
class Timer:
    """Seconds that pass only when somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Asked:
    sim: IndexerSim
    connection: IndexerConnection
    client: IndexerClient
    timer: Timer


@pytest_asyncio.fixture
async def asked() -> AsyncIterator[Asked]:
    sim, timer = IndexerSim("torznab"), Timer()
    async with serve(sim) as url, HttpClient({"User-Agent": "tests"}) as http:
        client = IndexerClient(http, lambda: NOW, sleep=timer.sleep, timer=timer)
        connection = IndexerConnection(IndexerKind.TORZNAB, "Nyx", url, api_key=KEY)
        yield Asked(sim, connection, client, timer)


def of_movie(title: str, **fields: object) -> SimRelease:
    return SimRelease(title, tmdb_id=810001, imdb_id="tt0810001", **fields)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_numbers_are_asked_for_together_and_text_is_not(asked: Asked) -> None:
    asked.sim.releases = [of_movie("Iron.Meadow.2019.1080p.BluRay.x264-A")]
    able = await asked.client.capabilities(asked.connection)
    found = await asked.client.search(asked.connection, able, QUERY)
    assert ([each.title for each in found.releases], found.by_id, found.requests) == (
        ["Iron.Meadow.2019.1080p.BluRay.x264-A"],
        True,
        1,
    )
    assert asked.sim.searches == [{"t": "movie", "tmdbid": "810001", "imdbid": "0810001"}]
    [release] = found.releases
    assert (release.protocol, release.tmdb_id, release.imdb_id, release.seeders) == (
        Protocol.TORRENT,
        810001,
        "tt0810001",
        20,
    )


@pytest.mark.asyncio
async def test_titles_follow_where_numbers_find_nothing(asked: Asked) -> None:
    able = await asked.client.capabilities(asked.connection)
    found = await asked.client.search(asked.connection, able, QUERY)
    assert (list(found.releases), found.requests) == ([], 3)
    assert [each.get("q") for each in asked.sim.searches] == [None, "Iron and Meadow 2019", "Eiserne Wiese 2019"]


@pytest.mark.asyncio
async def test_an_indexer_without_movie_search_gets_text(asked: Asked) -> None:
    asked.sim.movie_params = ""
    asked.sim.releases = [SimRelease("Iron and Meadow 2019 1080p")]
    able = await asked.client.capabilities(asked.connection)
    found = await asked.client.search(asked.connection, able, QUERY)
    assert (len(found.releases), found.by_id) == (1, False)
    assert asked.sim.searches == [{"t": "search", "q": "Iron and Meadow 2019"}]


@pytest.mark.asyncio
async def test_another_page_follows_only_a_full_one(asked: Asked) -> None:
    asked.sim.page_size = 10
    asked.sim.releases = [of_movie(f"Iron.Meadow.2019.1080p.BluRay.x264-G{number}") for number in range(25)]
    able = await asked.client.capabilities(asked.connection)
    found = await asked.client.search(asked.connection, able, QUERY)
    assert (len(found.releases), found.requests) == (25, 3)
    asked.sim.releases = asked.sim.releases * 4
    assert (await asked.client.search(asked.connection, able, QUERY)).requests == 3


@pytest.mark.asyncio
async def test_calls_to_one_host_are_spaced(asked: Asked) -> None:
    able = await asked.client.capabilities(asked.connection)
    await asked.client.recent(asked.connection, able)
    await asked.client.recent(asked.connection, able)
    assert asked.timer.slept == [SECONDS_BETWEEN_CALLS] * 2


@pytest.mark.asyncio
async def test_a_wrong_key_is_noticed_by_a_test(asked: Asked) -> None:
    assert (await asked.client.test(asked.connection)).movie_search_params == {"q", "imdbid", "tmdbid"}
    with pytest.raises(HttpError) as refused:
        await asked.client.test(replace(asked.connection, api_key="wrong"))
    assert refused.value.code.value == "wrong_key"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b'<error code="100" description="no"/>', "wrong_key"),
        (200, b'<error code="500" description="Request limit reached"/>', "limit_reached"),
        (200, b'<error code="910" description="Request limit reached"/>', "limit_reached"),
        (200, b'<error code="201" description="Incorrect parameter"/>', "indexer_error"),
        (200, b'<error code="203" description="Function not available"/>', "not_supported"),
        (200, b"<html><body>log in</body></html>", "not_an_indexer"),
        (200, b"<!DOCTYPE html><p>", "not_an_indexer"),
        (200, b"<rss><channel>", "bad_xml"),
        (200, b'{"json": 1}', "bad_xml"),
        (200, b"", "bad_xml"),
        (200, b'<!DOCTYPE x [<!ENTITY a "b">]><rss>&a;</rss>', "bad_xml"),
        (401, b"", "wrong_key"),
        (404, b"", "not_an_indexer"),
        (429, b"", "limit_reached"),
        (503, b"", "server_error"),
        (302, b"http://elsewhere/", "not_an_indexer"),
    ],
)
@pytest.mark.asyncio
async def test_each_failure_has_its_name_and_no_key_in_it(asked: Asked, status: int, body: bytes, code: str) -> None:
    able = await asked.client.capabilities(asked.connection)
    asked.sim.answer = lambda _call: (status, "application/xml", body)
    with pytest.raises(HttpError) as failure:
        await asked.client.search(asked.connection, able, QUERY)
    assert failure.value.code.value == code
    assert failure.value.message.endswith(".")
    assert KEY not in failure.value.message


@pytest.mark.asyncio
async def test_an_indexer_that_wants_a_rest_gets_it(asked: Asked) -> None:
    able = await asked.client.capabilities(asked.connection)
    asked.sim.answer = lambda _call: (429, "text/plain", b"")
    asked.sim.headers = {"Retry-After": "600"}
    with pytest.raises(HttpError) as failure:
        await asked.client.recent(asked.connection, able)
    assert rest_after(failure.value, 1) == timedelta(minutes=10)
    asked.sim.headers = {}
    with pytest.raises(HttpError) as failure:
        await asked.client.recent(asked.connection, able)
    assert rest_after(failure.value, 1) == timedelta(hours=1)


@pytest.mark.asyncio
async def test_failures_rest_longer_each_time(asked: Asked) -> None:
    able = await asked.client.capabilities(asked.connection)
    asked.sim.answer = lambda _call: (500, "text/plain", b"")
    with pytest.raises(HttpError) as failure:
        await asked.client.recent(asked.connection, able)
    assert [rest_after(failure.value, number) for number in range(1, len(LADDER) + 3)] == [
        *LADDER,
        LADDER[-1],
        LADDER[-1],
    ]


@pytest.mark.asyncio
async def test_what_stands_behind_a_link(asked: Asked) -> None:
    magnet = "magnet:?xt=urn:btih:" + "a" * 40
    asked.sim.releases = [
        SimRelease("file", content=b"d4:infode"),
        SimRelease("redirect", redirect="/dl/0"),
        SimRelease("to magnet", redirect=magnet),
        SimRelease("gone"),
        SimRelease("page", content=b"<!DOCTYPE html><html>"),
        SimRelease("error", content=b'<error code="501" description="Download limit reached"/>'),
        SimRelease("round", redirect="/dl/6"),
    ]
    fetched = [await asked.client.fetch(asked.connection, f"{asked.connection.url}/dl/{number}") for number in range(3)]
    assert [(each.content, each.magnet) for each in fetched] == [
        (b"d4:infode", None),
        (b"d4:infode", None),
        (None, magnet),
    ]
    assert (await asked.client.fetch(asked.connection, magnet)).magnet == magnet
    for number, code in ((3, "not_an_indexer"), (4, "bad_release"), (5, "limit_reached"), (6, "bad_release")):
        with pytest.raises(HttpError) as failure:
            await asked.client.fetch(asked.connection, f"{asked.connection.url}/dl/{number}")
        assert failure.value.code.value == code
    with pytest.raises(HttpError):
        await asked.client.fetch(asked.connection, "file:///etc/passwd")


@pytest.mark.asyncio
async def test_limits_of_the_indexer_are_read(asked: Asked) -> None:
    asked.sim.api_limits = 'apiCurrent="95" apiMax="100" grabCurrent="3" grabMax="10"'
    able = await asked.client.capabilities(asked.connection)
    found = await asked.client.recent(asked.connection, able)
    assert (found.limits.requests_left, found.limits.grabs_left) == (5, 7)
