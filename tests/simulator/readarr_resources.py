"""Readarr's authors, books and book files as JSON."""

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

FOREIGN = "gr-"
_RATINGS = {"votes": 100, "value": 4.1, "popularity": 410.0}
_STATISTICS = """
SELECT i.parent_id, count(*) AS total, sum(i.parts_had) AS files,
       sum((i.monitored AND i.due_at <= :now) OR i.parts_had > 0) AS books, sum(i.due_at <= :now) AS available,
       sum((SELECT coalesce(sum(f.size), 0) FROM files f WHERE f.item_id = i.id)) AS size
FROM items i GROUP BY i.parent_id
"""


def _last_first(name: str) -> str:
    first, _, last = name.rpartition(" ")
    return f"{last}, {first}" if first else name


def author_list(app: "SimApp", rows: Sequence[Row]) -> list[Json]:
    """Authors with statistics."""
    now = {"now": int(app.clock.timestamp())}
    counts = {row["parent_id"]: row for row in app.db.rows(_STATISTICS, now)}
    return [
        {
            **author_plain(row),
            "rootFolderPath": row["root"],
            "statistics": _author_statistics(counts.get(row["id"])),
        }
        for row in rows
    ]


def author_plain(row: Row) -> Json:
    """The author nested in other records; its statistics are written, and empty."""
    name = row["title"]
    return {
        "authorMetadataId": row["id"],
        "status": row["status"],
        "ended": row["status"] == "ended",
        "authorName": name,
        "authorNameLastFirst": _last_first(name),
        "foreignAuthorId": f"{FOREIGN}author-{row['id']}",
        "titleSlug": f"{FOREIGN}author-{row['id']}",
        "overview": f"Who {name} is.",
        "links": [],
        "images": [],
        "path": f"{row['root']}/{name}",
        "qualityProfileId": row["profile_id"],
        "metadataProfileId": 1,
        "monitored": bool(row["monitored"]),
        "monitorNewItems": "all",
        "genres": [],
        "cleanName": row["slug"].replace("-", ""),
        "sortName": row["sort_title"],
        "sortNameLastFirst": _last_first(name).lower(),
        "tags": json.loads(row["tags"]),
        "added": stamp(row["added_at"]),
        "ratings": _RATINGS,
        "statistics": _author_statistics(None),
        "id": row["id"],
    }


def _author_statistics(entry: Row | None) -> Json:
    files, books, total, size = (entry["files"], entry["books"], entry["total"], entry["size"]) if entry else (0,) * 4
    available = entry["available"] or 0 if entry else 0
    return {**_counts(files, books or 0, total, size), "availableBookCount": available}


def _counts(files: int, books: int, total: int, size: int) -> Json:
    return {
        "bookFileCount": files,
        "bookCount": books,
        "totalBookCount": total,
        "sizeOnDisk": size,
        "percentOfBooks": 100.0 * files / books if books else 0.0,
    }


def book_list(app: "SimApp", rows: Sequence[Row], request: Request | None = None) -> list[Json]:
    """Books, without a search time; with their author only where asked for."""
    authors = app.db.by_ids("parents", sorted({row["parent_id"] for row in rows}))
    files = app.db.by_ids("files", [row["file_id"] for row in rows if row["file_id"]])
    records = [_book(app, row, authors[row["parent_id"]], files.get(row["file_id"])) for row in rows]
    if request is not None and flag(request, "includeAuthor", False):
        for row, record in zip(rows, records, strict=True):
            record["author"] = author_plain(authors[row["parent_id"]])
    return records


def single_book(app: "SimApp", rows: Sequence[Row]) -> list[Json]:
    """By id: with overview, author and editions."""
    return [
        {
            **record,
            "overview": f"What {row['title']} is about.",
            "author": author_plain(app.library.parent(row["parent_id"])),
            "editions": [_edition(row, number) for number in range(1, row["editions"] + 1)],
        }
        for row, record in zip(rows, book_list(app, rows), strict=True)
    ]


def _book(app: "SimApp", row: Row, author: Row, file: Row | None) -> Json:
    had = int(row["parts_had"] > 0)
    wanted = row["monitored"] and (row["due_at"] or 0) <= app.clock.timestamp()
    return present(
        {
            "title": row["title"],
            "authorTitle": f"{_last_first(author['title']).lower()} {row['title']}",
            "seriesTitle": "",
            "disambiguation": "",
            "authorId": row["parent_id"],
            "foreignBookId": f"{FOREIGN}book-{row['id']}",
            "foreignEditionId": f"{FOREIGN}edition-{row['id']}",
            "titleSlug": f"{FOREIGN}book-{row['id']}",
            "monitored": bool(row["monitored"]),
            "anyEditionOk": True,
            "ratings": _RATINGS,
            "releaseDate": stamp(row["air_at"]),
            "pageCount": 320,
            "genres": [],
            "images": [],
            "links": [],
            "statistics": _counts(had, int(bool(wanted or had)), 1, file["size"] if file else 0),
            "added": stamp(row["added_at"]),
            "grabbed": False,
            "id": row["id"],
        }
    )


def _edition(row: Row, number: int) -> Json:
    return {
        "bookId": row["id"],
        "foreignEditionId": f"{FOREIGN}edition-{row['id']}-{number}",
        "titleSlug": f"{FOREIGN}edition-{row['id']}-{number}",
        "title": row["title"],
        "language": "eng",
        "overview": "",
        "format": "",
        "isEbook": True,
        "disambiguation": "",
        "publisher": "",
        "pageCount": 320,
        "images": [],
        "links": [],
        "ratings": _RATINGS,
        "monitored": True,
        "manualAdd": False,
        "grabbed": False,
        "id": row["id"] * 10 + number,
    }


def file_list(app: "SimApp", rows: Sequence[Row]) -> list[Json]:
    """Book files: no format and no score, only whether their quality is below the cutoff."""
    authors = app.db.by_ids("parents", sorted({row["parent_id"] for row in rows}))
    books = app.db.by_ids("items", sorted({row["item_id"] for row in rows}))
    return [_file(app, row, authors[row["parent_id"]], books[row["item_id"]]) for row in rows]


def _file(app: "SimApp", row: Row, author: Row, book: Row) -> Json:
    return {
        "authorId": row["parent_id"],
        "bookId": row["item_id"],
        "path": f"{author['root']}/{author['title']}/{slug(book['title'])}.epub",
        "size": row["size"],
        "dateAdded": stamp(row["added_at"]),
        "quality": app.definition.catalogue.model(row["quality_id"]),
        "qualityWeight": row["quality_id"],
        "indexerFlags": 0,
        "qualityCutoffNotMet": row["quality_id"] in app.library.profiles[author["profile_id"]].below_cutoff(),
        "id": row["id"],
    }


def include_owners(app: "SimApp", item_id: int | None, request: Request) -> Json:
    """Author and book for queue and history records, where asked for; queue/details has books unasked."""
    row = None if item_id is None else app.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
    if row is None:
        return {}
    shape: Json = {}
    if flag(request, "includeAuthor", False):
        shape["author"] = author_plain(app.library.parent(row["parent_id"]))
    if flag(request, "includeBook", request.route == "queue/details"):
        shape["book"] = book_list(app, [row])[0]
        del shape["book"]["statistics"]
    return shape


def queue_fields(app: "SimApp", row: QueueRow) -> Json:
    del app, row
    return {"downloadForced": False}
