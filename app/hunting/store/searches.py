"""All writes of a search, from its reservation to its outcome. Every write of a worker is one short transaction that
checks the fence, so that a worker that was taken over can write nothing."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import Command, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.counters.rollup import count, count_pass
from app.events.outbox import record_event
from app.hunting.selection.selector import Selected
from app.hunting.store.budgets import NO_BUDGET, budget_gate
from app.hunting.store.cap_entries import used_caps
from app.hunting.store.caps import Caps
from app.hunting.store.events import outcome_event, record_budget_reached, record_cap_reached, search_sent
from app.hunting.store.followed import followed_rows, led_to, result_of
from app.hunting.store.lease import FencedLease, HuntLease, fenced, fenced_with_state
from app.hunting.store.models import FOLLOWED, UNSETTLED, CapEntry, Hunt, HuntState, ItemState, Outcome, Search
from app.hunting.store.open_hunts import what_stops
from app.hunting.store.outcomes import (
    ABSENT_AFTER,
    LOST_AFTER,
    MIN_ABSENCE,
    Findings,
    Result,
    absent,
    given_up,
    of_command,
    refused,
)
from app.hunting.store.reasons import HuntReason
from app.instances.health import seen_working
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService

FOLLOW_UP_AFTER = timedelta(minutes=5)
FRUITLESS = (Outcome.NOTHING_FOUND, Outcome.SEARCH_FAILED, Outcome.IMPORT_FAILED, Outcome.LOST)
CONFIRMED = (Outcome.GRABBED, Outcome.IMPORTED, Outcome.IMPORT_FAILED, Outcome.LOST)
"""Outcomes after a release was sent to the download client."""
MAX_MESSAGE_LENGTH = 500
MAX_TITLE_LENGTH = 400
FORGOTTEN = "The app no longer knows the command."
WITHDRAWN = "Cancelled before the app began."
NOT_SEARCHED = "The app had no indexer to search with: nothing was searched."


class SearchStore:
    """Writes searches; `FollowedSearches` reads them."""

    def __init__(self, db: Database, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock

    async def reserve(
        self, lease: HuntLease, hunt_pass: HuntPass, choice: Selected, hunting: HuntingSettings, has_budget: bool
    ) -> int | HuntReason:
        """Commit the search as `sending` and its units as spent, all or nothing, before anything is sent.

        `has_budget`: a Prowlarr stands behind it. Returns the search's id, or why no further search may be sent.
        """
        units = choice.candidate.units
        async with fenced(self._db, lease) as (session, _):
            now = self._clock()  # not before the lock: a later entry never has an earlier time
            used = await used_caps(session, lease.instance_id, hunting, now)
            budget = await budget_gate(session, lease.instance_id, now, lock=True) if has_budget else NO_BUDGET
            stop = await self._stopped(session, lease, used, units)
            if stop is not None or not budget.is_open(now, units=units):
                return stop or HuntReason.BUDGET
            previous = await session.get(ItemState, (lease.instance_id, hunt_pass.value, choice.candidate.key))
            search = _new_search(lease, hunt_pass, choice, now, previous.last_searched_at if previous else None)
            session.add(search)
            await session.flush()
            search_id = search.id or 0
            await _remember_item(session, search, choice)
            session.add(CapEntry(instance_id=lease.instance_id, search_id=search_id, units=units, reserved_at=now))
            if used.left is not None and used.left <= units:
                await session.flush()
                await record_cap_reached(session, lease, await used_caps(session, lease.instance_id, hunting, now), now)
            await record_budget_reached(session, lease, budget.spending(units), now)
        return search_id

    async def accepted(self, lease: FencedLease, search_id: int, command: Command) -> None:
        """The app took the command: from now on it counts as searched."""
        async with fenced_with_state(self._db, lease) as (session, state, hunt_state):
            now, search = self._clock(), await session.get_one(Search, search_id)
            search.command_id, search.outcome = command.command_id, Outcome.PENDING.value
            search.command_began_at = command.started_at or command.queued_at or now
            seen_working(state)
            item = await _item_of(session, search)
            if item is not None:
                item.refused_at, item.refusals = None, 0
            hunt_state.follow_up_at = min(hunt_state.follow_up_at or now + FOLLOW_UP_AFTER, now + FOLLOW_UP_AFTER)
            await _count_search(session, search, now, 1)
            await record_event(session, search_sent(search), now)

    async def refused(self, lease: FencedLease, search_id: int, message: str, *, costs_item: bool = False) -> None:
        """The command never ran: its units and its cooldown are given back, the attempt stays in the history.

        `costs_item`: the item is left alone for a while all the same, longer with each refusal.
        """
        async with fenced(self._db, lease) as (session, _):
            now, search = self._clock(), await _give_back(session, search_id)
            item = await _item_of(session, search) if costs_item else None
            if item is not None:
                item.refused_at, item.refusals = now, item.refusals + 1
            await _settle(session, search, Result(Outcome.SEARCH_FAILED, message), now, ran=False)

    async def withdrawn(self, lease: FencedLease, search_id: int) -> None:
        """The app took the command and dropped it on our cancel before it began: nothing was searched."""
        await self._take_back(lease, search_id, Outcome.SEARCH_FAILED, WITHDRAWN)

    async def not_searched(self, lease: FencedLease, search_id: int, command: Command) -> None:
        """The app ran the command without an indexer to search with."""
        await self._take_back(lease, search_id, Outcome.NOT_SEARCHED, NOT_SEARCHED, command)

    async def _take_back(
        self, lease: FencedLease, search_id: int, outcome: Outcome, message: str, command: Command | None = None
    ) -> None:
        """A search that the app accepted and that did not take place: no unit, no cooldown, no number counts it."""
        async with fenced(self._db, lease) as (session, _):
            now, search = self._clock(), await _give_back(session, search_id)
            if command is not None:
                _note_times(search, command, now)
                await _note_not_searched(session, search, now)
            _write_result(search, replace(result_of(search), outcome=outcome, message=message), now)
            await _count_search(session, search, now, -1)

    async def unclear(self, lease: FencedLease, search_id: int, message: str) -> None:
        """Nobody can say whether the app searched; the cooldown runs all the same."""
        async with fenced(self._db, lease) as (session, _):
            search = await session.get_one(Search, search_id)
            await _settle(session, search, Result(Outcome.UNKNOWN, message), self._clock())

    async def command_over(self, lease: FencedLease, search_id: int, command: Command, *, is_tracked: bool) -> Outcome:
        """The app ran the search: its first outcome, by what the app says of the command."""
        async with fenced(self._db, lease) as (session, _):
            now, search = self._clock(), await session.get_one(Search, search_id)
            _note_times(search, command, now)
            if search.outcome in UNSETTLED:  # else the history was quicker, and knows more
                by_command = of_command(command, is_tracked=is_tracked)
                result = replace(result_of(search), outcome=by_command.outcome, message=by_command.message)
                await _settle(session, search, result, now)
        return Outcome(search.outcome)

    async def command_forgotten(self, lease: FencedLease, search_id: int, *, is_tracked: bool) -> None:
        """The app no longer knows the command: only its history can still tell what came of it."""
        async with fenced(self._db, lease) as (session, _):
            now, search = self._clock(), await session.get_one(Search, search_id)
            search.settled_at, search.message = now, FORGOTTEN
            if not is_tracked:
                await _settle(session, search, Result(Outcome.UNKNOWN, FORGOTTEN), now)

    async def settle_by_history(self, lease: FencedLease, findings: Findings, newest: datetime | None) -> None:
        """What was found in the history; `newest` is the time of its last event."""
        async with fenced(self._db, lease) as (session, hunt_state):
            await _settle_all(session, findings.results, self._clock())
            if findings.foreign:
                # Somebody else found something: the item is worth a normal cooldown again.
                rows = update(ItemState).where(
                    col(ItemState.instance_id) == lease.instance_id,
                    col(ItemState.hunt_pass).in_([each.value for each in HuntPass]),
                    col(ItemState.media_key).in_(findings.foreign),
                )
                await session.exec(rows.values(fruitless=0))
            await _count_down(session, hunt_state, findings)
            if newest is not None:
                hunt_state.history_at = max(newest, hunt_state.history_at or newest)

    async def settle_by_queue(self, lease: FencedLease, queued: Collection[str], stuck: Collection[str]) -> None:
        """`queued`: ids of all downloads; `stuck`: of those that are complete and that the app does not import."""
        now = self._clock()
        async with fenced(self._db, lease) as (session, hunt_state):
            rows = await followed_rows(session, lease.instance_id, now)
            results = {row.id or 0: refused(result_of(row), stuck) for row in rows}
            for row in rows:
                _look_for_downloads(row, queued, now)
                if _is_absent(row, hunt_state.followed_up_at, now):
                    results[row.id or 0] = absent(results[row.id or 0])
            await _settle_all(session, results, now)

    async def settle_by_webhook(self, instance_id: int, download_id: str, message: str | None) -> bool:
        """The app called because a download is stuck; whether a followed search led to it.

        No lease is held: the lock of the `HuntState`, which every write of a holder takes too, keeps the two apart.
        """
        now = self._clock()
        async with self._db.session() as session:
            await session.get(HuntState, instance_id, with_for_update=True)
            rows = await followed_rows(session, instance_id, now, led_to(download_id))
            results = {row.id or 0: refused(result_of(row), [download_id], message) for row in rows}
            await _settle_all(session, results, now)
        return bool(rows)

    async def give_up(self, lease: FencedLease) -> None:
        """Settle the searches of which nothing was heard for seven days."""
        now = self._clock()
        async with fenced(self._db, lease) as (session, _):
            query = select(Search).where(
                col(Search.instance_id) == lease.instance_id,
                col(Search.command_began_at).is_not(None),
                text(FOLLOWED),
                col(Search.searched_at) <= now - LOST_AFTER,
            )
            rows = (await session.exec(query)).all()
            results = {row.id or 0: given_up(result_of(row), row.searched_at, now) for row in rows}
            await _settle_all(session, results, now)

    async def _stopped(self, session: AsyncSession, lease: HuntLease, used: Caps, units: int) -> HuntReason | None:
        is_cancelled, general = await what_stops(session, lease.hunt_id)
        if is_cancelled:
            return HuntReason.CANCELLED
        if self._settings.pause_of(general).paused:
            return HuntReason.PAUSED
        return None if used.allows(units) else used.closed_by or HuntReason.HOURLY_CAP


def _new_search(
    lease: HuntLease, hunt_pass: HuntPass, choice: Selected, now: datetime, previous_at: datetime | None
) -> Search:
    item, before = choice.candidate, choice.before
    return Search(
        hunt_id=lease.hunt_id,
        instance_id=lease.instance_id,
        instance_name=lease.instance_name,
        app_type=lease.app_type,
        hunt_pass=hunt_pass.value,
        media_key=item.key,
        unit=item.unit,
        title=item.title[:MAX_TITLE_LENGTH],
        item_id=item.item_id,
        owner_id=item.owner_id,
        season=item.season,
        picked=choice.picked,
        units=item.units,
        searched_at=now,
        previous_at=previous_at,
        file_before=before.file_id if before else item.file_id,
        quality_before=before.quality if before else None,
        score_before=before.score if before else None,
    )


async def _remember_item(session: AsyncSession, search: Search, choice: Selected) -> None:
    """The item state as of this search."""
    item = choice.candidate
    key = {"instance_id": search.instance_id, "hunt_pass": search.hunt_pass, "media_key": search.media_key}
    facts = {
        "group_key": item.season_key,
        "owner_key": item.owner_key,
        "unit": search.unit,
        "title": search.title,
        "last_searched_at": search.searched_at,
        "fruitless": choice.failed_searches,
        "profile_id": item.quality_profile_id,
        "tag_ids": sorted(choice.tag_ids),
    }
    await upsert(session, ItemState, [key | facts], key=list(key), replace=list(facts))


def _note_times(search: Search, command: Command, now: datetime) -> None:
    """When the command began and ended, by the app's clock."""
    search.settled_at = now
    search.command_began_at = command.started_at or search.command_began_at
    search.command_ended_at = command.ended_at or search.command_began_at


