"""Running one hunt: claim its instance, ask its app, run the passes, record the end."""

from contextlib import suppress

import structlog

from app.arr.errors import ArrError
from app.core.errors import Unavailable
from app.counters.rollup import count, count_hunt
from app.events.outbox import record_event
from app.hunting.running.claims import Claims
from app.hunting.running.context import HuntContext, RunningServices
from app.hunting.running.hunt_run import HuntRun, HuntSummary, stopped_by
from app.hunting.store.events import hunt_ended
from app.hunting.store.lease import LeaseLost, fenced
from app.hunting.store.models import OPEN, Hunt, HuntStatus
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.hunting.store.timetable import INSTANCE_DELETED

log = structlog.get_logger(__name__)


class HuntRunner:
    """Runs hunts; one for each worker process."""

    def __init__(self, services: RunningServices, claims: Claims) -> None:
        self._services = services
        self._claims = claims
        self._db = services.db
        self._clock = services.clock

    async def run(self, hunt_id: int) -> None:
        """Run the hunt if it is still to do and nobody else is at its instance; safe to call any number of times."""
        async with self._db.reading() as session:
            hunt = await session.get(Hunt, hunt_id)
        if hunt is None or hunt.status not in OPEN:
            return
        if hunt.instance_id is None:
            await self._abandon(hunt_id)
            return
        with suppress(LeaseLost):
            async with self._services.leases.hold(hunt.instance_id) as is_ours:
                context = await self._claims.hunt(hunt_id, hunt.instance_id) if is_ours else None
                if context is not None:
                    with structlog.contextvars.bound_contextvars(
                        hunt_id=hunt_id, instance_id=context.lease.instance_id, app_type=context.lease.app_type
                    ):
                        await self._run_claimed(context)

    async def _run_claimed(self, context: HuntContext) -> None:
        log.info("hunt started", trigger=context.trigger)
        await self._services.broadcaster.queue_changed()
        summary = HuntSummary(early_end=context.early_end)
        try:
            if context.early_end is None:
                app = await self._claims.identified(context)
                await HuntRun(self._services, context, app, summary).run()
        except ArrError as failure:
            await self._app_failed(context, failure, summary)
        except LeaseLost:
            raise
        except Unavailable as failure:
            # As if the worker had died: the hunt stays open, and the worker that takes it up finds out what was sent.
            log.warning("hunt is interrupted", error=failure.message)
            return
        except Exception:
            log.exception("hunt failed")
            summary.failed("An internal error ended the hunt; the log tells more.")
        await self._finish(context, summary)

    async def _app_failed(self, context: HuntContext, failure: ArrError, summary: HuntSummary) -> None:
        await self._claims.app_failed(context, failure)
        if summary.searches:
            summary.failed(failure.message)
        else:
            reason = HuntReason.OFFLINE if failure.retry_after is None else HuntReason.RESTING
            summary.early_end = EarlyEnd(reason, failure.message)

    async def _abandon(self, hunt_id: int) -> None:
        async with self._db.session() as session:
            hunt = await session.get_one(Hunt, hunt_id)
            hunt.status, hunt.reason = HuntStatus.CANCELLED.value, HuntReason.DELETED.value
            hunt.message, hunt.ended_at = INSTANCE_DELETED, self._clock()

    async def _finish(self, context: HuntContext, summary: HuntSummary) -> None:
        lease = context.lease
        async with fenced(self._db, lease) as (session, hunt_state):
            hunt = await session.get_one(Hunt, lease.hunt_id)
            hunt.ended_at = self._clock()
            early_end = summary.early_end
            if hunt.cancel_requested and early_end is None:
                early_end = stopped_by(HuntReason.CANCELLED)
            hunt.status = _final_status(hunt, early_end, summary.errors).value
            hunt.reason = early_end.reason.value if early_end else None
            hunt.warnings = summary.warnings
            hunt.message = early_end.message if early_end else summary.message
            if summary.errors and not hunt.errors:  # a failed search was counted when it failed
                await count(session, lease.app_type, lease.instance_id, self._clock(), errors=1)
            await count_hunt(session, lease.app_type, lease.instance_id, hunt.status, hunt.took_seconds)
            await record_event(session, hunt_ended(hunt, hunt_state.next_hunt_at), self._clock())
        await self._services.broadcaster.queue_changed()
        log.info("hunt ended", status=hunt.status, reason=hunt.reason, searched=hunt.searched)


def _final_status(hunt: Hunt, early_end: EarlyEnd | None, errors: int) -> HuntStatus:
    reason = early_end.reason if early_end is not None else None
    if reason is HuntReason.CANCELLED:
        return HuntStatus.CANCELLED
    if reason is HuntReason.GAVE_UP:
        return HuntStatus.FAILED
    if errors:
        return HuntStatus.PARTIAL if hunt.searched else HuntStatus.FAILED
    if reason is not None and not hunt.searched:
        return HuntStatus.SKIPPED
    return HuntStatus.COMPLETED
