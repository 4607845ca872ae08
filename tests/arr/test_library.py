"""Reading seasons, owners, files, and files with too low scores."""

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import (
    AppType,
    Connection,
    FileFacts,
    LibraryStep,
    QualityProfile,
    SeasonFacts,
    Unit,
    Variant,
)
from tests.arr.conftest import ClientMaker
from tests.arr.scripted_app import CLIENTS, STAMP, WHEN, ScriptedApp, path_of

pytestmark = pytest.mark.asyncio

PAST, FUTURE = "2025-12-01T00:00:00Z", "2026-03-01T00:00:00Z"
V2, V3, LISTLESS = Variant.V2, Variant.V3, Variant.V3_LISTLESS
PROFILES = {
    1: QualityProfile(1, "Score", upgrade_allowed=True, cutoff_score=50),
    2: QualityProfile(2, "No upgrades", upgrade_allowed=False, cutoff_score=500),
    3: QualityProfile(3, "No score", upgrade_allowed=True, cutoff_score=0),
    4: QualityProfile(4, "Low", upgrade_allowed=True, cutoff_score=10),
}


async def none_known(_ids: Sequence[int]) -> Collection[int]:
    return ()


def file(number: int, score: int = 0, *, unmet: bool = False) -> dict[str, Any]:
    name = {"quality": {"name": f"Q{number}"}}
    return {"id": number, "customFormatScore": score, "qualityCutoffNotMet": unmet, "quality": name}


# --- seasons and owners ---------------------------------------------------------------------------------------------


def episodes(*facts: tuple[bool, str | None, bool], date: str = "airDateUtc") -> list[dict[str, Any]]:
    return [
        {"id": n, "seriesId": 3, "seasonNumber": 1, "monitored": monitored, date: at, "hasFile": has_file}
        for n, (monitored, at, has_file) in enumerate(facts, 1)
    ]


@pytest.mark.parametrize(
    ("listed", "facts"),
    [
        ([], SeasonFacts(0, 0, ended=True)),
        ([(True, PAST, True), (True, PAST, False), (True, STAMP, False)], SeasonFacts(3, 1, ended=True, monitored=3)),
        ([(True, PAST, False), (True, FUTURE, False)], SeasonFacts(1, 0, ended=False, monitored=1)),
        ([(True, PAST, False), (True, None, False)], SeasonFacts(1, 0, ended=False, monitored=1)),
        (
            [(True, PAST, False), (False, FUTURE, False), (False, None, False)],
            SeasonFacts(1, 0, ended=True, monitored=1),
        ),
        ([(False, PAST, False), (False, PAST, True), (True, FUTURE, True)], SeasonFacts(2, 2, ended=False)),
    ],
)
@pytest.mark.parametrize(("app_type", "variant"), [(AppType.SONARR, None), (AppType.WHISPARR, V2)])
async def test_a_season(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    listed: list[tuple[bool, str | None, bool]],
    facts: SeasonFacts,
) -> None:
    app.replies_with([*episodes(*listed, date="releaseDate" if variant else "airDateUtc"), None, {}])
    assert await client_of(app_type, variant).season(3, 1, now=WHEN) == facts
    assert app.paths == ["episode"]
    assert app.query == {"seriesId": "3", "seasonNumber": "1"}


async def test_a_season_was_searched_when_one_of_its_episodes_was(app: ScriptedApp, sonarr: ArrClient) -> None:
    listed = episodes((True, PAST, True), (False, PAST, False), (True, PAST, False))
    app.replies_with([listed[0] | {"lastSearchTime": PAST}, listed[1] | {"lastSearchTime": STAMP}, listed[2]])
    assert (await sonarr.season(3, 0, now=WHEN + timedelta(days=1))).last_search_at == WHEN


@pytest.mark.parametrize(
    ("app_type", "variant", "path", "record", "extent"),
    [
        (
            *(AppType.SONARR, None, "series/3"),
            {"seasons": [{"seasonNumber": n, "monitored": n != 1} for n in range(4)]},
            3,
        ),
        (AppType.SONARR, None, "series/3", {"seasons": [{"monitored": False}, None, "x"]}, 1),
        (AppType.WHISPARR, V2, "series/3", {"seasons": [{"seasonNumber": 2024, "monitored": True}] * 5}, 5),
        (AppType.LIDARR, None, "artist/3", {"statistics": {"albumCount": 12, "trackCount": 90}}, 12),
        (AppType.LIDARR, None, "artist/3", {"statistics": {"albumCount": 0}}, 1),
        (AppType.READARR, None, "author/3", {"statistics": {"bookCount": 7}}, 7),
        (AppType.READARR, None, "author/3", {}, 1),
    ],
)
async def test_how_much_an_owner_covers(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    path: str,
    record: dict[str, Any],
    extent: int,
) -> None:
    app.replies_with({"id": 3, "title": "Somebody", "monitored": True, **record})
    assert (await client_of(app_type, variant).owner_facts(3)).extent == extent
    assert app.paths == [path]


