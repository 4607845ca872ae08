"""The app's history: what became of downloads, in the words of any app (arr contracts §6.4)."""

from collections.abc import Mapping

from pydantic import AliasPath, Field

from app.arr.models import HistoryEvent, HistoryKind
from app.arr.parsing import MaybeNumber, MaybeScore, Moment, Resource, Text, read_list
from app.arr.resources import ItemId, OwnerId, QualityName
from app.http.bodies import Json

ASKED_FOR = "UserInvokedSearch"  # of the API as of a click: a search that was not the app's own idea
NOT_SAID = ("", "unknown")


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
        return None if source in NOT_SAID else source == ASKED_FOR.lower()


def read_events(reply: Json, kinds: Mapping[str, HistoryKind], *, has_scores: bool) -> list[HistoryEvent]:
    """The events that `kinds` names (in lower case) and that say when and of which item, in the app's order."""
    events: list[HistoryEvent] = []
    for one in read_list(HistoryResource, reply, "history"):
        kind = kinds.get((one.event_type or "").lower())
        if kind is None or one.date is None or one.item_id is None:
            continue
        events.append(
            HistoryEvent(
                kind=kind,
                at=one.date,
                item_id=one.item_id,
                owner_id=one.owner_id,
                season=one.season_number,
                download_id=one.download_id,
                release_title=one.source_title,
                indexer=one.indexer,
                quality=one.quality,
                score=one.custom_format_score if has_scores else None,
                by_search=one.by_search,
            )
        )
    return events
