"""Parsing of the wanted lists."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import AppType, FileFacts, HuntPass, ReleaseDates, SortKey, Unit, Variant, WantedItem
from tests.arr.conftest import ClientMaker
from tests.arr.scripted_app import STAMP, WHEN, ScriptedApp, first, page

pytestmark = pytest.mark.asyncio

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


async def test_a_wanted_episode(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with(page(EPISODE, total=99))
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
    app: ScriptedApp, sonarr: ArrClient, episode: bool | None, *, series: bool, monitored: bool
) -> None:
    app.replies_with(page(EPISODE | {"monitored": episode, "series": SERIES | {"monitored": series}}))
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
async def test_titles_of_episodes(app: ScriptedApp, sonarr: ArrClient, change: dict[str, object], title: str) -> None:
    app.replies_with(page(EPISODE | change))
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


async def test_a_wanted_movie(app: ScriptedApp, radarr: ArrClient) -> None:
    app.replies_with(page(MOVIE))
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
            year=1999,
        ),
    )
    assert app.query["sortKey"] == "movieMetadata.inCinemas"
    assert app.query["sortDirection"] == "ascending"
    app.replies_with(page(MOVIE | {"year": 0}, MOVIE | {"title": None, "isAvailable": "yes"}))
    assert [(item.title, item.year, item.available) for item in await first(radarr)] == [
        ("Harbour", None, False),
        ("Movie 9 (1999)", 1999, None),
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
    app: ScriptedApp, sonarr: ArrClient, value: object, moment: datetime | None
) -> None:
    app.replies_with(page(EPISODE | {"airDateUtc": value}))
    assert [item.dates.released for item in await first(sonarr)] == [moment]


async def test_records_that_cannot_be_read_are_left_out_and_counted(app: ScriptedApp, sonarr: ArrClient) -> None:
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
    app.replies_with(page(EPISODE, *broken, EPISODE | {"id": 8.0, "seriesId": None, "tags": "x", "series": []}))
    found = await sonarr.wanted(HuntPass.MISSING, sort=SortKey.LAST_SEARCH, descending=False, page=1, page_size=20)
    assert [item.item_id for item in found.items] == [7, 8]
    assert found.skipped == len(broken)


@pytest.mark.parametrize(
    "reply", [[], None, {}, {"records": []}, {"totalRecords": 1}, page(total=-1), {"totalRecords": 1, "records": {}}]
)
async def test_an_unreadable_page_is_a_bad_reply(app: ScriptedApp, sonarr: ArrClient, reply: object) -> None:
    app.replies_with(reply)
    with pytest.raises(ArrError) as caught:
        await first(sonarr)
    assert caught.value.code is ErrorCode.BAD_RESPONSE
    with pytest.raises(ArrError):
        await sonarr.queue()


ARTIST = {"artistName": "Low Tide", "monitored": True, "tags": [5], "qualityProfileId": 2, "added": STAMP}
ALBUM = {"id": 4, "artistId": 6, "title": "Slack Water", "monitored": True, "releaseDate": STAMP, "artist": ARTIST}
AUTHOR = {"authorName": "E. Marsh", "monitored": True, "tags": [], "qualityProfileId": 1, "added": STAMP}
BOOK = {
    **{"id": 4, "authorId": 6, "title": "Fens", "authorTitle": "marsh, e. Fens", "monitored": True, "grabbed": False},
    **{"releaseDate": STAMP, "added": "2024-01-01T00:00:00Z", "author": AUTHOR},
}
SCENE = {
    **{"id": 4, "seriesId": 6, "seasonNumber": 2026, "title": "Night", "monitored": True},
    **{"releaseDate": "2026-01-02", "actors": [], "grabbed": False, "series": SERIES | {"title": "Site"}},
}
STUDIO_MOVIE = {
    **{"id": 4, "title": "Night", "year": 2026, "studioTitle": "House", "itemType": "scene", "monitored": True},
    **{"releaseDate": STAMP, "lastSearchTime": STAMP, "isAvailable": True, "tags": [1], "qualityProfileId": 3},
}
DAY = WHEN.replace(hour=0, minute=0, second=0)
OTHERS: list[tuple[AppType, Variant | None, dict[str, Any], WantedItem, dict[str, str]]] = [
    (
        AppType.LIDARR,
        None,
        ALBUM | {"lastSearchTime": STAMP},
        WantedItem(
            4,
            "Low Tide - Slack Water",
            Unit.ALBUM,
            True,
            ReleaseDates(WHEN),
            None,
            WHEN,
            WHEN,
            6,
            "Low Tide",
            tag_ids=frozenset({5}),
            quality_profile_id=2,
        ),
        {"sortKey": "albums.releaseDate", "includeArtist": "true"},
    ),
    (
        AppType.READARR,
        None,
        BOOK,
        WantedItem(
            4,
            "E. Marsh - Fens",
            Unit.BOOK,
            True,
            ReleaseDates(WHEN),
            None,
            datetime(2024, 1, 1, tzinfo=UTC),
            None,
            6,
            "E. Marsh",
            quality_profile_id=1,
        ),
        {"sortKey": "releaseDate", "includeAuthor": "true"},
    ),
    (
        AppType.WHISPARR,
        Variant.V2,
        SCENE,
        WantedItem(
            4,
            "Site - 2026-01-02 - Night",
            Unit.EPISODE,
            True,
            ReleaseDates(DAY),
            None,
            datetime(2020, 5, 1, tzinfo=UTC),
            None,
            6,
            "Site",
            2026,
            frozenset({1, 2}),
            4,
        ),
        {"sortKey": "episodes.airDateUtc", "includeSeries": "true"},
    ),
    (
        AppType.WHISPARR,
        Variant.V3,
        STUDIO_MOVIE,
        WantedItem(
            4,
            "House - Night (2026)",
            Unit.MOVIE,
            True,
            ReleaseDates(WHEN),
            True,
            None,
            WHEN,
            None,
            "House",
            tag_ids=frozenset({1}),
            quality_profile_id=3,
            year=2026,
        ),
        {"sortKey": "movieMetadata.releaseDate"},
    ),
]


@pytest.mark.parametrize(("app_type", "variant", "record", "item", "asked"), OTHERS)
async def test_a_wanted_item_of_the_others(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    record: dict[str, Any],
    item: WantedItem,
    asked: dict[str, str],
) -> None:
    app.replies_with(page(record))
    assert await first(client_of(app_type, variant)) == (item,)
    common = {"page": "1", "pageSize": "20", "sortDirection": "ascending", "monitored": "true"}
    assert app.query == common | asked
    assert app.paths == ["wanted/missing"]


@pytest.mark.parametrize(
    ("app_type", "variant", "record", "owner"),
    [
        (AppType.LIDARR, None, ALBUM, "artist"),
        (AppType.READARR, None, BOOK, "author"),
        (AppType.WHISPARR, Variant.V2, SCENE, "series"),
    ],
)
async def test_an_item_whose_owner_did_not_come_with_it(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    record: dict[str, Any],
    owner: str,
) -> None:
    """Wanted lists hold only items that are monitored and whose owner is."""
    app.replies_with(page(record | {owner: None}, record | {owner: record[owner] | {"monitored": False}}, {"id": 4}))
    items = await first(client_of(app_type, variant))
    assert [item.monitored for item in items] == [True, False, False]
    assert items[0].quality_profile_id is None
    assert items[2].title == f"{items[2].unit.capitalize()} 4"


async def test_a_scene_has_a_date_for_a_number(app: ScriptedApp, client_of: ClientMaker) -> None:
    app.replies_with(page(SCENE, SCENE | {"series": None}, SCENE | {"series": None, "releaseDate": None}))
    items = await first(client_of(AppType.WHISPARR, Variant.V2))
    assert [(item.title, item.owner_title) for item in items] == [
        ("Site - 2026-01-02 - Night", "Site"),
        ("2026-01-02 - Night", None),
        ("Night", None),
    ]


FILE = {
    "id": 70,
    "quality": {"quality": {"id": 3, "name": "WEBDL-1080p"}, "revision": {"version": 1}},
    "customFormatScore": -25,
    "qualityCutoffNotMet": True,
}
HELD = FileFacts(70, "WEBDL-1080p", -25, cutoff_met=False)


@pytest.mark.parametrize(("app_type", "variant"), [(AppType.SONARR, None), (AppType.WHISPARR, Variant.V2)])
async def test_an_episode_below_its_cutoff_comes_with_its_file(
    app: ScriptedApp, client_of: ClientMaker, app_type: AppType, variant: Variant | None
) -> None:
    client = client_of(app_type, variant)
    app.replies_with(page(*({"id": 4, "episodeFile": file} for file in (FILE, {"id": 71}, {"quality": 1}, "x", None))))
    assert [item.file for item in await first(client, HuntPass.CUTOFF)] == [HELD, FileFacts(71), None, None, None]
    assert app.query["includeEpisodeFile"] == "true"
    await first(client)
    assert "includeEpisodeFile" not in app.query


async def test_an_app_without_lists_says_so(app: ScriptedApp, client_of: ClientMaker) -> None:
    with pytest.raises(ArrError, match="Whisparr has no wanted lists") as caught:
        await first(client_of(AppType.WHISPARR, Variant.V3_LISTLESS))
    assert (caught.value.code, caught.value.may_have_reached) == (ErrorCode.REFUSED, False)
    assert app.requests == []
