"""Sonarr's series, episodes and files as JSON."""

# ruff: noqa: S608 - SQL fragments are this module's own; values are always bound

import json
from collections.abc import Sequence
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator.downloads import QueueRow
from tests.simulator.messages import Json, Request, present, stamp
from tests.simulator.paging import flag

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_ENGLISH = {"id": 1, "name": "English"}
# One pass over the episodes gives what a season's (and a series') statistics need.
_STATISTICS = """
SELECT i.parent_id, i.season, count(*) AS total, sum(i.file_id <> 0) AS files, coalesce(sum(f.size), 0) AS size,
       sum((i.monitored AND i.air_at <= :now) OR i.file_id <> 0) AS episodes,
       min(CASE WHEN i.monitored AND i.air_at > :now THEN i.air_at END) AS next_at,
       max(CASE WHEN i.monitored AND i.air_at <= :now THEN i.air_at END) AS previous_at,
       min(CASE WHEN i.season > 0 THEN i.air_at END) AS first_at, max(i.air_at) AS last_at
FROM items i LEFT JOIN files f ON f.id = i.file_id {where} GROUP BY i.parent_id, i.season
"""


def series_list(app: "SimApp", rows: Sequence[Row]) -> list[Json]:
    """Series with statistics; many at once cost one query."""
    only = f"WHERE i.parent_id = {int(rows[0]['id'])}" if len(rows) == 1 else ""
    now = int(app.clock.timestamp())
    statistics: dict[int, list[Row]] = {}
    for row in app.db.rows(_STATISTICS.format(where=only), {"now": now}):
        statistics.setdefault(row["parent_id"], []).append(row)
    where = f"WHERE parent_id = {int(rows[0]['id'])}" if len(rows) == 1 else ""
    seasons: dict[int, list[Row]] = {}
    for row in app.db.rows(f"SELECT * FROM seasons {where} ORDER BY parent_id, number"):
        seasons.setdefault(row["parent_id"], []).append(row)
    return [_series_full(app, row, seasons.get(row["id"], []), statistics.get(row["id"], [])) for row in rows]


def series_plain(app: "SimApp", row: Row, seasons: Sequence[Row]) -> Json:
    """The series nested in other records, without statistics, alternateTitles and rootFolderPath."""
    return app.definition.fitted(
        app,
        "series",
        {
            **_series_metadata(row),
            "title": row["title"],
            "sortTitle": row["sort_title"],
            "status": row["status"],
            "ended": row["status"] == "ended",
            "overview": f"What happens in {row['title']}.",
            "network": "SIM",
            "airTime": "20:00",
            "images": _images("series", row["id"]),
            "originalLanguage": _ENGLISH,
            "seasons": [{"seasonNumber": s["number"], "monitored": bool(s["monitored"])} for s in seasons],
            "year": row["year"],
            "path": f"{row['root']}/{row['title']}",
            "qualityProfileId": row["profile_id"],
            "seasonFolder": True,
            "monitored": bool(row["monitored"]),
            "monitorNewItems": "all",
            "useSceneNumbering": False,
            "runtime": row["runtime"],
            "seriesType": row["kind"],
            "tags": json.loads(row["tags"]),
            "added": stamp(row["added_at"]),
            "ratings": {"votes": 100, "value": 7.5},
            "firstAired": stamp(row["added_at"]),
            "lastAired": stamp(row["added_at"]),
            "languageProfileId": 1,
            "id": row["id"],
        },
        row,
    )


def _series_metadata(row: Row) -> Json:
    return {
        "tvdbId": 100_000 + row["id"],
        "tvRageId": 0,
        "tvMazeId": 0,
        "tmdbId": 0,
        "imdbId": f"tt{row['id']:07}",
        "cleanTitle": row["slug"].replace("-", ""),
        "titleSlug": row["slug"],
        "certification": "TV-14",
        "genres": ["Drama"],
    }


def _series_full(app: "SimApp", row: Row, seasons: Sequence[Row], statistics: Sequence[Row]) -> Json:
    by_season = {entry["season"]: entry for entry in statistics}
    nexts = [entry["next_at"] for entry in statistics if entry["next_at"] is not None]
    previous = [entry["previous_at"] for entry in statistics if entry["previous_at"] is not None]
    shown = [
        {
            "seasonNumber": season["number"],
            "monitored": bool(season["monitored"]),
            "statistics": _season_statistics(by_season.get(season["number"])),
        }
        for season in seasons
    ]
    firsts = [entry["first_at"] for entry in statistics if entry["first_at"] is not None]
    lasts = [entry["last_at"] for entry in statistics if entry["last_at"] is not None]
    more = {
        "alternateTitles": [],
        "rootFolderPath": row["root"],
        "nextAiring": stamp(min(nexts, default=None)),
        "previousAiring": stamp(max(previous, default=None)),
        "firstAired": stamp(min(firsts, default=None)),
        "lastAired": stamp(max(lasts, default=None)),
        "statistics": _series_statistics(statistics),
    }
    return app.definition.fitted(app, "series", {**series_plain(app, row, seasons), "seasons": shown, **more}, row)


def _counts(files: int, episodes: int, total: int, size: int) -> Json:
    return {
        "episodeFileCount": files,
        "episodeCount": episodes,
        "totalEpisodeCount": total,
        "sizeOnDisk": size,
        "releaseGroups": ["SIM"] if files else [],
        "percentOfEpisodes": round(files / episodes * 100, 2) if episodes else 0,
    }