@pytest.mark.parametrize("made", CLIENTS)
async def test_what_an_app_does_not_have_is_not_asked_for(
    app: ScriptedApp, app_http: ArrHttp, made: type[ArrClient]
) -> None:
    client = made(app_http, Connection("http://app.test", "key"))
    refused: list[Awaitable[object]] = []
    if not made.has_seasons:
        refused.append(client.season(1, 1, now=WHEN))
    if made.owner is None:
        refused.append(client.owner_facts(1))
    if not made.has_scores:
        refused.append(client.upgradable(1, profiles=PROFILES, budget=3, known_items=none_known))
    if made.has_wanted:
        refused.append(client.library())
    for call in refused:
        with pytest.raises(ArrError) as caught:
            await call
        assert (caught.value.code, caught.value.may_have_reached) == (ErrorCode.REFUSED, False)
    assert app.requests == []


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app_type", "variant", "path", "key"),
    [
        (AppType.RADARR, None, "moviefile", "movieId"),
        (AppType.WHISPARR, V3, "moviefile", "movieId"),
        (AppType.WHISPARR, LISTLESS, "moviefile", "movieId"),
        (AppType.LIDARR, None, "trackfile", "albumId"),
        (AppType.READARR, None, "bookfile", "bookId"),
    ],
)
async def test_files_by_item(
    app: ScriptedApp, client_of: ClientMaker, app_type: AppType, variant: Variant | None, path: str, key: str
) -> None:
    client = client_of(app_type, variant)
    listed = [file(72, 5) | {key: 7}, file(71, -5) | {key: 7}, file(70, 9, unmet=True) | {key: 7}]
    app.replies_with([*listed, file(80) | {key: 8}, {"id": 81}, {key: 9}, None])
    found = await client.files([7, 8, 9])
    assert found == {
        7: FileFacts(70, "Q71", -5, cutoff_met=False),
        8: FileFacts(80, "Q80", 0, cutoff_met=True),
    }
    assert app.paths == [path]
    assert app.last.url.query.decode() == f"{key}=7&{key}=8&{key}=9"
    assert await client.files([]) == {}
    assert len(app.requests) == 1


async def test_files_without_scores(app: ScriptedApp, client_of: ClientMaker) -> None:
    listed = [{"id": 72, "bookId": 7, "qualityCutoffNotMet": False}, {"id": 71, "bookId": 7}]
    app.replies_with(listed)
    assert await client_of(AppType.READARR, None).files([7]) == {7: FileFacts(71, None, None, None)}


