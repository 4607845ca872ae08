"""Simulated Readarr."""

from typing import TYPE_CHECKING, Any

from tests.simulator import catalogues, errors
from tests.simulator.definition import AppDefinition, HistoryShape, ItemNames, QueueShape, SortKeys
from tests.simulator.lidarr import root_folder
from tests.simulator.messages import Json
from tests.simulator.owned_commands import owned_kinds, owned_work
from tests.simulator.owned_routes import OwnedRoutes
from tests.simulator.readarr_resources import (
    FOREIGN,
    author_list,
    book_list,
    file_list,
    include_owners,
    queue_fields,
    single_book,
)
from tests.simulator.routes import history, queue, system, wanted
from tests.simulator.shared_commands import by_name

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_ROUTES = OwnedRoutes(
    name_field="authorName",
    foreign_owner=None,
    foreign_item="titleSlug",
    foreign_prefix=FOREIGN,
    file="bookfile",
    file_ids_field="bookFileIds",
    file_kind="BookFile",
    write_owners=author_list,
    write_items=book_list,
    write_item=single_book,
    write_files=file_list,
)
_WANTED_KEYS = SortKeys(
    {
        "id": "i.id",
        "releasedate": "i.air_at",
        "title": "i.title",
        "lastsearchtime": "i.last_search_at",
        "sortname": "p.sort_title",
    },
    "Books.Id",
    unknown="constant",
    without_table=True,
)


def _root_folder(app: "SimApp", row: Any) -> Json:
    return {**root_folder(app, row), "isCalibreLibrary": False, "port": 0, "useSsl": False, "outputProfile": "default"}


READARR = AppDefinition(
    kind="readarr",
    app_type="readarr",
    app_name="Readarr",
    version="0.4.18.2805",
    prefix="api/v1",
    api_index={"current": "v1", "deprecated": []},
    names=ItemNames(
        item="book",
        items_field="bookIds",
        parent="author",
        parent_field="authorId",
        unknown_flag="includeUnknownAuthorItems",
        kind="Book",
        search="BookSearch",
        parent_kind="Author",
    ),
    movie_like=False,
    catalogue=catalogues.BOOKS,
    command_kinds=by_name(owned_kinds("Book", "Author")),
    command_work=owned_work("Book", "Author"),
    missing_keys=_WANTED_KEYS,
    cutoff_keys=_WANTED_KEYS,
    queue=QueueShape(
        keys=SortKeys({}, "timeleft", unknown="free"),
        row_suffix="book",
        filters=frozenset(),
        blocked_state="importFailed",
        blocklists_pending=True,
        fields=queue_fields,
    ),
    history=HistoryShape(
        events={
            0: "unknown",
            1: "grabbed",
            3: "bookFileImported",
            4: "downloadFailed",
            5: "bookFileDeleted",
            6: "bookFileRenamed",
            7: "bookImportIncomplete",
            8: "downloadImported",
            9: "bookFileRetagged",
            10: "downloadIgnored",
        },
        keys=SortKeys(
            {"date": "h.date_at", "sortname": "p.sort_title", "title": "i.title"},
            "date",
            unknown="constant",
            without_table=True,
        ),
        imported="bookFileImported",
        file_deleted="bookFileDeleted",
        item_imported="downloadImported",
        import_incomplete="bookImportIncomplete",
        filters=frozenset(),
    ),
    item_json=book_list,
    include_owners=include_owners,
    routes=[
        *system.ROUTES,
        *wanted.ROUTES,
        *queue.ROUTES,
        *history.ROUTES,
        *_ROUTES.routes("author", "book"),
    ],
    base_redirect=302,
    row_per_edition=True,
    body_has_type_exclusive=True,
    root_folder="/books",
    lacks={
        "queue": frozenset(("languages", "added")),
        "history": frozenset(("languages",)),
        "blocklist": frozenset(("languages",)),
        "rootfolder": frozenset(("unmappedFolders",)),
        "tagdetail": frozenset(("releaseProfileIds", "autoTagIds")),
        "indexer": frozenset(("seasonSearchMaximumSingleEpisodeAge",)),
    },
    adds={"rootfolder": _root_folder},
    unique_tags=True,
    grabbed_data={"nzbInfoUrl": "http://indexer.invalid/details", "downloadForced": "False"},
    blank_tags=True,
    keeps_user_agent=True,
    binding_media=errors.PROBLEM_MEDIA,
)
