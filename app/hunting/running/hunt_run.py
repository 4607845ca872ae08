"""The passes of one hunt over its app: settle what was left behind, read the queue, select and send, wait, tag."""

from dataclasses import dataclass, field

import structlog

from app.arr.errors import ArrError
from app.arr.models import HuntPass
from app.arr.registry import REGISTRY
from app.hunting.running.context import App, HuntContext, RunningServices
from app.hunting.running.evidence import has_no_indexers
from app.hunting.running.gates import by_filters, by_queue, queue_unreadable, warnings_of, without_indexers
from app.hunting.running.sender import SearchSender, Sent
from app.hunting.selection.app_reader import QueueFacts
from app.hunting.selection.policy import Allowance, Reason
from app.hunting.store.budgets import NO_BUDGET, budget_gate
from app.hunting.store.cap_entries import used_caps
from app.hunting.store.lease import fenced, fenced_with_state
from app.hunting.store.passes import ListLength
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.hunting.store.timetable import note_indexers
from app.instances import health

log = structlog.get_logger(__name__)


@dataclass
class HuntSummary:
    """What the passes of a hunt came to so far."""

    searches: int = 0
    pretended: int = 0
    """Searches that a dry run would have sent."""
    pretended_units: int = 0
    errors: int = 0
    early_end: EarlyEnd | None = None
    message: str | None = None
    """The first error."""
    warnings: list[str] = field(default_factory=list)
    is_over: bool = False
    """Whether no further pass may begin."""

    def failed(self, message: str) -> None:
        self.errors += 1
        self.message = self.message or message