async def test_files_of_episodes_at_sonarr(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with([{"id": 1, "episodeFile": file(70, 5)}, {"id": 2, "episodeFile": file(70, 5)}, {"id": 3}])
    assert await sonarr.files([1, 2, 3]) == dict.fromkeys((1, 2), FileFacts(70, "Q70", 5, cutoff_met=True))
    assert app.paths == ["episode"]
    assert app.last.url.query.decode() == "episodeIds=1&episodeIds=2&episodeIds=3&includeEpisodeFile=true"
    assert await sonarr.files([]) == {}


async def test_files_of_episodes_at_whisparr(app: ScriptedApp, client_of: ClientMaker) -> None:
    listed = [{"id": 1, "episodeFileId": 70}, {"id": 2, "episodeFileId": 0}, {"id": 3, "episodeFileId": 71}]
    app.serves({"episode": listed, "episodefile": [file(70, 5)]})
    client = client_of(AppType.WHISPARR, V2)
    assert await client.files([1, 2, 3]) == {1: FileFacts(70, "Q70", 5, cutoff_met=True)}
    assert [request.url.query.decode() for request in app.requests] == [
        "episodeIds=1&episodeIds=2&episodeIds=3",
        "episodeFileIds=70&episodeFileIds=71",
    ]
    app.serves({"episode": listed[1:2]})
    assert await client.files([2]) == {}


# --- the walk for too low scores ------------------------------------------------------------------------------------


def owner(**change: object) -> dict[str, Any]:
    return {"id": 6, "monitored": True, "qualityProfileId": 1, "tags": [9], "added": STAMP, **change}


LOW, UNMET, HIGH, EXACT = file(70, 10), file(71, 10, unmet=True), file(72, 60), file(73, 50)


def held(number: int, found: dict[str, Any] | None, **change: object) -> dict[str, Any]:
    return {"id": number, "seriesId": 6, "title": "Chapter", "monitored": True, "hasFile": found is not None, **change}


SHELF = [(1, LOW, {}), (2, UNMET, {}), (3, HIGH, {}), (4, EXACT, {}), (5, None, {}), (6, LOW, {"monitored": False})]


async def step_of(client: ArrClient, first_id: int = 6, budget: int = 3) -> LibraryStep:
    return await client.upgradable(first_id, profiles=PROFILES, budget=budget, known_items=none_known)


async def test_a_series_of_sonarr(app: ScriptedApp, sonarr: ArrClient) -> None:
    listed = [held(n, found, **change) | ({"episodeFile": found} if found else {}) for n, found, change in SHELF]
    app.serves({"series/6": owner(title="Ledger"), "episode": listed})
    step = await step_of(sonarr)
    assert (step.next_id, step.requests, step.is_empty) == (7, 2, False)
    (found,) = step.items
    assert (found.item.item_id, found.score, found.cutoff_score, found.gap) == (1, 10, 50, 40)
    assert (found.item.title, found.item.unit, found.item.monitored) == ("Ledger - Chapter", Unit.EPISODE, True)
    assert (found.item.tag_ids, found.item.quality_profile_id, found.item.added_at) == (frozenset({9}), 1, WHEN)
    assert found.item.file == FileFacts(70, "Q70", 10, cutoff_met=True)
    assert app.query == {"seriesId": "6", "includeEpisodeFile": "true"}


async def test_a_series_of_whisparr(app: ScriptedApp, client_of: ClientMaker) -> None:
    listed = [held(n, found, **change) | {"episodeFileId": found["id"] if found else 0} for n, found, change in SHELF]
    app.serves({"series/6": owner(title="Site"), "episode": listed, "episodefile": [LOW, UNMET, HIGH, EXACT]})
    step = await step_of(client_of(AppType.WHISPARR, V2))
    assert [upgrade.item.item_id for upgrade in step.items] == [1]
    assert (step.next_id, step.requests) == (7, 3)
    assert [request.url.query.decode() for request in app.requests] == ["", "seriesId=6", "seriesId=6"]


async def test_an_artist_whose_albums_are_as_good_as_their_worst_file(app: ScriptedApp, client_of: ClientMaker) -> None:
    files = [LOW | {"albumId": 1}, HIGH | {"id": 90, "albumId": 1}, HIGH | {"albumId": 2}, UNMET | {"albumId": 3}]
    albums = [{"id": n, "artistId": 6, "title": f"Album {n}", "monitored": True} for n in range(1, 5)]
    app.serves({"artist/6": owner(artistName="Low Tide"), "trackfile": files, "album": albums})
    step = await step_of(client_of(AppType.LIDARR, None))
    assert [(upgrade.item.item_id, upgrade.item.title, upgrade.score) for upgrade in step.items] == [
        (1, "Low Tide - Album 1", 10)
    ]
    assert step.items[0].item.file == FileFacts(70, "Q70", 10, cutoff_met=True)
    assert (step.next_id, step.requests) == (7, 3)
    assert [request.url.query.decode() for request in app.requests] == ["", "artistId=6", "artistId=6"]
    app.serves({"artist/6": owner(), "trackfile": files[2:]})
    assert await step_of(client_of(AppType.LIDARR, None)) == LibraryStep((), 7, requests=2)


@pytest.mark.parametrize("change", [{"monitored": False}, *({"qualityProfileId": each} for each in (2, 3, 99, None))])
@pytest.mark.parametrize(
    ("app_type", "variant", "path"),
    [(AppType.SONARR, None, "series/6"), (AppType.WHISPARR, V2, "series/6"), (AppType.LIDARR, None, "artist/6")],
)
async def test_an_owner_that_wants_nothing_better_costs_one_request(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    path: str,
    change: dict[str, object],
) -> None:
    app.serves({path: owner(**change)})
    assert await step_of(client_of(app_type, variant)) == LibraryStep((), 7, requests=1)
    app.serves({})
    assert await step_of(client_of(app_type, variant)) == LibraryStep((), 7, requests=1, is_empty=True)
    app.answer = lambda _request: httpx.Response(401)
    with pytest.raises(ArrError):
        await step_of(client_of(app_type, variant))


MOVIE = {"title": "Harbour", "monitored": True, "qualityProfileId": 1}
MOVIES: list[tuple[AppType, Variant | None]] = [
    (AppType.RADARR, None),
    (AppType.WHISPARR, V3),
    (AppType.WHISPARR, LISTLESS),
]
FILES = [
    *(LOW | {"movieId": 130}, LOW | {"movieId": 110}, UNMET | {"movieId": 111}, HIGH | {"movieId": 112}),
    *(LOW | {"movieId": 113}, LOW | {"movieId": 114}, LOW | {"movieId": 115}, LOW | {"movieId": 116}),
]


@pytest.mark.parametrize(
    ("app_type", "variant"), [(AppType.RADARR, None), (AppType.WHISPARR, V3), (AppType.WHISPARR, LISTLESS)]
)
async def test_movies_by_the_hundred(
    app: ScriptedApp, client_of: ClientMaker, app_type: AppType, variant: Variant | None
) -> None:
    asked: list[list[int]] = []

    async def known(ids: Sequence[int]) -> Collection[int]:
        asked.append([*ids])
        return {115}

    app.serves(
        {
            "moviefile": FILES,
            "movie/110": MOVIE | {"id": 110},
            "movie/113": MOVIE | {"id": 113, "monitored": False},
            "movie/114": MOVIE | {"id": 114, "qualityProfileId": 4},  # 10 is all that it wants; 116 is gone
            "movie/130": MOVIE | {"id": 130},
        }
    )
    client = client_of(app_type, variant)
    step = await client.upgradable(101, profiles=PROFILES, budget=20, known_items=known)
    assert [(upgrade.item.item_id, upgrade.score, upgrade.cutoff_score) for upgrade in step.items] == [
        (110, 10, 50),
        (130, 10, 50),
    ]
    assert step.items[0].item.file == FileFacts(70, "Q70", 10, cutoff_met=True)
    assert (step.next_id, step.requests, step.is_empty) == (201, 6, False)
    assert asked == [[110, 113, 114, 115, 116, 130]]
    assert app.paths == ["moviefile", *(f"movie/{n}" for n in (110, 113, 114, 116, 130))]
    assert app.requests[0].url.params.get_list("movieId") == [str(n) for n in range(101, 201)]
    assert len(app.requests[0].url.query) < 2000


async def test_a_spent_budget_ends_the_step_where_the_next_one_goes_on(app: ScriptedApp, radarr: ArrClient) -> None:
    movies = {f"movie/{n}": MOVIE | {"id": n} for n in (110, 113, 114, 115, 116, 130)}
    files = {n["movieId"]: n for n in FILES}

    def answer(request: httpx.Request) -> httpx.Response:
        asked = [int(n) for n in request.url.params.get_list("movieId")]
        path = path_of(request)
        return httpx.Response(200, json=movies.get(path) or [files[n] for n in asked if n in files])

    app.answer = answer
    found, first_id, steps = [], 101, 0
    while first_id < 201:
        step = await step_of(radarr, first_id, budget=3)
        assert step.requests <= 3
        assert step.next_id > first_id
        found += [upgrade.item.item_id for upgrade in step.items]
        first_id, steps = step.next_id, steps + 1
    assert found == [110, 113, 114, 115, 116, 130]
    assert (steps, app.paths.count("moviefile")) == (3, 3)


async def test_movies_that_no_profile_wants_better(app: ScriptedApp, radarr: ArrClient) -> None:
    app.serves({"moviefile": FILES})
    profiles = {number: PROFILES[number] for number in (2, 3)}
    step = await radarr.upgradable(1, profiles=profiles, budget=3, known_items=none_known)
    assert step == LibraryStep((), 101, requests=1)
    app.replies_with([])
    assert await step_of(radarr, 1) == LibraryStep((), 101, requests=1, is_empty=True)


# --- an app without lists -------------------------------------------------------------------------------------------


async def test_the_library_of_an_app_without_lists(app: ScriptedApp, client_of: ClientMaker) -> None:
    scene = MOVIE | {"releaseDate": "2026-01-02", "isAvailable": True, "studioTitle": "House", "tags": [1]}
    app.replies_with(
        [
            scene | {"id": 1, "hasFile": False},
            scene | {"id": 2, "hasFile": True, "movieFile": file(70, unmet=True)},
            scene | {"id": 3, "hasFile": True, "movieFile": file(71)},
            scene | {"id": 4, "hasFile": True},
            scene | {"id": 5, "monitored": False},
            {"title": "no id"},
            None,
        ]
    )
    movies = await client_of(AppType.WHISPARR, LISTLESS).library()
    assert [(movie.item.item_id, movie.has_file, movie.cutoff_met) for movie in movies] == [
        (1, False, None),
        (2, True, False),
        (3, True, True),
        (4, True, None),
    ]
    first = movies[0].item
    assert (first.title, first.available, first.owner_title) == ("House - Harbour", True, "House")
    assert first.dates.released == WHEN.replace(hour=0, minute=0, second=0)
    assert replace(first, item_id=3) == movies[2].item
    assert app.paths == ["movie"]
    assert app.query == {"excludeLocalCovers": "true"}


async def test_a_library_may_be_larger_than_any_other_answer(app: ScriptedApp, client_of: ClientMaker) -> None:
    app.replies_with([MOVIE | {"id": n, "overview": "x" * 100_000} for n in range(1, 251)])
    client = client_of(AppType.WHISPARR, LISTLESS)
    assert len(await client.library()) == 250
    with pytest.raises(ArrError, match="larger than 20 MB"):
        await client.quality_profiles()
