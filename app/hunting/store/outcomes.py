"""The outcome of searches, from the command and from the app's history. Pure, in the app's own time.

A grab belongs to a search when it happened between the start of its command and a minute after the end, to an item
that the search covers, and not by RSS. An import, or its failure, belongs to the search by the download's id.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.arr.models import Command, CommandStatus, HistoryEvent, HistoryKind
from app.hunting.store.models import Outcome

SLACK = timedelta(seconds=60)
MAX_DURATION = timedelta(hours=2)
"""Assumed for a command whose end nobody saw."""
LOST_AFTER = timedelta(days=7)
REFUSED = "The app does not import the download by itself: look at its queue."
FAILURES = {
    HistoryKind.FAILED: "The download failed.",
    HistoryKind.IGNORED: "The download was taken out of the app's queue.",
    HistoryKind.INCOMPLETE: "The app could import only a part of the download.",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a search so far; `None` where nothing is."""

    outcome: Outcome
    message: str | None = None
    download_ids: tuple[str, ...] = ()
    failed_ids: tuple[str, ...] = ()
    """The downloads that failed."""
    grabbed_at: datetime | None = None
    imported_at: datetime | None = None
    indexer: str | None = None
    release_title: str | None = None
    quality: str | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Tracked:
    """A followed search, before this read of the history."""

    search_id: int
    media_key: str
    """What it searched."""
    began_at: datetime
    ended_at: datetime | None
    is_over: bool
    """Whether its command ended long enough ago that the history has every grab of it."""
    result: Result


@dataclass(frozen=True, slots=True)
class KeyedEvent:
    """An event, and the keys that it is about, the narrowest first: the item, its season, its owner."""

    event: HistoryEvent
    keys: tuple[str, ...]


@dataclass
class Findings:
    """What one read of the history found."""

    results: dict[int, Result] = field(default_factory=dict)
    """By search id; only results that changed."""
    foreign: set[str] = field(default_factory=set)
    """Keys of items for which somebody else's search, or RSS, grabbed a release."""


def of_command(command: Command, *, is_tracked: bool) -> Result:
    """The result by a command that is over; some apps report how many releases they grabbed, some do not."""
    if command.status is not CommandStatus.COMPLETED:
        return Result(Outcome.SEARCH_FAILED, command.message or f"The app says: {command.status.value}.")
    if command.grabs is not None:
        return Result(Outcome.GRABBED if command.grabs else Outcome.NOTHING_FOUND, command.message)
    if is_tracked:
        return Result(Outcome.PENDING, command.message)
    return Result(Outcome.UNKNOWN, "The app does not say what it found, and outcomes are not followed.")


def from_history(tracked: Sequence[Tracked], events: Iterable[KeyedEvent]) -> Findings:
    """Apply `events`, the oldest first, to the searches that are followed."""
    found = Findings()
    results = {search.search_id: search.result for search in tracked}
    owners = {download_id: search.search_id for search in tracked for download_id in search.result.download_ids}
    # Times are whole seconds: within a second the grab comes first.
    for keyed in sorted(events, key=lambda keyed: (keyed.event.at, keyed.event.kind is not HistoryKind.GRABBED)):
        event = keyed.event
        search_id = owners.get(event.download_id or "")
        if event.kind is HistoryKind.GRABBED and search_id is None:
            cause = _cause_of(keyed, tracked)
            if cause is None:
                found.foreign.add(keyed.keys[0])
                continue
            search_id = cause.search_id
            if event.download_id is not None:
                owners[event.download_id] = search_id
            results[search_id] = _grabbed(results[search_id], event)
        elif search_id is not None:
            results[search_id] = _moved_on(results[search_id], event)
    for search in tracked:
        result = results[search.search_id]
        if search.is_over and result.outcome is Outcome.PENDING:
            outcome = Outcome.UNKNOWN if search.ended_at is None else Outcome.NOTHING_FOUND
            result = replace(result, outcome=outcome)
        if result != search.result:
            found.results[search.search_id] = result
    return found


def refused(result: Result, stuck: Collection[str], message: str | None = None) -> Result:
    """A grab whose downloads are all stuck in the app's queue has failed, until it is imported."""
    return _failed(
        result, [download_id for download_id in result.download_ids if download_id in stuck], message or REFUSED
    )


def given_up(result: Result, searched_at: datetime, now: datetime) -> Result:
    """The result after seven days without news."""
    if now - searched_at < LOST_AFTER:
        return result
    if result.outcome is Outcome.GRABBED:
        return replace(result, outcome=Outcome.LOST, message="Seven days later it was not imported.")
    if result.outcome is Outcome.PENDING:
        return replace(result, outcome=Outcome.UNKNOWN, message="The app did not tell what came of it.")
    return result


def _cause_of(grab: KeyedEvent, tracked: Sequence[Tracked]) -> Tracked | None:
    """The search that led to the grab: of the narrowest unit, and among those the latest."""
    if grab.event.by_search is False:
        return None
    for key in grab.keys:
        fitting = [
            search
            for search in tracked
            if search.media_key == key
            and search.began_at <= grab.event.at <= (search.ended_at or search.began_at + MAX_DURATION) + SLACK
        ]
        if fitting:
            return max(fitting, key=lambda search: (search.began_at, search.search_id))
    return None


def _grabbed(result: Result, event: HistoryEvent) -> Result:
    """The first grab gives the search its release; a season search may lead to more grabs."""
    ids = result.download_ids if event.download_id is None else (*result.download_ids, event.download_id)
    changed = replace(result, download_ids=ids)
    if result.grabbed_at is None:
        changed = replace(
            changed,
            grabbed_at=event.at,
            indexer=event.indexer,
            release_title=event.release_title,
            quality=event.quality,
            score=event.score,
        )
    if result.outcome in (Outcome.PENDING, Outcome.NOTHING_FOUND, Outcome.IMPORT_FAILED):
        changed = replace(changed, outcome=Outcome.GRABBED)
    return changed


def _moved_on(result: Result, event: HistoryEvent) -> Result:
    """An import is final; a failure counts as long as there was no import."""
    if result.grabbed_at is not None and event.at < result.grabbed_at:
        return result
    if event.kind is HistoryKind.IMPORTED:
        if result.imported_at is not None:
            return result
        return replace(
            result,
            outcome=Outcome.IMPORTED,
            message=None,
            imported_at=event.at,
            quality=event.quality or result.quality,
            score=event.score if event.score is not None else result.score,
        )
    if event.kind in FAILURES and event.download_id is not None:
        return _failed(result, [event.download_id], FAILURES[event.kind])
    return result


def _failed(result: Result, download_ids: Sequence[str], message: str) -> Result:
    """A search has failed when all of its downloads have."""
    if result.outcome is not Outcome.GRABBED or not download_ids:
        return result
    failed = tuple(dict.fromkeys((*result.failed_ids, *download_ids)))
    if set(failed) < set(result.download_ids):
        return replace(result, failed_ids=failed)
    return replace(result, outcome=Outcome.IMPORT_FAILED, message=message, failed_ids=failed)