async def _note_not_searched(session: AsyncSession, search: Search, now: datetime) -> None:
    """Twice in a row it may be the item: the next ones get their turn."""
    item = await _item_of(session, search)
    if item is None:
        return
    if item.last_outcome == Outcome.NOT_SEARCHED:
        item.refused_at, item.refusals = now, item.refusals + 1
    item.last_outcome = Outcome.NOT_SEARCHED.value


def _look_for_downloads(search: Search, queued: Collection[str], now: datetime) -> None:
    """Since when no download of an old grab is in the queue."""
    is_old = now - (search.settled_at or search.searched_at) >= ABSENT_AFTER
    open_ids = set(search.download_ids) - set(search.failed_ids)
    if search.outcome != Outcome.GRABBED or not open_ids or not open_ids.isdisjoint(queued):
        search.absent_at = None
    elif search.absent_at is None and is_old:
        search.absent_at = now


def _is_absent(search: Search, history_read_at: datetime | None, now: datetime) -> bool:
    """Whether two looks at the queue did not see its downloads, nor the history between them an import."""
    since = search.absent_at
    return since is not None and history_read_at is not None and since < history_read_at and now - since >= MIN_ABSENCE


async def _count_down(session: AsyncSession, hunt_state: HuntState, findings: Findings) -> None:
    """Subtract what was imported since the totals were read, and since the history was last read."""
    imported = dict.fromkeys((HuntPass.MISSING.value, HuntPass.CUTOFF.value), 0)
    read_at = {"missing": hunt_state.missing_total_at, "cutoff": hunt_state.cutoff_total_at}
    for search_id, items in findings.imports.items():
        search = await session.get_one(Search, search_id)
        since = [at for at in (hunt_state.history_at, read_at.get(search.hunt_pass)) if at is not None]
        if search.hunt_pass in imported and since:
            imported[search.hunt_pass] += sum(at > max(since) for at in items.values())
    if hunt_state.missing_total is not None:
        hunt_state.missing_total = max(0, hunt_state.missing_total - imported["missing"])
    if hunt_state.cutoff_total is not None:
        hunt_state.cutoff_total = max(0, hunt_state.cutoff_total - imported["cutoff"])