def _season_statistics(entry: Row | None) -> Json:
    if entry is None:
        return _counts(0, 0, 0, 0)
    counts = _counts(entry["files"], entry["episodes"] or 0, entry["total"], entry["size"])
    return present({"nextAiring": stamp(entry["next_at"]), "previousAiring": stamp(entry["previous_at"]), **counts})


def _series_statistics(statistics: Sequence[Row]) -> Json:
    """Specials do not count for the series as a whole."""
    regular = [entry for entry in statistics if entry["season"] > 0]
    sums = [sum(entry[name] or 0 for entry in regular) for name in ("files", "episodes", "total")]
    size = sum(entry["size"] for entry in statistics)
    return {"seasonCount": len(regular), **_counts(sums[0], sums[1], sums[2], size)}


def _images(kind: str, row_id: int) -> list[Json]:
    url = f"/MediaCover/{row_id}/{'poster' if kind == 'series' else 'screenshot'}.jpg?lastWrite=1"
    cover = "poster" if kind == "series" else "screenshot"
    return [{"coverType": cover, "url": url, "remoteUrl": f"https://artworks.invalid/{kind}/{row_id}.jpg"}]


def episode_list(app: "SimApp", rows: Sequence[Row], request: Request) -> list[Json]:
    """Episodes with what the request asks to include."""
    records = [_episode(app, row) for row in rows]
    if flag(request, "includeImages", False):
        for record in records:
            record["images"] = _images("episode", record["id"])
    if flag(request, "includeEpisodeFile", False):
        files = app.db.by_ids("files", [row["file_id"] for row in rows if row["file_id"]])
        for row, record in zip(rows, records, strict=True):
            if row["file_id"] in files:
                record["episodeFile"] = file_json(app, files[row["file_id"]])
    if flag(request, "includeSeries", False):
        owners = plain_series(app, {row["parent_id"] for row in rows})
        for row, record in zip(rows, records, strict=True):
            record["series"] = owners[row["parent_id"]]
    return records


def plain_series(app: "SimApp", ids: set[int]) -> dict[int, Json]:
    found: dict[int, Json] = {}
    for series_id, row in app.db.by_ids("parents", sorted(ids)).items():
        seasons = app.db.rows("SELECT * FROM seasons WHERE parent_id = ? ORDER BY number", (series_id,))
        found[series_id] = series_plain(app, row, seasons)
    return found


def _episode(app: "SimApp", row: Row) -> Json:
    return app.definition.fitted(
        app,
        "episode",
        {
            "seriesId": row["parent_id"],
            "tvdbId": 1_000_000 + row["id"],
            "episodeFileId": row["file_id"],
            "seasonNumber": row["season"],
            "episodeNumber": row["number"],
            "title": row["title"],
            "airDate": None if row["air_at"] is None else (stamp(row["air_at"]) or "")[:10],
            "airDateUtc": stamp(row["air_at"]),
            "lastSearchTime": stamp(row["last_search_at"]),
            "runtime": row["runtime"],
            "overview": f"In which {row['title']} happens.",
            "hasFile": row["file_id"] != 0,
            "monitored": bool(row["monitored"]),
            "absoluteEpisodeNumber": row["number"],
            "unverifiedSceneNumbering": False,
            "id": row["id"],
        },
        row,
    )


def file_json(app: "SimApp", row: Row) -> Json:
    """An episode file, with its score and whether its quality is below the cutoff."""
    series = app.library.parent(row["parent_id"])
    profile = app.library.profiles[series["profile_id"]]
    name = row["scene_name"] or f"{series['title']} {row['season']}x{row['item_id']}"
    return app.definition.fitted(
        app,
        "episodefile",
        {
            "seriesId": row["parent_id"],
            "seasonNumber": row["season"],
            "relativePath": f"Season {row['season']:02}/{name}.mkv",
            "path": f"{series['root']}/{series['title']}/Season {row['season']:02}/{name}.mkv",
            "size": row["size"],
            "dateAdded": stamp(row["added_at"]),
            "sceneName": row["scene_name"],
            "releaseGroup": "SIM",
            "languages": [_ENGLISH],
            "quality": app.definition.catalogue.model(row["quality_id"]),
            "customFormats": app.library.formats_of(row),
            "customFormatScore": row["score"],
            "indexerFlags": 0,
            "releaseType": "singleEpisode",
            "qualityCutoffNotMet": row["quality_id"] in profile.below_cutoff(),
            "id": row["id"],
        },
        row,
    )


def queue_fields(app: "SimApp", row: QueueRow) -> Json:
    """What only a series' queue rows have."""
    known = row.item_id is not None
    has_file = known and app.db.number("SELECT file_id FROM items WHERE id = ?", (row.item_id,)) > 0
    return {"seasonNumber": row.download.season if known else None, "episodeHasFile": has_file}


def include_owners(app: "SimApp", item_id: int | None, request: Request) -> Json:
    """Series and episode for queue and history records, where asked for."""
    shape: Json = {}
    if item_id is None:
        return shape
    with_series, with_episode = flag(request, "includeSeries", False), flag(request, "includeEpisode", False)
    if with_series or with_episode:
        row = app.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
        if row is None:
            return shape
        if with_series:
            shape["series"] = plain_series(app, {row["parent_id"]})[row["parent_id"]]
        if with_episode:
            shape["episode"] = _episode(app, row)
    return shape
