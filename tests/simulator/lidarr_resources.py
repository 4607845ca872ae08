"""Lidarr's artists, albums and track files as JSON."""

# ruff: noqa: S608 - SQL fragments are this module's own; values are always bound

import json
from collections.abc import Sequence
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator.downloads import QueueRow
from tests.simulator.messages import Json, Request, present, stamp
from tests.simulator.paging import flag
from tests.simulator.store import slug

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

FOREIGN = "mbid-"
_RATINGS = {"votes": 100, "value": 7.5}
_STATISTICS = """
SELECT i.parent_id, count(*) AS albums, sum(i.parts) AS total, sum(i.parts_had) AS files,
       sum(CASE WHEN i.monitored AND i.due_at <= :now THEN i.parts ELSE i.parts_had END) AS tracks,
       sum((SELECT coalesce(sum(f.size), 0) FROM files f WHERE f.item_id = i.id)) AS size
FROM items i {where} GROUP BY i.parent_id
"""


def artist_list(app: "SimApp", rows: Sequence[Row]) -> list[Json]:
    """Artists with statistics and with the albums before and after this day."""
    now = int(app.clock.timestamp())
    where = f"WHERE i.parent_id = {int(rows[0]['id'])}" if len(rows) == 1 else ""
    counts = {row["parent_id"]: row for row in app.db.rows(_STATISTICS.format(where=where), {"now": now})}
    return [
        {
            **artist_plain(app, row),
            "nextAlbum": _neighbour(app, row["id"], "air_at > ? ORDER BY air_at", now),
            "lastAlbum": _neighbour(app, row["id"], "air_at <= ? ORDER BY air_at DESC", now),
            "rootFolderPath": row["root"],
            "statistics": _artist_statistics(counts.get(row["id"])),
        }
        for row in rows
    ]


def artist_plain(app: "SimApp", row: Row) -> Json:
    """The artist nested in other records; the two albums are written even when there are none."""
    del app
    return {
        "status": row["status"],
        "ended": row["status"] == "ended",
        "artistName": row["title"],
        "foreignArtistId": f"{FOREIGN}artist-{row['id']}",
        "tadbId": 0,
        "discogsId": 0,
        "overview": f"Who {row['title']} is.",
        "artistType": "Group",
        "disambiguation": "",
        "links": [],
        "nextAlbum": None,
        "lastAlbum": None,
        "images": [],
        "path": f"{row['root']}/{row['title']}",
        "qualityProfileId": row["profile_id"],
        "metadataProfileId": 1,
        "monitored": bool(row["monitored"]),
        "monitorNewItems": "all",
        "genres": [],
        "cleanName": row["slug"].replace("-", ""),
        "sortName": row["sort_title"],
        "tags": json.loads(row["tags"]),
        "added": stamp(row["added_at"]),
        "ratings": _RATINGS,
        "id": row["id"],
    }


def _neighbour(app: "SimApp", artist_id: int, rule: str, now: int) -> Json | None:
    row = app.db.row(f"SELECT * FROM items WHERE parent_id = ? AND {rule} LIMIT 1", (artist_id, now))
    if row is None:
        return None
    artist = app.library.parent(artist_id)
    album = {**_album(app, row, artist, 0), "artist": artist_plain(app, artist)}
    return {name: value for name, value in album.items() if name not in ("statistics", "lastSearchTime")}


def _artist_statistics(entry: Row | None) -> Json:
    if entry is None:
        return {"albumCount": 0, **_counts(0, 0, 0, 0)}
    return {
        "albumCount": entry["albums"],
        **_counts(entry["files"], entry["tracks"], entry["total"], entry["size"]),
    }


def _counts(files: int, tracks: int, total: int, size: int) -> Json:
    return {
        "trackFileCount": files,
        "trackCount": tracks,
        "totalTrackCount": total,
        "sizeOnDisk": size,
        "percentOfTracks": 100.0 * files / tracks if tracks else 0.0,
    }


def album_list(app: "SimApp", rows: Sequence[Row], request: Request | None = None) -> list[Json]:
    """Albums with their artist, whether includeArtist asks for it or not."""
    del request
    artists = app.db.by_ids("parents", sorted({row["parent_id"] for row in rows}))
    plain = {artist_id: artist_plain(app, row) for artist_id, row in artists.items()}
    sizes = _sizes(app, rows)
    return [
        {**_album(app, row, artists[row["parent_id"]], sizes.get(row["id"], 0)), "artist": plain[row["parent_id"]]}
        for row in rows
    ]


