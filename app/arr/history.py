"""The apps' history: the events of downloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import AliasPath, Field

from app.arr.models import HistoryEvent, HistoryKind
from app.arr.parsing import MaybeNumber, MaybeScore, Moment, PageResource, Resource, Text, read_all, read_one
from app.arr.resources import ItemId, OwnerId, QualityName
from app.http.bodies import Json

# The `releaseSource` of searches that a person or the API started, as opposed to the app itself.
INVOKED_SEARCH = "userinvokedsearch"
UNKNOWN_SOURCES = ("", "unknown")


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of the history, newest first; `events` leaves out what `HistoryKind` does not know."""

    events: tuple[HistoryEvent, ...]
    oldest_at: datetime | None
    """The earliest date on the page, of any event; `None` when the page is empty."""
    is_last: bool


class HistoryResource(Resource):
    event_type: Text = None
    date: Moment = None
    item_id: ItemId = None
    owner_id: OwnerId = None
    season_number: MaybeNumber = Field(None, validation_alias=AliasPath("episode", "seasonNumber"))
    download_id: Text = None
    source_title: Text = None
    quality: QualityName = None
    custom_format_score: MaybeScore = None
    indexer: Text = Field(None, validation_alias=AliasPath("data", "indexer"))
    release_source: Text = Field(None, validation_alias=AliasPath("data", "releaseSource"))

    @property
    def by_search(self) -> bool | None:
        source = (self.release_source or "").lower()
        return None if source in UNKNOWN_SOURCES else source == INVOKED_SEARCH


def read_history_page(
    reply: Json, kinds: Mapping[str, HistoryKind], *, page: int, page_size: int, has_scores: bool
) -> EventPage:
    """Page `page` (from 1) of pages of `page_size` rows."""
    found = read_one(PageResource, reply, "page of the history")
    rows, _ = read_all(HistoryResource, found.records, "history")
    dates = [row.date for row in rows if row.date is not None]
    return EventPage(
        events=tuple(_known(rows, kinds, has_scores=has_scores)),
        oldest_at=min(dates, default=None),
        is_last=not found.records or page * page_size >= found.total_records,
    )


def _known(
    resources: Sequence[HistoryResource], kinds: Mapping[str, HistoryKind], *, has_scores: bool
) -> list[HistoryEvent]:
    """Events whose name `kinds` has (in lower case), with a date and an item, in the app's order."""
    events: list[HistoryEvent] = []
    for resource in resources:
        kind = kinds.get((resource.event_type or "").lower())
        if kind is None or resource.date is None or resource.item_id is None:
            continue
        events.append(
            HistoryEvent(
                kind=kind,
                at=resource.date,
                item_id=resource.item_id,
                owner_id=resource.owner_id,
                season=resource.season_number,
                download_id=resource.download_id,
                release_title=resource.source_title,
                indexer=resource.indexer,
                quality=resource.quality,
                score=resource.custom_format_score if has_scores else None,
                by_search=resource.by_search,
            )
        )
    return events
