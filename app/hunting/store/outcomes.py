"""The outcome of searches, from the command and from the app's history. Pure, in the app's own time.

A grab belongs to a search when it happened between the start of its command and a minute after the end, to an item
that the search covers, and not by RSS. The same download may be grabbed again: the newest search that it belongs to
owns it from then on. An import, or its failure, belongs to the search that owns the download.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.arr.models import Command, CommandStatus, HistoryEvent, HistoryKind
from app.hunting.store.models import Outcome

SLACK = timedelta(seconds=60)
MAX_DURATION = timedelta(hours=2)
"""Assumed for a command whose end nobody saw."""
LOST_AFTER = timedelta(days=7)
MAX_TITLES = 50
MIN_ABSENCE = timedelta(minutes=10)
"""Between the two looks at the queue that make a download absent: a restarted app shows none for a while."""
ABSENT_AFTER = timedelta(hours=1)
ABSENT = "An hour later it is neither in the app's queue nor imported."
GRABBED_AGAIN = "The download left the app's queue without an import, and was grabbed again later."
RESTARTED = "The app was restarted before the search had ended."
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
    release_titles: tuple[str, ...] = ()
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

    def covers(self, moment: datetime) -> bool:
        """Whether a grab at this moment, by the app's clock, may come of the search."""
        return self.began_at <= moment <= (self.ended_at or self.began_at + MAX_DURATION) + SLACK


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
    imports: dict[int, dict[int, datetime]] = field(default_factory=dict)
    """By search id: the items that were imported, and when."""


def of_command(command: Command, *, is_tracked: bool) -> Result:
    """The result by a command that is over; some apps report how many releases they grabbed, some do not."""
    if command.status is not CommandStatus.COMPLETED:
        said = RESTARTED if command.status is CommandStatus.ORPHANED else f"The app says: {command.status.value}."
        return Result(Outcome.SEARCH_FAILED, command.message or said)
    if command.grabs is not None:
        return Result(Outcome.GRABBED if command.grabs else Outcome.NOTHING_FOUND, command.message)
    if is_tracked:
        return Result(Outcome.PENDING, command.message)
    return Result(Outcome.UNKNOWN, "The app does not say what it found, and outcomes are not followed.")


def from_history(tracked: Sequence[Tracked], events: Iterable[KeyedEvent]) -> Findings:
    """Apply `events`, the oldest first, to the searches that are followed."""
    found = Findings()
    searches = {search.search_id: search for search in tracked}
    results = {search.search_id: search.result for search in tracked}
    # Times are whole seconds: within a second the grab comes first.
    for keyed in sorted(events, key=lambda keyed: (keyed.event.at, keyed.event.kind is not HistoryKind.GRABBED)):
        event = keyed.event
        if event.kind is HistoryKind.GRABBED:
            _apply_grab(found, searches, results, keyed)
            continue
        search_id = _owner_of(results, event.download_id)
        if search_id is not None:
            results[search_id] = _moved_on(results[search_id], event)
            if event.kind is HistoryKind.IMPORTED:
                found.imports.setdefault(search_id, {})[event.item_id] = event.at
    for search in tracked:
        result = results[search.search_id]
        if search.is_over and result.outcome is Outcome.PENDING:
            outcome = Outcome.UNKNOWN if search.ended_at is None else Outcome.NOTHING_FOUND
            result = replace(result, outcome=outcome)
        if result != search.result:
            found.results[search.search_id] = result
    return found


def _apply_grab(
    found: Findings, searches: Mapping[int, Tracked], results: dict[int, Result], keyed: KeyedEvent
) -> None:
    """Give the download to the newest search that the grab belongs to; whoever had it before has it no longer."""
    event = keyed.event
    cause = _cause_of(keyed, searches.values())
    owner_id = _owner_of(results, event.download_id)
    owner = searches[owner_id] if owner_id is not None else None
    if owner is not None and owner != cause:
        if owner.covers(event.at) or event.at < owner.began_at:
            return  # the same release, which also has items that were not searched, or an older grab of it
        results[owner.search_id] = _without(results[owner.search_id], event.download_id or "")
    if cause is None:
        found.foreign.add(keyed.keys[0])
    else:
        results[cause.search_id] = _grabbed(results[cause.search_id], event)


def _owner_of(results: Mapping[int, Result], download_id: str | None) -> int | None:
    """The search that the download belongs to now."""
    return next((each for each, result in results.items() if download_id in result.download_ids), None)


def refused(result: Result, stuck: Collection[str], message: str | None = None) -> Result:
    """A grab whose downloads are all stuck in the app's queue has failed, until it is imported."""
    return _failed(
        result, [download_id for download_id in result.download_ids if download_id in stuck], message or REFUSED
    )


def absent(result: Result) -> Result:
    """A grab of which the app has neither a download nor an import has failed, until it is imported."""
    return _failed(result, result.download_ids, ABSENT)


def given_up(result: Result, searched_at: datetime, now: datetime) -> Result:
    """The result after seven days without news."""
    if now - searched_at < LOST_AFTER:
        return result
    if result.outcome is Outcome.GRABBED:
        return replace(result, outcome=Outcome.LOST, message="Seven days later it was not imported.")
    if result.outcome is Outcome.PENDING:
        return replace(result, outcome=Outcome.UNKNOWN, message="The app did not tell what came of it.")
    return result


def _cause_of(grab: KeyedEvent, tracked: Iterable[Tracked]) -> Tracked | None:
    """The search that led to the grab: of the narrowest unit, and among those the latest."""
    if grab.event.by_search is False:
        return None
    fitting = [search for search in tracked if search.media_key in grab.keys and search.covers(grab.event.at)]
    return max(
        fitting,
        key=lambda search: (-grab.keys.index(search.media_key), search.began_at, search.search_id),
        default=None,
    )


def _grabbed(result: Result, event: HistoryEvent) -> Result:
    """The first grab gives the search its release; a season search may lead to more grabs."""
    if event.download_id is not None and event.download_id in result.download_ids:
        return result
    if event.download_id is None and result.grabbed_at is not None and event.at <= result.grabbed_at:
        return result
    ids = result.download_ids if event.download_id is None else (*result.download_ids, event.download_id)
    titles = result.release_titles if event.release_title is None else (*result.release_titles, event.release_title)
    changed = replace(result, download_ids=ids, release_titles=titles[:MAX_TITLES])
    if result.grabbed_at is None:
        changed = replace(changed, grabbed_at=event.at, indexer=event.indexer, quality=event.quality, score=event.score)
    if result.outcome in (Outcome.PENDING, Outcome.NOTHING_FOUND, Outcome.IMPORT_FAILED):
        changed = replace(changed, outcome=Outcome.GRABBED)
    return changed


def _without(result: Result, download_id: str) -> Result:
    """A later grab took the download over: what becomes of it is no outcome of this search any more."""
    ids = tuple(each for each in result.download_ids if each != download_id)
    failed = tuple(each for each in result.failed_ids if each != download_id)
    changed = replace(result, download_ids=ids, failed_ids=failed)
    if result.outcome is Outcome.GRABBED and set(ids) <= set(failed):
        return replace(changed, outcome=Outcome.IMPORT_FAILED, message=GRABBED_AGAIN)
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
