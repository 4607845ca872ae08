"""The clients: what they ask, and how whatever comes back becomes our values."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from json import dumps
from typing import TypeAlias

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from app.arr.base import MAX_QUEUE_PAGES, ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import (
    AppStatus,
    AppType,
    Command,
    CommandStatus,
    Connection,
    Database,
    HuntPass,
    Mode,
    QualityProfile,
    QueueRow,
    ReleaseDates,
    SearchTarget,
    SortKey,
    Unit,
    WantedItem,
)
from app.arr.readings import read_all
from app.arr.registry import REGISTRY, make_client

pytestmark = pytest.mark.asyncio

Answerer: TypeAlias = Callable[[httpx.Request], httpx.Response]
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAMP = "2026-01-02T03:04:05Z"


class App:
    """An app that gives the answers it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answer: Answerer = lambda _request: httpx.Response(404)

    def says(self, *replies: object, status: int = 200) -> None:
        left = [dumps(reply).encode() for reply in replies]
        kind = {"content-type": "application/json; charset=utf-8"}

        def answer(_request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, content=left.pop(0) if len(left) > 1 else left[0], headers=kind)

        self.answer = answer

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request)

    @property
    def last(self) -> httpx.Request:
        return self.asked[-1]

    @property
    def query(self) -> dict[str, str]:
        return dict(self.last.url.params)


@pytest.fixture
def app() -> App:
    return App()


@pytest_asyncio.fixture
async def http(app: App) -> AsyncIterator[ArrHttp]:
    async def no_wait(_seconds: float) -> None: ...

    async with ArrHttp("1", transport=httpx.MockTransport(app.handle), sleep=no_wait) as door:
        yield door


@pytest.fixture
def sonarr(http: ArrHttp) -> ArrClient:
    return make_client(AppType.SONARR, http, Connection("http://app.test/tv", "key"))


@pytest.fixture
def radarr(http: ArrHttp) -> ArrClient:
    return make_client(AppType.RADARR, http, Connection("http://app.test", "key"))


def page(*records: object, total: int | None = None, number: int = 1) -> dict[str, object]:
    return {"page": number, "totalRecords": len(records) if total is None else total, "records": list(records)}


async def first(client: ArrClient, sort: SortKey = SortKey.LAST_SEARCH) -> tuple[WantedItem, ...]:
    return (await client.wanted(HuntPass.MISSING, sort=sort, descending=False, page=1, page_size=20)).items


CLIENTS = [client for spec in REGISTRY.values() for client in spec.clients.values()]


@pytest.mark.parametrize("app_type", AppType)
async def test_every_app_is_registered_with_what_it_can_do(app_type: AppType) -> None:
    spec = REGISTRY[app_type]
    assert spec.app_type is app_type
    assert spec.prefix.startswith("/api/v")
    assert {str(mode) for mode in spec.modes} - {"auto"} == {str(unit) for unit in spec.units}
    assert (len(spec.variants) > 1) is (None not in spec.clients)
    for variant, client in spec.clients.items():
        facts = (client.app_type, client.app_name, client.prefix, client.default_port, client.variant)
        assert facts == (app_type, spec.label, spec.prefix, spec.default_port, variant)


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_is_said_of_a_client_is_of_one_piece(client: type[ArrClient]) -> None:
    units = {client.item, client.owner, Unit.SEASON if client.has_seasons else None} - {None}
    assert client.units == units == set(client.searches)
    assert client.modes[0] is Mode.AUTO
    assert {str(mode) for mode in client.modes[1:]} == {str(unit) for unit in units}
    told = {SortKey.RELEASED} | ({SortKey.LAST_SEARCH} if client.tells_last_search else set())
    assert set(client.sort_keys) == (told if client.has_wanted else set())