def _sizes(app: "SimApp", rows: Sequence[Row]) -> dict[int, int]:
    only = f"WHERE item_id IN ({','.join(str(int(row['id'])) for row in rows)})" if len(rows) <= 1000 else ""
    found = app.db.rows(f"SELECT item_id, sum(size) AS size FROM files {only} GROUP BY item_id")
    return {row["item_id"]: row["size"] for row in found}


def _album(app: "SimApp", row: Row, artist: Row, size: int) -> Json:
    medium = {"mediumNumber": 1, "mediumName": "", "mediumFormat": "CD"}
    wanted = row["monitored"] and (row["due_at"] or 0) <= app.clock.timestamp()
    return present(
        {
            "title": row["title"],
            "disambiguation": "",
            "overview": "",
            "artistId": row["parent_id"],
            "foreignAlbumId": f"{FOREIGN}album-{row['id']}",
            "monitored": bool(row["monitored"]),
            "anyReleaseOk": True,
            "profileId": artist["profile_id"],
            "duration": row["parts"] * 200_000,
            "albumType": "Album",
            "secondaryTypes": [],
            "mediumCount": 1,
            "ratings": _RATINGS,
            "releaseDate": stamp(row["air_at"]),
            "releases": [_release(row, medium)],
            "genres": [],
            "media": [medium],
            "images": [],
            "links": [],
            "lastSearchTime": stamp(row["last_search_at"]),
            "statistics": _counts(row["parts_had"], row["parts"] if wanted else row["parts_had"], row["parts"], size),
            "id": row["id"],
        }
    )


def _release(row: Row, medium: Json) -> Json:
    return {
        "id": row["id"],
        "albumId": row["id"],
        "foreignReleaseId": f"{FOREIGN}release-{row['id']}",
        "title": row["title"],
        "status": "Official",
        "duration": row["parts"] * 200_000,
        "trackCount": row["parts"],
        "media": [medium],
        "mediumCount": 1,
        "disambiguation": "",
        "country": ["Worldwide"],
        "label": [],
        "format": "CD",
        "monitored": True,
    }


def file_list(app: "SimApp", rows: Sequence[Row]) -> list[Json]:
    """Track files, with the score and whether their quality is below the artist's cutoff."""
    artists = app.db.by_ids("parents", sorted({row["parent_id"] for row in rows}))
    albums = app.db.by_ids("items", sorted({row["item_id"] for row in rows}))
    return [_file(app, row, artists[row["parent_id"]], albums[row["item_id"]]) for row in rows]


def _file(app: "SimApp", row: Row, artist: Row, album: Row) -> Json:
    folder = f"{artist['root']}/{artist['title']}/{album['title']}"
    return present(
        {
            "artistId": row["parent_id"],
            "albumId": row["item_id"],
            "path": f"{folder}/{row['part']:02} - {slug(album['title'])}.flac",
            "size": row["size"],
            "dateAdded": stamp(row["added_at"]),
            "sceneName": row["scene_name"],
            "releaseGroup": "SIM",
            "quality": app.definition.catalogue.model(row["quality_id"]),
            "qualityWeight": row["quality_id"],
            "customFormats": app.library.formats_of(row),
            "customFormatScore": row["score"],
            "indexerFlags": 0,
            "mediaInfo": {"audioChannels": 2, "audioBitRate": "900 kbps", "audioCodec": "FLAC"},
            "qualityCutoffNotMet": row["quality_id"] in app.library.profiles[artist["profile_id"]].below_cutoff(),
            "id": row["id"],
        }
    )


def include_owners(app: "SimApp", item_id: int | None, request: Request) -> Json:
    """Artist, album and track for queue and history records, where asked for; queue/details has albums unasked."""
    row = None if item_id is None else app.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
    if row is None:
        return {}
    shape: Json = {}
    if flag(request, "includeArtist", False):
        shape["artist"] = artist_plain(app, app.library.parent(row["parent_id"]))
    if flag(request, "includeAlbum", request.route == "queue/details"):
        shape["album"] = {**album_list(app, [row])[0]}
        del shape["album"]["statistics"]
    return shape


def queue_fields(app: "SimApp", row: QueueRow) -> Json:
    """Numbers of the album's tracks, and of those with files."""
    item = None if row.item_id is None else app.db.row("SELECT * FROM items WHERE id = ?", (row.item_id,))
    return {
        "trackFileCount": item["parts"] if item else 0,
        "trackHasFileCount": item["parts_had"] if item else 0,
        "downloadForced": False,
    }