class HuntRun:
    """One hunt whose app is known; writes what came of it into `summary`."""

    def __init__(self, services: RunningServices, context: HuntContext, app: App, summary: HuntSummary) -> None:
        self._services = services
        self._context = context
        self._summary = summary
        summary.warnings += context.budget.warnings
        self._app_name = REGISTRY[app.app_type].label
        self._client = app.client(services.http)
        self._sender = SearchSender(services, context, self._client)
        self._reader = services.reader(
            app, context.hunting, context.lease.instance_id, services.clock(), pretends=context.dry_run
        )

    async def run(self) -> None:
        """`ArrError` when the app cannot be used any more."""
        try:
            await self._run()
        finally:
            await self._sender.close()

    async def _run(self) -> None:
        await self._settle()
        if await has_no_indexers(self._client):
            self._summary.early_end = without_indexers()
            await self._note_indexers(are_there=False)
            return
        queue = await self._queue()
        if self._summary.early_end is not None or not await self._filters_hold():
            return
        failure: ArrError | None = None
        try:
            for hunt_pass in self._context.passes:
                if not self._summary.is_over and self._reader.refusal(hunt_pass) is None:
                    await self._pass(hunt_pass, queue)
        except ArrError as error:
            failure = error
        await self._sender.drain()
        if failure is None and not self._context.dry_run:
            await self._reader.forget_unwanted()
        if self._sender.is_without_indexers:
            self._summary.early_end = self._summary.early_end or without_indexers()
        if self._summary.searches:
            await self._note_indexers(are_there=not self._sender.is_without_indexers)
        if failure is not None:
            raise failure
        await self._tag()

    async def _note_indexers(self, *, are_there: bool) -> None:
        if not self._context.dry_run:
            async with fenced(self._services.db, self._context.lease) as (_, hunt_state):
                note_indexers(hunt_state, self._services.clock(), are_there=are_there)

    async def _settle(self) -> None:
        searches = await self._services.followed.unsettled(self._context.lease.instance_id)
        if not searches:
            return
        try:
            await self._sender.settle(searches)
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("searches not settled", error=failure.message)  # the next follow-up tries again

    async def _queue(self) -> QueueFacts:
        try:
            is_needed = await self._services.followed.has_old_grabs(self._context.lease.instance_id)
            queue = await self._reader.queue(is_needed=is_needed)
        except ArrError as failure:
            if failure.ends_all:
                raise
            self._summary.early_end = queue_unreadable(failure)
            return QueueFacts()
        if queue.total is not None:
            async with fenced(self._services.db, self._context.lease) as (_, hunt_state):
                hunt_state.queue_total = queue.total
            await self._services.searches.settle_by_queue(self._context.lease, queue.download_ids, queue.stuck)
        self._summary.early_end = by_queue(self._context.hunting, queue)
        return queue

    async def _filters_hold(self) -> bool:
        """Whether it is known what must not be searched."""
        summary, app_name = self._summary, self._app_name
        try:
            filters = await self._reader.filters()
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("tags and profiles not read", error=failure.message)
            summary.failed(f"The tags and profiles of the filters could not be read: {failure.message}")
            return False
        summary.warnings += warnings_of(filters, app_name)
        summary.early_end = by_filters(filters, app_name)
        return summary.early_end is None

    async def _pass(self, hunt_pass: HuntPass, queue: QueueFacts) -> None:
        context, summary = self._context, self._summary
        batch = await self._batch(hunt_pass)
        if batch <= 0:
            return
        read_at = self._services.clock()
        try:
            selection, pager = await self._reader.select(
                hunt_pass, queue=queue, batch=batch, left=await self._allowance()
            )
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("pass failed", hunt_pass=hunt_pass, error=failure.message)
            summary.failed(f"{hunt_pass}: {failure.message}")
            return
        judged = [item for item in selection.evaluated if context.dry_run or item.decision.reason is not Reason.SEARCH]
        cursor, sent = None, Sent()
        if context.dry_run:
            summary.pretended += len(selection.selected)
            summary.pretended_units += selection.units
        else:
            await self._reader.with_files(hunt_pass, selection)
            planned = summary.searches + len(selection.selected)
            await self._services.broadcaster.progress(context.lease, hunt_pass, summary.searches, planned)
            sent = await self._sender.send(hunt_pass, selection.selected)
            judged += sent.left
            summary.searches += len(sent.searched)
            cursor = pager.cursor_after(sent.searched, selection.left | {item.candidate.key for item in sent.left})
            await self._after_sending(sent)
        await self._services.passes.end(
            context.lease, hunt_pass, judged, cursor, ListLength(selection.total, selection.unseen, read_at)
        )
        if sent.trouble is not None and sent.trouble.is_elsewhere:
            raise sent.trouble

    async def _batch(self, hunt_pass: HuntPass) -> int:
        """Searches left to this pass: its batch or the caller's limit, less what was sent, by a dead worker too."""
        context, followed = self._context, self._services.followed
        batch = context.hunting.of(hunt_pass).batch
        if batch == 0:  # the pass is off, whoever asks
            return 0
        if context.limit is None:
            return batch - await followed.count_sent(context.lease.hunt_id, hunt_pass)
        return context.limit - self._summary.pretended - await followed.count_sent(context.lease.hunt_id)

    async def _allowance(self) -> Allowance:
        """What the caps and the budget of the indexers still allow."""
        context, services, now = self._context, self._services, self._services.clock()
        async with services.db.reading() as session:
            used = await used_caps(session, context.lease.instance_id, context.hunting, now)
            budget = await budget_gate(session, context.lease.instance_id, now) if context.budget.budgets else NO_BUDGET
        left = Allowance(used.left).and_at_most(budget.units_left(now), Reason.BUDGET)
        return left.less(self._summary.pretended_units)

    async def _after_sending(self, sent: Sent) -> None:
        for message in sent.refusals:
            self._summary.failed(message)
        if sent.stop is not None:
            self._summary.is_over = True
            self._summary.early_end = stopped_by(sent.stop)
        if sent.trouble is not None and not sent.trouble.is_elsewhere:
            self._summary.is_over = True
            self._summary.failed(sent.trouble.message)
            async with fenced_with_state(self._services.db, self._context.lease) as (_, state, _):
                health.seen_trouble(state, sent.trouble, self._services.clock())

    async def _tag(self) -> None:
        """Write the user's label onto what this hunt searched, also before its worker died."""
        label = self._context.hunting.tag_searched
        if label is None:
            return
        ids = await self._services.followed.searched_owners(self._context.lease.hunt_id)
        if not ids:
            return
        try:
            await self._reader.tag(ids, label)
        except ArrError as failure:
            log.warning("searched items not tagged", label=label, error=failure.message)


def stopped_by(reason: HuntReason) -> EarlyEnd:
    """Why a running hunt sends no further search."""
    if reason is HuntReason.NO_INDEXERS:
        return without_indexers()
    messages = {
        HuntReason.CANCELLED: "It was cancelled.",
        HuntReason.PAUSED: "All hunting was paused.",
        HuntReason.BUDGET: "The indexers behind Prowlarr have nothing left for hunts.",
    }
    return EarlyEnd(reason, messages.get(reason, "The cap is used up."))