async def test_status(app: App, sonarr: ArrClient) -> None:
    app.says({"appName": "Sonarr", "version": "4.0.19.2979", "databaseType": "postgreSQL", "urlBase": "/tv", "new": 1})
    assert await sonarr.status() == AppStatus("Sonarr", "4.0.19.2979", Database.POSTGRESQL, "/tv")
    assert app.last.url.path == "/tv/api/v3/system/status"
    app.says({"appName": "Sonarr", "version": "3.0"})
    assert await sonarr.status() == AppStatus("Sonarr", "3.0", Database.SQLITE, "")


@pytest.mark.parametrize("reply", [[], "x", None, 5, {}, {"appName": None, "version": 4}, {"appName": "Sonarr"}])
async def test_what_is_no_status(app: App, sonarr: ArrClient, reply: object) -> None:
    app.says(reply)
    with pytest.raises(ArrError) as caught:
        await sonarr.status()
    assert caught.value.code is ErrorCode.BAD_RESPONSE


SERIES = {
    "title": "The Quiet Ledger",
    "monitored": True,
    "tags": [2, 1],
    "qualityProfileId": 4,
    "added": "2020-05-01T00:00:00Z",
}
EPISODE = {
    "id": 7,
    "seriesId": 3,
    "seasonNumber": 1,
    "episodeNumber": 2,
    "title": "Chapter",
    "monitored": True,
    "airDateUtc": STAMP,
    "lastSearchTime": STAMP,
    "series": SERIES,
}


async def test_a_wanted_episode(app: App, sonarr: ArrClient) -> None:
    app.says(page(EPISODE, total=99))
    found = await sonarr.wanted(HuntPass.CUTOFF, sort=SortKey.RELEASED, descending=True, page=3, page_size=50)
    assert (found.total, found.skipped) == (99, 0)
    assert found.items == (
        WantedItem(
            item_id=7,
            title="The Quiet Ledger - S01E02 - Chapter",
            unit=Unit.EPISODE,
            monitored=True,
            dates=ReleaseDates(released=WHEN),
            added_at=datetime(2020, 5, 1, tzinfo=UTC),
            last_search_at=WHEN,
            owner_id=3,
            owner_title="The Quiet Ledger",
            season=1,
            tag_ids=frozenset({1, 2}),
            quality_profile_id=4,
        ),
    )
    assert app.last.url.path == "/tv/api/v3/wanted/cutoff"
    assert app.query == {
        "page": "3",
        "pageSize": "50",
        "sortKey": "episodes.airDateUtc",
        "sortDirection": "descending",
        "monitored": "true",
        "includeSeries": "true",
        "includeEpisodeFile": "true",
    }


@pytest.mark.parametrize(
    ("episode", "series", "monitored"),
    [(True, True, True), (True, False, False), (False, True, False), (None, True, False)],
)
async def test_an_episode_is_monitored_when_it_and_its_series_are(
    app: App, sonarr: ArrClient, episode: bool | None, *, series: bool, monitored: bool
) -> None:
    app.says(page(EPISODE | {"monitored": episode, "series": SERIES | {"monitored": series}}))
    assert [item.monitored for item in await first(sonarr)] == [monitored]


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({}, "The Quiet Ledger - S01E02 - Chapter"),
        ({"seasonNumber": 12, "episodeNumber": 345}, "The Quiet Ledger - S12E345 - Chapter"),
        ({"title": None}, "The Quiet Ledger - S01E02"),
        ({"episodeNumber": None}, "The Quiet Ledger - Chapter"),
        ({"series": None}, "S01E02 - Chapter"),
        ({"series": None, "title": "", "episodeNumber": "x"}, "Episode 7"),
        ({"title": "a\x00b\n c"}, "The Quiet Ledger - S01E02 - a b c"),
        ({"title": "x" * 5000}, "The Quiet Ledger - S01E02 - " + "x" * 300),
    ],
)
async def test_titles_of_episodes(app: App, sonarr: ArrClient, change: dict[str, object], title: str) -> None:
    app.says(page(EPISODE | change))
    assert [item.title for item in await first(sonarr)] == [title]


