"""The events of the apps' history, and those that are left out."""

from typing import Any

import pytest

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import AppType, HistoryEvent, HistoryKind, Variant
from tests.arr.conftest import ClientMaker
from tests.arr.scripted_app import STAMP, WHEN, ScriptedApp, page

pytestmark = pytest.mark.asyncio

QUALITY = {"quality": {"id": 3, "name": "WEBDL-1080p"}, "revision": {"version": 1}}
GRAB: dict[str, Any] = {
    **{"id": 900, "eventType": "grabbed", "date": STAMP, "downloadId": "ABC", "sourceTitle": "Release-GRP"},
    **{"quality": QUALITY, "customFormatScore": -10},
    "data": {"indexer": "Inn", "releaseSource": "UserInvokedSearch", "protocol": "2"},
}


def owned(item: str, owner: str | None) -> dict[str, Any]:
    return {f"{item}Id": 7} | ({f"{owner}Id": 3} if owner else {})


@pytest.mark.parametrize(
    ("app_type", "variant", "item", "owner", "imported", "incomplete", "params"),
    [
        (AppType.SONARR, None, "episode", "series", ["downloadFolderImported"], [], {"includeEpisode": "true"}),
        (AppType.RADARR, None, "movie", None, ["downloadFolderImported"], [], {}),
        (
            *(AppType.LIDARR, None, "album", "artist"),
            *(["trackFileImported", "downloadImported"], ["albumImportIncomplete"], {}),
        ),
        (
            *(AppType.READARR, None, "book", "author"),
            *(["bookFileImported", "downloadImported"], ["bookImportIncomplete"], {}),
        ),
        (
            *(AppType.WHISPARR, Variant.V2, "episode", "series"),
            *(["downloadFolderImported"], [], {"includeEpisode": "true"}),
        ),
        (AppType.WHISPARR, Variant.V3, "movie", None, ["downloadFolderImported"], [], {}),
        (AppType.WHISPARR, Variant.V3_LISTLESS, "movie", None, ["downloadFolderImported"], [], {}),
    ],
)
async def test_events(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    item: str,
    owner: str | None,
    imported: list[str],
    incomplete: list[str],
    params: dict[str, str],
) -> None:
    client = client_of(app_type, variant)
    words = ["grabbed", *imported, *incomplete, "downloadFailed", "downloadIgnored"]
    others = ["unknown", "seriesFolderImported", "episodeFileDeleted", "movieFileRenamed", "trackFileRetagged", 1, None]
    app.replies_with(page(*(GRAB | owned(item, owner) | {"eventType": word} for word in [*words, *others])))
    events = (await client.history_page(1)).events
    assert [event.kind for event in events] == [
        HistoryKind.GRABBED,
        *[HistoryKind.IMPORTED] * len(imported),
        *[HistoryKind.INCOMPLETE] * len(incomplete),
        HistoryKind.FAILED,
        HistoryKind.IGNORED,
    ]
    assert events[0] == HistoryEvent(
        kind=HistoryKind.GRABBED,
        at=WHEN,
        item_id=7,
        owner_id=3 if owner else None,
        download_id="ABC",
        release_title="Release-GRP",
        indexer="Inn",
        quality="WEBDL-1080p",
        score=-10 if client.has_scores else None,
        by_search=True,
    )
    assert app.paths == ["history"]
    newest = {"page": "1", "pageSize": "100", "sortKey": "date", "sortDirection": "descending"}
    assert app.query == newest | params


async def test_the_season_comes_with_the_episode(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with(
        page(*(GRAB | owned("episode", "series") | {"episode": episode} for episode in ({"seasonNumber": 0}, {}, "x")))
    )
    assert [event.season for event in (await sonarr.history_page(1)).events] == [0, None, None]


@pytest.mark.parametrize(
    ("data", "by_search"),
    [
        ({"releaseSource": "UserInvokedSearch"}, True),
        ({"releaseSource": "userInvokedSearch"}, True),
        ({"releaseSource": "InteractiveSearch"}, False),
        ({"releaseSource": "Search"}, False),
        ({"releaseSource": "Rss"}, False),
        ({"releaseSource": "ReleasePush"}, False),
        ({"releaseSource": "Unknown"}, None),
        ({}, None),
        (None, None),
        ("x", None),
        ([1], None),
    ],
)
async def test_who_asked_for_a_grab(
    app: ScriptedApp, radarr: ArrClient, data: object, *, by_search: bool | None
) -> None:
    app.replies_with(page(GRAB | {"movieId": 7, "data": data}))
    assert [event.by_search for event in (await radarr.history_page(1)).events] == [by_search]


async def test_an_event_that_does_not_say_when_or_of_what_is_left_out(app: ScriptedApp, radarr: ArrClient) -> None:
    bare = {"movieId": 7, "eventType": "downloadFailed", "date": STAMP}
    app.replies_with(page(GRAB, GRAB | {"movieId": 0}, bare | {"date": "soon"}, None, 5, bare))
    assert (await radarr.history_page(1)).events == (HistoryEvent(HistoryKind.FAILED, WHEN, 7),)
    app.replies_with({"records": []})
    with pytest.raises(ArrError):
        await radarr.history_page(1)
