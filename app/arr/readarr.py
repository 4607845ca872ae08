"""Readarr: books of authors. It keeps neither custom-format scores nor, in its records, the time of a search."""

from collections.abc import Mapping
from typing import ClassVar

from app.arr.http import Params
from app.arr.models import AppType, HistoryKind, Mode, SortKey, Unit
from app.arr.owned import OwnedClient
from app.arr.resources import OwnedResource


class ReadarrClient(OwnedClient):
    """A book with several monitored editions may come twice in a wanted list."""

    app_type: ClassVar[AppType] = AppType.READARR
    app_name: ClassVar[str] = "Readarr"
    prefix: ClassVar[str] = "/api/v1"
    default_port: ClassVar[int] = 8787
    item: ClassVar[Unit] = Unit.BOOK
    owner: ClassVar[Unit] = Unit.AUTHOR
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.BOOK, Unit.AUTHOR})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.BOOK, Mode.AUTHOR)
    searches: ClassVar[Mapping[Unit, str]] = {Unit.BOOK: "BookSearch", Unit.AUTHOR: "AuthorSearch"}
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # it is put into SQL, without its table
        SortKey.RELEASED: "releaseDate",
    }
    reports_last_search: ClassVar[bool] = False
    has_scores: ClassVar[bool] = False
    item_resource: ClassVar[type[OwnedResource]] = OwnedResource
    file_path: ClassVar[str] = "bookfile"
    queue_params: ClassVar[Params] = {"includeUnknownAuthorItems": True}
    wanted_params: ClassVar[Params] = {"includeAuthor": True}
    history_kinds: ClassVar[Mapping[str, HistoryKind]] = {
        "bookfileimported": HistoryKind.IMPORTED,
        "downloadimported": HistoryKind.IMPORTED,
        "bookimportincomplete": HistoryKind.INCOMPLETE,
    }