MOVIE = {
    "id": 9,
    "title": "Harbour",
    "year": 1999,
    "monitored": True,
    "isAvailable": False,
    "inCinemas": STAMP,
    "digitalRelease": "2026-02-01T00:00:00Z",
    "added": STAMP,
    "tags": [],
    "qualityProfileId": 1,
}


async def test_a_wanted_movie(app: App, radarr: ArrClient) -> None:
    app.says(page(MOVIE))
    assert await first(radarr) == (
        WantedItem(
            item_id=9,
            title="Harbour (1999)",
            unit=Unit.MOVIE,
            monitored=True,
            dates=ReleaseDates(cinema=WHEN, digital=datetime(2026, 2, 1, tzinfo=UTC)),
            available=False,
            added_at=WHEN,
            quality_profile_id=1,
        ),
    )
    assert app.query["sortKey"] == "movies.lastSearchTime"
    assert app.query["sortDirection"] == "ascending"
    app.says(page(MOVIE | {"year": 0}, MOVIE | {"title": None, "isAvailable": "yes"}))
    assert [(item.title, item.available) for item in await first(radarr)] == [
        ("Harbour", False),
        ("Movie 9 (1999)", None),
    ]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (STAMP, WHEN),
        ("2026-01-02T03:04:05.1234567Z", WHEN.replace(microsecond=123456)),
        ("2026-01-02T05:04:05+02:00", WHEN),
        ("2026-01-02T03:04:05", WHEN),
        ("2026-01-02", WHEN.replace(hour=0, minute=0, second=0)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        (1767323045, None),
        ({}, None),
        (None, None),
    ],
)
async def test_dates_become_aware_utc_or_nothing(
    app: App, sonarr: ArrClient, value: object, moment: datetime | None
) -> None:
    app.says(page(EPISODE | {"airDateUtc": value}))
    assert [item.dates.released for item in await first(sonarr)] == [moment]


async def test_records_that_cannot_be_read_are_left_out_and_counted(app: App, sonarr: ArrClient) -> None:
    broken: list[object] = [
        None,
        5,
        "x",
        [],
        {},
        {"id": 0},
        {"id": -1},
        {"id": "x"},
        {"id": True},
        {"id": 2**40},
        {"id": None},
    ]
    app.says(page(EPISODE, *broken, EPISODE | {"id": 8.0, "seriesId": None, "tags": "x", "series": []}))
    found = await sonarr.wanted(HuntPass.MISSING, sort=SortKey.LAST_SEARCH, descending=False, page=1, page_size=20)
    assert [item.item_id for item in found.items] == [7, 8]
    assert found.skipped == len(broken)


@pytest.mark.parametrize(
    "reply", [[], None, {}, {"records": []}, {"totalRecords": 1}, page(total=-1), {"totalRecords": 1, "records": {}}]
)
async def test_a_page_that_is_none_is_a_bad_answer(app: App, sonarr: ArrClient, reply: object) -> None:
    app.says(reply)
    with pytest.raises(ArrError) as caught:
        await first(sonarr)
    assert caught.value.code is ErrorCode.BAD_RESPONSE
    with pytest.raises(ArrError):
        await sonarr.queue()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aZ0:-\x00é"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*EPISODE, *MOVIE, *SERIES, "body", "episodeIds"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(record=st.dictionaries(st.sampled_from([*EPISODE, *MOVIE]), json_values), app_type=st.sampled_from(AppType))
async def test_no_record_makes_more_than_a_value_or_a_skip(record: dict[str, object], app_type: AppType) -> None:
    client = REGISTRY[app_type].clients[REGISTRY[app_type].variants[0] if REGISTRY[app_type].variants else None]
    readable, skipped = read_all(client.record, [record], "records")
    assert len(readable) + skipped == 1
    items = [one.item(client.item) for one in readable]
    for item in items:
        assert item.item_id > 0
        assert "\x00" not in item.title
        assert all(
            date is None or date.tzinfo is UTC for date in (item.added_at, item.last_search_at, item.dates.released)
        )


