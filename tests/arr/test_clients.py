"""The apps' clients: their registry, and what they all do alike."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.arr.base import MAX_QUEUE_PAGES, ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import (
    AppDatabase,
    AppStatus,
    AppType,
    Command,
    CommandStatus,
    Connection,
    IndexerLink,
    Mode,
    QualityProfile,
    SearchTarget,
    SortKey,
    Unit,
    Variant,
)
from app.arr.queue_rows import QueueRow
from app.arr.registry import REGISTRY, all_apps, hunt_spec, hunting_apps, make_client
from app.http.bodies import MAX_SMALL_BYTES
from tests.arr.conftest import ClientMaker
from tests.arr.scripted_app import CLIENTS, JSON, STAMP, WHEN, ScriptedApp, page

pytestmark = pytest.mark.asyncio


async def test_the_registry_holds_every_app_type() -> None:
    assert all_apps() == tuple(AppType)


@pytest.mark.parametrize("app_type", hunting_apps())
async def test_every_app_is_registered_with_what_it_can_do(app_type: AppType) -> None:
    spec, hunts = REGISTRY[app_type], hunt_spec(app_type)
    assert spec.app_type is app_type
    assert spec.prefix.startswith("/api/v")
    assert {str(mode) for mode in hunts.modes} - {"auto"} == {str(unit) for unit in hunts.units}
    assert (len(spec.variants) > 1) is (None not in spec.clients)
    for variant, client in spec.clients.items():
        facts = (client.app_type, client.app_name, client.prefix, client.default_port, client.variant)
        assert facts == (app_type, spec.label, spec.prefix, spec.default_port, variant)


@pytest.mark.parametrize("client", CLIENTS)
async def test_the_class_attributes_of_a_client_agree(client: type[ArrClient]) -> None:
    units = {client.item, client.owner, Unit.SEASON if client.has_seasons else None} - {None}
    assert client.units == units == set(client.searches)
    assert client.modes[0] is Mode.AUTO
    assert {str(mode) for mode in client.modes[1:]} == {str(unit) for unit in units}
    told = {SortKey.RELEASED} | ({SortKey.LAST_SEARCH} if client.reports_last_search else set())
    assert set(client.sort_keys) == (told if client.has_wanted else set())


@pytest.mark.parametrize(
    ("app_type", "variant"), [(AppType.WHISPARR, None), (AppType.SONARR, Variant.V2)], ids=["none", "of another"]
)
async def test_there_is_no_client_without_the_right_variant(
    app_http: ArrHttp, app_type: AppType, variant: Variant | None
) -> None:
    with pytest.raises(ValueError, match=f"not a variant of {app_type}"):
        make_client(app_type, app_http, Connection("http://app.test", "key"), variant)


async def test_status(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with(
        {"appName": "Sonarr", "version": "4.0.19.2979", "databaseType": "postgreSQL", "urlBase": "/tv", "new": 1}
    )
    assert await sonarr.status() == AppStatus("Sonarr", "4.0.19.2979", AppDatabase.POSTGRESQL, "/tv")
    assert app.last.url.path == "/tv/api/v3/system/status"
    app.replies_with({"appName": "Sonarr", "version": "3.0"})
    assert await sonarr.status() == AppStatus("Sonarr", "3.0", AppDatabase.SQLITE, "")


@pytest.mark.parametrize("reply", [[], "x", None, 5, {}, {"appName": None, "version": 4}, {"appName": "Sonarr"}])
async def test_an_unreadable_status(app: ScriptedApp, sonarr: ArrClient, reply: object) -> None:
    app.replies_with(reply)
    with pytest.raises(ArrError) as caught:
        await sonarr.status()
    assert caught.value.code is ErrorCode.BAD_RESPONSE


async def test_the_queue_of_sonarr(app: ScriptedApp, sonarr: ArrClient) -> None:
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
    app.replies_with(page(known, {"id": 2, "status": "delay"}, {}, {}, None))
    assert await sonarr.queue() == [
        QueueRow("ABC", 7, 3, 0, "downloading", "importPending", "warning"),
        QueueRow(None, None, None, None, "delay", None, None),
        QueueRow(None, None, None, None, "unknown", None, None),
        QueueRow(None, None, None, None, "unknown", None, None),
    ]


def queue_rows(start: int, count: int) -> list[object]:
    return [{"id": n, "status": "queued"} for n in range(start, start + count)]


async def test_a_long_queue_is_read_whole_and_each_row_once(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with(
        page(*queue_rows(1, 1000), total=2500),
        page(*queue_rows(900, 1000), total=2500, number=2),  # the list moved
        page(*queue_rows(1900, 500), total=2500, number=3),
    )
    assert len(await sonarr.queue()) == 2399
    assert len(app.requests) == 3


@pytest.mark.parametrize(
    "second",
    [page(*queue_rows(1, 1000), total=2500, number=1), page(total=2500, number=2)],
    ids=["paged back", "empty"],
)
async def test_the_queue_ends_where_the_app_repeats_a_page(app: ScriptedApp, sonarr: ArrClient, second: object) -> None:
    app.replies_with(page(*queue_rows(1, 1000), total=2500), second)
    assert len(await sonarr.queue()) == 1000
    assert len(app.requests) == 2


async def test_a_queue_without_end_is_an_error(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.answer = lambda request: httpx.Response(
        200, json=page(*queue_rows(1, 1000), total=2**31 - 1, number=int(request.url.params["page"]))
    )
    with pytest.raises(ArrError) as caught:
        await sonarr.queue()
    assert caught.value.code is ErrorCode.BAD_RESPONSE
    assert len(app.requests) == MAX_QUEUE_PAGES


EPISODE: dict[str, object] = {"name": "EpisodeSearch", "episodeIds": [7]}
SEASON: dict[str, object] = {"name": "SeasonSearch", "seriesId": 3, "seasonNumber": 0}
SERIES: dict[str, object] = {"name": "SeriesSearch", "seriesId": 3}
MOVIE: dict[str, object] = {"name": "MoviesSearch", "movieIds": [9]}
TARGETS: list[tuple[AppType, Variant | None, SearchTarget, dict[str, object]]] = [
    *(
        (app_type, variant, target, body)
        for app_type, variant in ((AppType.SONARR, None), (AppType.WHISPARR, Variant.V2))
        for target, body in (
            (SearchTarget(Unit.EPISODE, item_id=7), EPISODE),
            (SearchTarget(Unit.SEASON, owner_id=3, season=0), SEASON),
            (SearchTarget(Unit.SERIES, owner_id=3), SERIES),
        )
    ),
    *(
        (app_type, variant, SearchTarget(Unit.MOVIE, item_id=9), MOVIE)
        for app_type, variant in (
            (AppType.RADARR, None),
            (AppType.WHISPARR, Variant.V3),
            (AppType.WHISPARR, Variant.V3_LISTLESS),
        )
    ),
    (AppType.LIDARR, None, SearchTarget(Unit.ALBUM, item_id=7), {"name": "AlbumSearch", "albumIds": [7]}),
    (AppType.LIDARR, None, SearchTarget(Unit.ARTIST, owner_id=3), {"name": "ArtistSearch", "artistId": 3}),
    (AppType.READARR, None, SearchTarget(Unit.BOOK, item_id=7), {"name": "BookSearch", "bookIds": [7]}),
    (AppType.READARR, None, SearchTarget(Unit.AUTHOR, owner_id=3), {"name": "AuthorSearch", "authorId": 3}),
]


@pytest.mark.parametrize(("app_type", "variant", "target", "body"), TARGETS)
async def test_a_search_and_the_target_read_from_its_command(
    app: ScriptedApp,
    client_of: ClientMaker,
    app_type: AppType,
    variant: Variant | None,
    target: SearchTarget,
    body: dict[str, object],
) -> None:
    client = client_of(app_type, variant)
    reply = {"id": 42, "name": body["name"], "body": body | {"trigger": "manual"}, "status": "queued", "queued": STAMP}
    app.replies_with(reply, status=201)
    command = await client.search(target)
    ids = frozenset({target.item_id} if target.item_id else ())
    assert command == Command(42, str(body["name"]), CommandStatus.QUEUED, target, queued_at=WHEN, item_ids=ids)
    assert (app.last.method, app.last.url.path) == ("POST", f"/tv{client.prefix}/command")
    assert app.body == body
    over = {"status": "completed", "started": STAMP, "ended": STAMP, "duration": "00:00:00.25", "message": "Done"}
    app.replies_with([reply | over])
    took, status = timedelta(seconds=0.25), CommandStatus.COMPLETED
    assert await client.commands() == [
        Command(42, str(body["name"]), status, target, WHEN, WHEN, WHEN, took, "Done", ids)
    ]


@pytest.mark.parametrize("made", CLIENTS)
async def test_a_target_that_the_app_does_not_have(app: ScriptedApp, app_http: ArrHttp, made: type[ArrClient]) -> None:
    client = made(app_http, Connection("http://app.test", "key"))
    strange = [SearchTarget(unit, item_id=1, owner_id=1, season=1) for unit in Unit if unit not in client.units]
    for target in (*strange, SearchTarget(client.item), *(SearchTarget(unit, season=1) for unit in client.units)):
        with pytest.raises(ValueError, match=f"not a search of {client.app_name}"):
            await client.search(target)
    assert app.requests == []


async def test_an_unreadable_answer_to_a_search_may_be_a_search(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with({"name": "EpisodeSearch"}, status=201)
    with pytest.raises(ArrError) as caught:
        await sonarr.search(SearchTarget(Unit.EPISODE, item_id=7))
    assert caught.value.may_have_reached
    assert len(app.requests) == 1


async def test_commands_of_others(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with(
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
async def test_cancelling(app: ScriptedApp, sonarr: ArrClient, status: int, *, cancelled: bool) -> None:
    app.answer = lambda _request: httpx.Response(status)
    assert await sonarr.cancel(42) is cancelled
    assert (app.last.method, app.last.url.path) == ("DELETE", "/tv/api/v3/command/42")


async def test_cancelling_that_fails_says_so(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.answer = lambda _request: httpx.Response(401)
    with pytest.raises(ArrError) as caught:
        await sonarr.cancel(42)
    assert caught.value.code is ErrorCode.UNAUTHORIZED


@pytest.mark.parametrize(
    ("made", "flag"),
    [
        (AppType.SONARR, "includeUnknownSeriesItems"),
        (AppType.RADARR, "includeUnknownMovieItems"),
        (AppType.LIDARR, "includeUnknownArtistItems"),
        (AppType.READARR, "includeUnknownAuthorItems"),
        (Variant.V2, "includeUnknownSeriesItems"),
        (Variant.V3, "includeUnknownMovieItems"),
        (Variant.V3_LISTLESS, "includeUnknownMovieItems"),
    ],
)
async def test_the_queue_of_each(app: ScriptedApp, client_of: ClientMaker, made: AppType | Variant, flag: str) -> None:
    client = client_of(AppType.WHISPARR, made) if isinstance(made, Variant) else client_of(made, None)
    row: dict[str, Any] = {"id": 1, "downloadId": "ABC", f"{client.item}Id": 9, "status": "queued"}
    app.replies_with(page(row | ({f"{client.owner}Id": 4} if client.owner else {})))
    assert await client.queue() == [QueueRow("ABC", 9, 4 if client.owner else None, None, "queued", None, None)]
    assert app.query == {"page": "1", "pageSize": "1000", flag: "true"}


async def test_tags(app: ScriptedApp, radarr: ArrClient) -> None:
    app.replies_with([{"id": 1, "label": "anime"}, {"id": 2}, {"id": 3, "label": "keep"}])
    assert await radarr.tags() == {1: "anime", 3: "keep"}
    app.replies_with({})
    for ask in (radarr.tags, radarr.quality_profiles, radarr.formats_fingerprint, radarr.indexers, radarr.commands):
        with pytest.raises(ArrError):
            await ask()


async def test_a_tag_is_made_once(app: ScriptedApp, sonarr: ArrClient) -> None:
    app.replies_with({"id": 8, "label": "searched"}, status=201)
    assert await sonarr.add_tag("Searched") == 8
    assert (app.last.method, app.paths, app.body) == ("POST", ["tag"], {"label": "searched"})

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    app.answer = refuse
    with pytest.raises(ArrError):
        await sonarr.add_tag("searched")
    assert len(app.requests) == 2


@pytest.mark.parametrize("made", CLIENTS)
async def test_tagging_adds_and_replaces_nothing(app: ScriptedApp, app_http: ArrHttp, made: type[ArrClient]) -> None:
    app.replies_with([], status=202)
    await made(app_http, Connection("http://app.test", "key")).tag_owners([3, 4], 8)
    tagged = made.owner or made.item
    assert (app.last.method, app.paths) == ("PUT", [f"{tagged}/editor"])
    assert app.body == {f"{tagged}Ids": [3, 4], "tags": [8], "applyTags": "add"}


PROFILE: dict[str, Any] = {
    "id": 1,
    "name": "Any",
    "upgradeAllowed": True,
    "cutoff": 3,
    "items": [
        {"quality": {"id": 1, "name": "SDTV"}, "items": [], "allowed": True},
        {"id": 1000, "name": "WEB", "items": [{"quality": {"id": 3}, "items": [], "allowed": True}], "allowed": True},
    ],
    "minFormatScore": 0,
    "cutoffFormatScore": 50,
    "formatItems": [{"format": 1, "name": "x265", "score": 10}, {"format": 2, "name": "HDR", "score": -5}],
}


async def test_profiles(app: ScriptedApp, radarr: ArrClient, client_of: ClientMaker) -> None:
    app.replies_with([PROFILE, {"id": 2, "name": "Plain", "cutoffFormatScore": "x"}, {}, None])
    found = await radarr.quality_profiles()
    assert [(profile.profile_id, profile.name, profile.upgrade_allowed, profile.cutoff_score) for profile in found] == [
        (1, "Any", True, 50),
        (2, "Plain", False, 0),
    ]
    assert [profile.wants_score for profile in found] == [True, False]
    readarr = await client_of(AppType.READARR, None).quality_profiles()
    assert [profile.cutoff_score for profile in readarr] == [0, 0]  # it has the field and no use for it


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ({"name": "Other"}, False),
        ({"formatItems": PROFILE["formatItems"][::-1]}, False),
        ({"formatItems": [item | {"name": "renamed"} for item in PROFILE["formatItems"]]}, False),
        ({"newInLaterVersions": 1}, False),
        ({"upgradeAllowed": False}, True),
        ({"cutoff": 1}, True),
        ({"cutoffFormatScore": 60}, True),
        ({"minFormatScore": 1}, True),
        ({"items": PROFILE["items"][::-1]}, True),
        ({"items": [PROFILE["items"][0] | {"allowed": False}, PROFILE["items"][1]]}, True),
        ({"formatItems": [PROFILE["formatItems"][0] | {"score": 11}, PROFILE["formatItems"][1]]}, True),
        ({"language": {"id": 2, "name": "French"}}, True),
    ],
)
async def test_the_fingerprint_of_a_profile(
    app: ScriptedApp, sonarr: ArrClient, change: dict[str, object], *, is_another: bool
) -> None:
    app.replies_with([PROFILE], [PROFILE | change])
    before, after = (await sonarr.quality_profiles())[0], (await sonarr.quality_profiles())[0]
    assert isinstance(before, QualityProfile)
    assert before.fingerprint
    assert (after.fingerprint != before.fingerprint) is is_another


FORMAT: dict[str, Any] = {
    "id": 1,
    "name": "x265",
    "specifications": [
        {
            **{"name": "codec", "implementation": "ReleaseTitleSpecification", "implementationName": "Release Title"},
            **{"negate": False, "required": True, "fields": [{"name": "value", "label": "Pattern", "value": "x265"}]},
        }
    ],
}


async def test_the_fingerprint_of_all_formats(app: ScriptedApp, sonarr: ArrClient, client_of: ClientMaker) -> None:
    specification = FORMAT["specifications"][0]
    other = FORMAT | {"id": 2}
    app.replies_with([FORMAT, other])
    mark = await sonarr.formats_fingerprint()
    same: list[object] = [[other, FORMAT], [FORMAT | {"name": "HEVC"}, other]]
    changed: list[object] = [
        [FORMAT],
        [FORMAT, other, FORMAT | {"id": 3}],
        [FORMAT | {"specifications": [specification | {"negate": True}]}, other],
        [FORMAT | {"specifications": [specification | {"fields": [{"name": "value", "value": "x266"}]}]}, other],
        [],
    ]
    app.replies_with(*same, *changed)
    assert [await sonarr.formats_fingerprint() == mark for _ in range(7)] == [True] * 2 + [False] * 5
    with pytest.raises(ArrError, match="Readarr has no custom-format scores"):
        await client_of(AppType.READARR, None).formats_fingerprint()


async def test_indexers_that_are_searched(app: ScriptedApp, sonarr: ArrClient) -> None:
    on = {"enableAutomaticSearch": True, "enableRss": False}
    behind = [{"name": "apiPath", "value": "/api"}, {"name": "baseUrl", "value": "http://prowlarr:9696/7/"}, "?"]
    app.replies_with(
        [
            {"id": 1, "name": "Seven (Prowlarr)", "fields": behind, **on},
            {"id": 2, "enableAutomaticSearch": False, "enableRss": True},
            {"id": 3},
            {"id": 4, "name": "Own", "fields": None, **on},
            on,
        ]
    )
    assert await sonarr.indexers() == [
        IndexerLink(1, "Seven (Prowlarr)", "http://prowlarr:9696/7/"),
        IndexerLink(4, "Own"),
    ]
    assert app.paths == ["indexer"]


SMALL_CALLS: list[Callable[[ArrClient], Awaitable[object]]] = [
    lambda client: client.status(),
    lambda client: client.tags(),
    lambda client: client.add_tag("x"),
    lambda client: client.commands(),
    lambda client: client.command(1),
    lambda client: client.cancel(1),
    lambda client: client.search(SearchTarget(client.item, item_id=1)),
    lambda client: client.has_no_indexers(),
]


@pytest.mark.parametrize("call", SMALL_CALLS)
async def test_small_calls_have_small_limits(
    app: ScriptedApp, sonarr: ArrClient, call: Callable[[ArrClient], Awaitable[object]]
) -> None:
    """Trial 20."""
    app.answer = lambda _request: httpx.Response(200, content=b" " * (MAX_SMALL_BYTES + 1) + b"[]", headers=JSON)
    with pytest.raises(ArrError, match="larger than 1 MB"):
        await call(sonarr)
