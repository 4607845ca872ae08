"""Radarr's movies and files as JSON."""

import json
from collections.abc import Sequence
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator.messages import Json, Request, stamp
from tests.simulator.paging import flag
from tests.simulator.store import DAY, slug

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_ENGLISH = {"id": 1, "name": "English"}


def available_at(row: Row) -> float:
    """When the movie counts as available; infinity = never."""
    if row["availability"] in ("tba", "announced"):
        return 0.0
    if row["availability"] == "inCinemas" and row["cinema_at"] is not None:
        return float(row["cinema_at"])
    homes = [moment for moment in (row["physical_at"], row["digital_at"]) if moment is not None]
    if homes:
        return float(min(homes))
    return float("inf") if row["cinema_at"] is None else float(row["cinema_at"] + 90 * DAY)


def is_available(app: "SimApp", row: Row) -> bool:
    if app.definition.released_is_available:
        return bool(row["status"] == "released")
    moment = available_at(row)
    if moment == 0.0:
        return True
    return moment + app.settings.availability_delay_days * DAY <= app.clock.timestamp()


def movie_list(app: "SimApp", rows: Sequence[Row], request: Request) -> list[Json]:
    """Movies as in the wanted lists: without movieFile, even in cutoff."""
    del request
    files = app.db.by_ids("files", [row["file_id"] for row in rows if row["file_id"]])
    return [movie_json(app, row, files.get(row["file_id"])) for row in rows]


def full_movie(app: "SimApp", row: Row, file: Row | None, *, scores: bool) -> Json:
    """A movie as in movie and movie/{id}; the list leaves the format score out of the file."""
    shape = {**movie_json(app, row, file), "rootFolderPath": row["root"]}
    if file is not None:
        shape["movieFile"] = file_json(app, file, row, scores=scores)
    return shape


def movie_json(app: "SimApp", row: Row, file: Row | None) -> Json:
    path = f"{row['root']}/{row['title']} ({row['year']})"
    size = file["size"] if file else 0
    return app.definition.fitted(
        app,
        "movie",
        {
            **_movie_metadata(row),
            "alternateTitles": [],
            "sizeOnDisk": size,
            "images": _images(row["id"]),
            "path": path,
            "qualityProfileId": row["profile_id"],
            "hasFile": row["file_id"] != 0,
            "movieFileId": row["file_id"],
            "monitored": bool(row["monitored"]),
            "minimumAvailability": row["availability"],
            "isAvailable": is_available(app, row),
            "folderName": path,
            "tags": json.loads(row["tags"]),
            "added": stamp(row["added_at"]),
            "lastSearchTime": stamp(row["last_search_at"]),
            "statistics": {
                "movieFileCount": int(row["file_id"] != 0),
                "sizeOnDisk": size,
                "releaseGroups": ["SIM"] if file else [],
            },
            "id": row["id"],
        },
        row,
    )


def _movie_metadata(row: Row) -> Json:
    homes = [moment for moment in (row["physical_at"], row["digital_at"]) if moment is not None]
    return {
        "title": row["title"],
        "originalTitle": row["title"],
        "originalLanguage": _ENGLISH,
        "secondaryYearSourceId": 0,
        "sortTitle": row["sort_title"],
        "status": row["status"],
        "overview": f"What happens in {row['title']}.",
        "inCinemas": stamp(row["cinema_at"]),
        "physicalRelease": stamp(row["physical_at"]),
        "digitalRelease": stamp(row["digital_at"]),
        "releaseDate": stamp(min(homes) if homes else row["cinema_at"]),
        "website": "",
        "year": row["year"],
        "youTubeTrailerId": "",
        "studio": "SIM",
        "runtime": row["runtime"],
        "cleanTitle": slug(row["title"]).replace("-", ""),
        "imdbId": f"tt{row['id']:07}",
        "tmdbId": 100_000 + row["id"],
        "titleSlug": str(100_000 + row["id"]),
        "genres": ["Drama"],
        "keywords": [],
        "ratings": {"tmdb": {"votes": 100, "value": 7.5, "type": "user"}},
        "popularity": 12.5,
    }


def _images(row_id: int) -> list[Json]:
    remote = f"https://artworks.invalid/movie/{row_id}.jpg"
    return [{"coverType": "poster", "url": f"/MediaCover/{row_id}/poster.jpg?lastWrite=1", "remoteUrl": remote}]


def file_json(app: "SimApp", row: Row, movie: Row, *, scores: bool) -> Json:
    name = row["scene_name"] or f"{movie['title']} ({movie['year']})"
    profile = app.library.profiles[movie["profile_id"]]
    return app.definition.fitted(
        app,
        "moviefile",
        {
            "movieId": row["item_id"],
            "relativePath": f"{name}.mkv",
            "path": f"{movie['root']}/{movie['title']} ({movie['year']})/{name}.mkv",
            "size": row["size"],
            "dateAdded": stamp(row["added_at"]),
            "sceneName": row["scene_name"],
            "originalFilePath": f"{name}/{name}.mkv",
            "releaseGroup": "SIM",
            "edition": "",
            "languages": [_ENGLISH],
            "quality": app.definition.catalogue.model(row["quality_id"]),
            "customFormats": app.library.formats_of(row) if scores else None,
            "customFormatScore": row["score"] if scores else None,
            "indexerFlags": 0,
            "qualityCutoffNotMet": row["quality_id"] in profile.below_cutoff(),
            "id": row["id"],
        },
        row,
    )


def include_owners(app: "SimApp", item_id: int | None, request: Request) -> Json:
    """The movie of a queue or history record, where asked for."""
    if item_id is None or not flag(request, "includeMovie", False):
        return {}
    row = app.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
    if row is None:
        return {}
    lacks = app.definition.lacks.get("nested_movie", frozenset())
    movie = movie_list(app, [row], request)[0]
    return {"movie": {name: value for name, value in movie.items() if name not in lacks}}