async def test_the_queue_of_sonarr(app: App, sonarr: ArrClient) -> None:
    known = {
        "id": 1,
        "downloadId": "ABC",
        "seriesId": 3,
        "episodeId": 7,
        "seasonNumber": 0,
        "status": "downloading",
        "trackedDownloadState": "importPending",
        "trackedDownloadStatus": "warning",
    }
    app.says(page(known, {"id": 2, "status": "delay"}, {}, {}, None))
    assert await sonarr.queue() == [
        QueueRow("ABC", 7, 3, 0, "downloading", "importPending", "warning"),
        QueueRow(None, None, None, None, "delay", None, None),
        QueueRow(None, None, None, None, "unknown", None, None),
        QueueRow(None, None, None, None, "unknown", None, None),
    ]
    assert app.query == {"page": "1", "pageSize": "1000", "includeUnknownSeriesItems": "true"}


async def test_the_queue_of_radarr(app: App, radarr: ArrClient) -> None:
    app.says(page({"id": 1, "downloadId": "ABC", "movieId": 9, "status": "queued"}))
    assert await radarr.queue() == [QueueRow("ABC", 9, None, None, "queued", None, None)]
    assert app.query["includeUnknownMovieItems"] == "true"


def queue_rows(start: int, count: int) -> list[object]:
    return [{"id": n, "status": "queued"} for n in range(start, start + count)]


async def test_a_long_queue_is_read_whole_and_each_row_once(app: App, sonarr: ArrClient) -> None:
    app.says(
        page(*queue_rows(1, 1000), total=2500),
        page(*queue_rows(900, 1000), total=2500, number=2),  # the list moved
        page(*queue_rows(1900, 500), total=2500, number=3),
    )
    assert len(await sonarr.queue()) == 2399
    assert len(app.asked) == 3


@pytest.mark.parametrize(
    "second",
    [page(*queue_rows(1, 1000), total=2500, number=1), page(total=2500, number=2)],
    ids=["paged back", "empty"],
)
async def test_the_queue_ends_where_the_app_goes_back(app: App, sonarr: ArrClient, second: object) -> None:
    app.says(page(*queue_rows(1, 1000), total=2500), second)
    assert len(await sonarr.queue()) == 1000
    assert len(app.asked) == 2


async def test_a_queue_without_end_is_an_error(app: App, sonarr: ArrClient) -> None:
    app.answer = lambda request: httpx.Response(
        200, json=page(*queue_rows(1, 1000), total=2**31 - 1, number=int(request.url.params["page"]))
    )
    with pytest.raises(ArrError) as caught:
        await sonarr.queue()
    assert caught.value.code is ErrorCode.BAD_RESPONSE
    assert len(app.asked) == MAX_QUEUE_PAGES


TARGETS = [
    (AppType.SONARR, SearchTarget(Unit.EPISODE, item_id=7), {"name": "EpisodeSearch", "episodeIds": [7]}),
    (
        AppType.SONARR,
        SearchTarget(Unit.SEASON, owner_id=3, season=0),
        {"name": "SeasonSearch", "seriesId": 3, "seasonNumber": 0},
    ),
    (AppType.RADARR, SearchTarget(Unit.MOVIE, item_id=9), {"name": "MoviesSearch", "movieIds": [9]}),
]


@pytest.mark.parametrize(("app_type", "target", "body"), TARGETS)
async def test_a_search_and_what_is_read_back_of_it(
    app: App, http: ArrHttp, app_type: AppType, target: SearchTarget, body: dict[str, object]
) -> None:
    client = make_client(app_type, http, Connection("http://app.test", "key"))
    reply = {"id": 42, "name": body["name"], "body": body | {"trigger": "manual"}, "status": "queued", "queued": STAMP}
    app.says(reply, status=201)
    command = await client.search(target)
    ids = frozenset({target.item_id} if target.item_id else ())
    assert command == Command(42, str(body["name"]), CommandStatus.QUEUED, target, queued_at=WHEN, item_ids=ids)
    assert (app.last.method, app.last.url.path) == ("POST", "/api/v3/command")
    assert app.last.read() == httpx.Request("POST", "http://x", json=body).read()
    app.says([reply | {"status": "completed", "ended": STAMP, "message": "Done"}])
    assert await client.commands() == [
        Command(42, str(body["name"]), CommandStatus.COMPLETED, target, WHEN, None, WHEN, "Done", ids)
    ]