async def _count_search(session: AsyncSession, search: Search, now: datetime, by: int) -> None:
    """Count the search in its hunt and in the statistics, or (-1) count it no longer."""
    instance_id = search.instance_id or 0
    await session.exec(update(Hunt).where(col(Hunt.id) == search.hunt_id).values(searched=col(Hunt.searched) + by))
    counter = "hunted" if search.hunt_pass == HuntPass.MISSING else "upgraded"
    await count(session, search.app_type, instance_id, now, **{counter: by})
    await count_pass(session, search.app_type, instance_id, search.hunt_pass, now, searches=by)


async def _give_back(session: AsyncSession, search_id: int) -> Search:
    """The cap units and the cooldown of a search that never ran."""
    search = await session.get_one(Search, search_id)
    await session.exec(delete(CapEntry).where(col(CapEntry.search_id) == search_id))
    item = await _item_of(session, search)
    if item is not None:
        item.last_searched_at = search.previous_at
    return search


async def _item_of(session: AsyncSession, search: Search) -> ItemState | None:
    """The state of what was searched."""
    return await session.get(ItemState, (search.instance_id, search.hunt_pass, search.media_key))


async def _settle_all(session: AsyncSession, results: Mapping[int, Result], now: datetime) -> None:
    for search_id, result in results.items():
        await _settle(session, await session.get_one(Search, search_id), result, now)


