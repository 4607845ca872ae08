"""Simulated Lidarr."""

from typing import TYPE_CHECKING, Any

from tests.simulator import catalogues
from tests.simulator.definition import AppDefinition, HistoryShape, ItemNames, QueueShape, SortKeys
from tests.simulator.lidarr_resources import (
    FOREIGN,
    album_list,
    artist_list,
    file_list,
    include_owners,
    queue_fields,
)
from tests.simulator.messages import Json
from tests.simulator.owned_commands import owned_kinds, owned_work
from tests.simulator.owned_routes import OwnedRoutes
from tests.simulator.routes import history, queue, system, wanted
from tests.simulator.shared_commands import by_name

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_ROUTES = OwnedRoutes(
    name_field="artistName",
    foreign_owner="mbId",
    foreign_item="foreignAlbumId",
    foreign_prefix=FOREIGN,
    file="trackfile",
    file_ids_field="trackFileIds",
    file_kind="TrackFile",
    write_owners=artist_list,
    write_items=album_list,
    write_item=album_list,
    write_files=file_list,
)
_COLUMNS = {
    "releasedate": "i.air_at",
    "albums.releasedate": "i.air_at",
    "albums.title": "i.title",
    "albums.id": "i.id",
    "albums.lastsearchtime": "i.last_search_at",
    "lastsearchtime": "i.last_search_at",
    "artists.sortname": "p.sort_title",
    "sortname": "p.sort_title",
}


def root_folder(app: "SimApp", row: Any) -> Json:
    """What only Lidarr's and Readarr's root folders have."""
    del app, row
    return {
        "name": "Library",
        "defaultMetadataProfileId": 1,
        "defaultQualityProfileId": 1,
        "defaultMonitorOption": "all",
        "defaultNewItemMonitorOption": "all",
        "defaultTags": [],
    }


LIDARR = AppDefinition(
    kind="lidarr",
    app_type="lidarr",
    app_name="Lidarr",
    version="2.14.5.4836",
    prefix="api/v1",
    api_index={"current": "v1", "deprecated": []},
    names=ItemNames(
        item="album",
        items_field="albumIds",
        parent="artist",
        parent_field="artistId",
        unknown_flag="includeUnknownArtistItems",
        kind="Album",
        search="AlbumSearch",
        parent_kind="Artist",
    ),
    movie_like=False,
    catalogue=catalogues.MUSIC,
    command_kinds=by_name(owned_kinds("Album", "Artist")),
    command_work=owned_work("Album", "Artist"),
    missing_keys=SortKeys(_COLUMNS, "releaseDate", unknown="error"),
    cutoff_keys=SortKeys(_COLUMNS, "Albums.Id", unknown="error"),
    queue=QueueShape(
        keys=SortKeys({}, "timeleft", unknown="free"),
        row_suffix="album",
        filters=frozenset(("owners", "protocol", "quality")),
        blocked_state="importFailed",
        fields=queue_fields,
    ),
    history=HistoryShape(
        events={
            0: "unknown",
            1: "grabbed",
            2: "artistFolderImported",
            3: "trackFileImported",
            4: "downloadFailed",
            5: "trackFileDeleted",
            6: "trackFileRenamed",
            7: "albumImportIncomplete",
            8: "downloadImported",
            9: "trackFileRetagged",
            10: "downloadIgnored",
        },
        keys=SortKeys(
            {"date": "h.date_at", "artists.sortname": "p.sort_title", "albums.title": "i.title"},
            "date",
            unknown="error",
        ),
        imported="trackFileImported",
        file_deleted="trackFileDeleted",
        item_imported="downloadImported",
        import_incomplete="albumImportIncomplete",
        part_field="trackId",
    ),
    item_json=album_list,
    include_owners=include_owners,
    routes=[
        *system.ROUTES,
        *wanted.ROUTES,
        *queue.ROUTES,
        *history.ROUTES,
        *_ROUTES.routes("artist", "album"),
    ],
    lost_resource="message",
    body_has_type_exclusive=True,
    root_folder="/music",
    lacks={
        "queue": frozenset(("languages",)),
        "history": frozenset(("languages",)),
        "history_data": frozenset(("downloadClientName",)),
        "blocklist": frozenset(("languages",)),
        "rootfolder": frozenset(("unmappedFolders",)),
        "tagdetail": frozenset(("releaseProfileIds",)),
        "indexer": frozenset(("seasonSearchMaximumSingleEpisodeAge",)),
    },
    adds={"rootfolder": root_folder},
    unique_tags=True,
    grabbed_data={"nzbInfoUrl": "http://indexer.invalid/details", "downloadForced": "False"},
)