@pytest.mark.parametrize(
    "target", [SearchTarget(Unit.MOVIE, item_id=1), SearchTarget(Unit.EPISODE), SearchTarget(Unit.SEASON, owner_id=1)]
)
async def test_a_target_that_the_app_does_not_have(app: App, sonarr: ArrClient, target: SearchTarget) -> None:
    with pytest.raises(ValueError, match="not a search of Sonarr"):
        await sonarr.search(target)
    assert app.asked == []


async def test_an_unreadable_answer_to_a_search_may_be_a_search(app: App, sonarr: ArrClient) -> None:
    app.says({"name": "EpisodeSearch"}, status=201)
    with pytest.raises(ArrError) as caught:
        await sonarr.search(SearchTarget(Unit.EPISODE, item_id=7))
    assert caught.value.may_have_reached
    assert len(app.asked) == 1


async def test_commands_of_others(app: App, sonarr: ArrClient) -> None:
    app.says(
        [
            {"id": 1, "name": "episodesearch", "status": "STARTED", "body": {"episodeIds": [5, 5]}},
            {"id": 2, "name": "EpisodeSearch", "status": "odd", "body": {"episodeIds": [5, 6, None, "x"]}},
            {"id": 3, "name": "RssSync", "status": "completed", "body": {"episodeIds": [5]}},
            {"id": 4, "name": "SeasonSearch", "body": {"seriesId": 3}},
            {"id": 5, "name": "Housekeeping", "body": "none"},
            {"name": "no id"},
            None,
        ]
    )
    found = {command.command_id: command for command in await sonarr.commands()}
    assert set(found) == {1, 2, 3, 4, 5}
    assert found[1].target == SearchTarget(Unit.EPISODE, item_id=5)
    assert [found[n].target for n in (2, 3, 4, 5)] == [None] * 4
    assert found[2].item_ids == {5, 6}
    assert [found[n].status for n in (1, 2, 3)] == [
        CommandStatus.STARTED,
        CommandStatus.UNKNOWN,
        CommandStatus.COMPLETED,
    ]


@pytest.mark.parametrize(("status", "cancelled"), [(200, True), (204, True), (409, False), (404, False)])
async def test_cancelling(app: App, sonarr: ArrClient, status: int, *, cancelled: bool) -> None:
    app.answer = lambda _request: httpx.Response(status)
    assert await sonarr.cancel(42) is cancelled
    assert (app.last.method, app.last.url.path) == ("DELETE", "/tv/api/v3/command/42")


async def test_cancelling_that_fails_says_so(app: App, sonarr: ArrClient) -> None:
    app.answer = lambda _request: httpx.Response(401)
    with pytest.raises(ArrError) as caught:
        await sonarr.cancel(42)
    assert caught.value.code is ErrorCode.UNAUTHORIZED


async def test_tags_and_profiles(app: App, radarr: ArrClient) -> None:
    app.says([{"id": 1, "label": "anime"}, {"id": 2}, {"id": 3, "label": "keep"}])
    assert await radarr.tags() == {1: "anime", 3: "keep"}
    app.says([{"id": 1, "name": "Any", "cutoff": 3}, {}])
    assert [replace(one, mark="") for one in await radarr.quality_profiles()] == [QualityProfile(1, "Any")]
    app.says({})
    for ask in (radarr.tags, radarr.quality_profiles, radarr.commands):
        with pytest.raises(ArrError):
            await ask()