async def _settle(session: AsyncSession, search: Search, result: Result, now: datetime, *, ran: bool = True) -> None:
    """Move a search to its result, with all that depends on it: counters, hunt, events, item state.

    `ran`: whether the app searched at all; what did not run is no fruitless search.
    """
    before = Outcome(search.outcome)
    _write_result(search, result, now)
    if before is result.outcome:
        return
    facts = {}
    is_new_grab = result.outcome in CONFIRMED and before not in CONFIRMED
    if is_new_grab:
        facts["grabbed"] = 1
    if result.outcome is Outcome.IMPORTED:
        facts["imported"] = 1
    if search.instance_id is not None and facts:
        await count_pass(session, search.app_type, search.instance_id, search.hunt_pass, now, **facts)
    if result.outcome is Outcome.SEARCH_FAILED:
        facts["errors"] = 1
        await session.exec(update(Hunt).where(col(Hunt.id) == search.hunt_id).values(errors=col(Hunt.errors) + 1))
    if search.instance_id is not None and facts:
        await count(session, search.app_type, search.instance_id, now, **facts)
    # The grab and its import may be found at the same time: each gets its event.
    for outcome in dict.fromkeys((Outcome.GRABBED, result.outcome) if is_new_grab else (result.outcome,)):
        event = outcome_event(search, outcome)
        if event is not None:
            await record_event(session, event, now)
    if ran:
        await _update_item(session, search, before, result.outcome)


def _write_result(search: Search, result: Result, now: datetime) -> None:
    search.outcome = result.outcome.value
    search.message = result.message[:MAX_MESSAGE_LENGTH] if result.message else None
    search.download_ids, search.failed_ids = list(result.download_ids), list(result.failed_ids)
    search.grabbed_at, search.imported_at = result.grabbed_at, result.imported_at
    search.indexer, search.release_titles = result.indexer, list(result.release_titles)
    search.release_title = next(iter(result.release_titles), None)
    search.quality_after, search.score_after = result.quality, result.score
    if search.ended_at is None and search.outcome not in UNSETTLED:
        search.ended_at = now


async def _update_item(session: AsyncSession, search: Search, before: Outcome, outcome: Outcome) -> None:
    """The item state after the search, unless a later search of the item has written it since."""
    item = await _item_of(session, search)
    if item is None:
        return
    if outcome is Outcome.IMPORTED:
        item.fruitless = 0
    if item.last_searched_at is None or item.last_searched_at <= search.searched_at:
        item.last_outcome = outcome.value
        if outcome in FRUITLESS and before not in FRUITLESS:
            item.fruitless += 1
