"""The resources of Whisparr v3 besides Radarr's: scenes, studios, performers."""

# ruff: noqa: S608 - SQL fragments are this module's own; values are always bound

import json
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator.messages import Json, present, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


def scene(app: "SimApp", row: Row) -> Json:
    """The fields of a movie or scene in either eros."""
    studio = app.db.row("SELECT * FROM studios WHERE id = ?", (row["studio_id"],))
    people = app.db.by_ids("performers", json.loads(row["performers"]))
    is_scene = row["kind"] == "scene"
    foreign = f"scene-{row['id']}" if is_scene else str(100_000 + row["id"])
    return {
        "itemType": row["kind"],
        **({"ratings": {}} if is_scene else {}),
        "studioTitle": studio["title"] if studio else None,
        "studioForeignId": f"studio-{studio['id']}" if studio else None,
        "code": "",
        "tpdbId": "",
        "foreignId": foreign,
        "stashId": foreign if is_scene else "",
        "credits": [_credit(row["id"], person, order) for order, person in enumerate(people.values())],
    }


def _credit(movie_id: int, person: Row, order: int) -> Json:
    foreign = f"performer-{person['id']}"
    return {
        "movieMetadataId": movie_id,
        "performerForeignId": foreign,
        "character": "",
        "order": order,
        "type": "cast",
        "performer": {"name": person["name"], "foreignId": foreign, "gender": "female", "images": []},
        "id": 0,
    }


def _old_credit(movie_id: int, person: Row, order: int) -> Json:
    return {
        "personName": person["name"],
        "performerForeignId": f"performer-{person['id']}",
        "movieMetadataId": movie_id,
        "images": [],
        "job": "",
        "character": "",
        "order": order,
        "type": "cast",
    }


def old_scene(app: "SimApp", row: Row) -> Json:
    """Old eros: the release date is text."""
    released = row["digital_at"] if row["digital_at"] is not None else row["cinema_at"]
    people = app.db.by_ids("performers", json.loads(row["performers"]))
    return {
        **{name: value for name, value in scene(app, row).items() if name not in ("code", "tpdbId")},
        "imdbId": f"tt{row['id']:07}",
        "credits": [_old_credit(row["id"], person, order) for order, person in enumerate(people.values())],
        "releaseDate": None if released is None else (stamp(released) or "")[:10],
    }


def performer(app: "SimApp", row: Row) -> Json:
    return present(
        {
            "fullName": row["name"],
            "gender": "female",
            **{"hairColor": "brown", "ethnicity": "other", "careerStart": 2010, "age": 40, "tmdbId": 0, "tpdbId": ""},
            **{"studios": [{"title": "A Studio", "foreignId": "studio-1"}], **_counts()},
            "status": "active",
            "foreignId": f"performer-{row['id']}",
            "images": [],
            "monitored": bool(row["monitored"]),
            "rootFolderPath": app.library.root,
            "qualityProfileId": 1,
            "searchOnAdd": False,
            "tags": [],
            "added": stamp(app.started_at),
            "id": row["id"],
        }
    )


def _counts() -> Json:
    """What studios and performers tell of their movies and scenes; nobody has asked for the true numbers yet."""
    flags = {"moviesMonitored": False, "hasMovies": True, "hasScenes": True}
    names = ("movieCount", "totalMovieCount", "sceneCount", "totalSceneCount", "sizeOnDisk")
    return {**flags, **dict.fromkeys(names, 0)}


def studio(app: "SimApp", row: Row) -> Json:
    return {
        "title": row["title"],
        "sortTitle": row["title"].lower(),
        **{"status": "active", "aliases": [], "years": [2015], "tmdbId": 0, "tpdbId": "", **_counts()},
        "foreignId": f"studio-{row['id']}",
        "website": "",
        "network": "",
        "images": [],
        "monitored": bool(row["monitored"]),
        "rootFolderPath": app.library.root,
        "qualityProfileId": 1,
        "searchOnAdd": False,
        "tags": [],
        "id": row["id"],
    }


def cast(app: "SimApp", performer_id: int) -> list[Row]:
    """The monitored movies and scenes of a performer."""
    member = "EXISTS (SELECT 1 FROM json_each(items.performers) WHERE json_each.value = ?)"
    return app.db.rows(f"SELECT * FROM items WHERE monitored = 1 AND {member} ORDER BY id", (performer_id,))
