"""No reply makes a client raise anything but `ArrError`."""

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import Connection, HuntPass, QualityProfile, SearchTarget, WantedItem
from app.arr.parsing import read_all
from tests.arr.scripted_app import CLIENTS, JSON, STAMP, WHEN, first

pytestmark = pytest.mark.asyncio

NAMES = [
    *("id", "title", "year", "monitored", "tags", "qualityProfileId", "added", "lastSearchTime", "isAvailable"),
    *("seriesId", "seasonNumber", "episodeNumber", "airDateUtc", "series", "episodeFile", "episodeFileId", "hasFile"),
    *("artistId", "artist", "artistName", "releaseDate", "authorId", "author", "authorName", "seriesTitle"),
    *("studioTitle", "inCinemas", "movieFile", "movieId", "albumId", "bookId", "episodeId", "statistics", "seasons"),
    *("quality", "customFormatScore", "qualityCutoffNotMet", "body", "episodeIds", "name", "status", "label"),
    *("records", "page", "totalRecords", "eventType", "date", "data", "indexer", "releaseSource", "episode"),
    *("items", "formatItems", "upgradeAllowed", "cutoffFormatScore", "specifications", "fields", "value"),
    *("albumCount", "bookCount", "downloadId", "enableAutomaticSearch", "appName", "version"),
]
WORDS = ["grabbed", "downloadFolderImported", "EpisodeSearch", "UserInvokedSearch"]
TIMES = [STAMP, "2026-01-02", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
plain = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([*WORDS, *TIMES])
    | st.text("aZ0:-\x00é", max_size=8)
)
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
    max_leaves=12,
)
records = st.lists(st.dictionaries(st.sampled_from(NAMES), anything, max_size=10), max_size=4)
pages = st.fixed_dictionaries({"totalRecords": st.integers(0, 9), "page": st.just(1), "records": records})
resources = st.fixed_dictionaries(
    {"id": st.integers(1, 9), "monitored": st.just(True), "qualityProfileId": st.just(1)},
    optional={"tags": anything, "seasons": anything, "statistics": anything},
)
answers = st.lists(anything | records | pages | resources, min_size=1, max_size=4)

PROFILES = {1: QualityProfile(1, "Any", upgrade_allowed=True, cutoff_score=50)}


async def none_known(_ids: Sequence[int]) -> Collection[int]:
    return ()


CALLS: list[Callable[[ArrClient], Awaitable[Any]]] = [
    lambda client: client.status(),
    lambda client: client.queue(),
    lambda client: first(client),
    lambda client: first(client, HuntPass.CUTOFF),
    lambda client: client.search(SearchTarget(client.item, item_id=1)),
    lambda client: client.commands(),
    lambda client: client.command(1),
    lambda client: client.tagged(),
    lambda client: client.has_no_indexers(),
    lambda client: client.history_page(1),
    lambda client: client.last_searches([1, 2]),
    lambda client: client.wanted_of(HuntPass.MISSING, 1, now=WHEN),
    lambda client: client.wanted_of(HuntPass.CUTOFF, 1, now=WHEN),
    lambda client: client.owner_facts(1),
    lambda client: client.tags(),
    lambda client: client.add_tag("x"),
    lambda client: client.tag_owners([1], 1),
    lambda client: client.quality_profiles(),
    lambda client: client.formats_fingerprint(),
    lambda client: client.indexers(),
    lambda client: client.season(1, 1, now=WHEN),
    lambda client: client.owner_facts(1),
    lambda client: client.files([1, 2]),
    lambda client: client.upgradable(1, profiles=PROFILES, budget=5, known_items=none_known),
    lambda client: client.library(),
]


@settings(max_examples=50)
@given(replies=answers, made=st.sampled_from(CLIENTS))
async def test_every_call_ends_in_a_value_or_a_known_error(replies: list[object], made: type[ArrClient]) -> None:
    turn = 0

    def answer(_request: httpx.Request) -> httpx.Response:
        nonlocal turn
        turn += 1
        return httpx.Response(200, content=json.dumps(replies[turn % len(replies)]), headers=JSON)

    async def no_wait(_seconds: float) -> None: ...

    async with ArrHttp("1", transport=httpx.MockTransport(answer), sleep=no_wait) as app_http:
        client = made(app_http, Connection("http://app.test", "key"))
        for call in CALLS:
            with suppress(ArrError):
                await call(client)


@given(record=st.dictionaries(st.sampled_from(NAMES), anything, min_size=3, max_size=15), made=st.sampled_from(CLIENTS))
async def test_no_record_makes_more_than_a_value_or_a_skip(record: dict[str, object], made: type[ArrClient]) -> None:
    readable, skipped = read_all(made.item_resource, [record | {"id": 5}], "records")
    assert len(readable) + skipped == 1
    for item in (record.item(made.item) for record in readable):
        assert isinstance(item, WantedItem)
        assert item.item_id == 5
        assert "\x00" not in item.title
        dates = (item.added_at, item.last_search_at, *item.dates.known)
        assert all(date is None or date.tzinfo is UTC for date in dates)
