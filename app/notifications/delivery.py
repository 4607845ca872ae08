"""Sends waiting deliveries: one at a time and in order for each connection, up to twenty connections at once.

A worker claims a connection for a minute. If it dies with the claim, the message may or may not have been sent, so
another worker sends it again with the same message id. A receiver that is down delays only its own deliveries.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy import func, union_all
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.bells import BellName
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import HuntarrError
from app.core.loops import cancelled, forever
from app.notifications.clients import NotificationClients
from app.notifications.digests import build_digest
from app.notifications.messages import DeliveryResult, Message, redacted
from app.notifications.models import ConnectionState, Delivery, DeliveryStatus, NotificationConnection
from app.notifications.settings import ProviderSettings
from app.notifications.settings_cipher import decrypt_settings
from app.secrets.box import SecretBox

log = structlog.get_logger(__name__)

RETRY_DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 565, 3000))
"""After each failure but the last: five attempts within about an hour."""
MAX_ATTEMPTS: Final = len(RETRY_DELAYS) + 1
CLAIM: Final = timedelta(seconds=60)
"""Longer than an attempt may take: a worker with an older claim is dead."""
MAX_AHEAD: Final = timedelta(hours=2)
"""No attempt is scheduled further ahead: a later time was written before the clock was set back."""
MAX_CONNECTIONS: Final = 20
POLL_SECONDS: Final = 30.0
"""Between two looks for what is due and no bell told of."""
FAILED_SECONDS: Final = 2.0
INTERNAL_ERROR: Final = "Something went wrong inside Huntarr; see the log."


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """The right to send one delivery; void once another worker has claimed the connection."""

    token: str
    connection_id: int
    delivery_id: int
    message: Message
    settings: ProviderSettings | DeliveryResult
    """A failure result where the stored settings cannot be read."""


class Deliverer:
    """One per worker."""

    def __init__(self, db: Database, box: SecretBox, clients: NotificationClients, clock: Clock) -> None:
        self._db = db
        self._box = box
        self._clients = clients
        self._clock = clock
        self._bell = db.bells.bell(BellName.DELIVERIES)
        self._running: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled. Messages being sent at that moment are sent again by the next worker."""
        try:
            await forever(
                "notifications",
                self._step,
                pause_seconds=POLL_SECONDS,
                failed_seconds=FAILED_SECONDS,
                bell=self._bell,
            )
        finally:
            await cancelled(self._running.values())

    async def deliver_due(self) -> int:
        """Send everything that is due now; the number of connections that had deliveries."""
        started = await self._start_due()
        await asyncio.gather(*self._running.values())
        return started

    async def _step(self) -> float | None:
        await self._start_due()
        now = self._clock()
        async with self._db.glance() as session:
            next_at = (await session.exec(_next_at(now))).one()
        return None if next_at is None else (next_at - now).total_seconds()

    async def _start_due(self) -> int:
        free = MAX_CONNECTIONS - len(self._running)
        if free <= 0:
            return 0
        async with self._db.glance() as session:
            due = (await session.exec(_due(self._clock()))).all()
        fresh = [connection_id for connection_id in due if connection_id not in self._running][:free]
        for connection_id in fresh:
            task = asyncio.create_task(self._deliver_all(connection_id))
            self._running[connection_id] = task
            task.add_done_callback(partial(self._forget_task, connection_id))
        return len(fresh)

    def _forget_task(self, connection_id: int, _task: asyncio.Task[None]) -> None:
        del self._running[connection_id]
        self._bell.ring()  # there is room for another one, or this one has a time for its next attempt

    async def _deliver_all(self, connection_id: int) -> None:
        """Send the deliveries of a connection in order until none is due."""
        try:
            while (claim := await self._claim(connection_id)) is not None:
                await self._finish(claim, await self._send(claim))
        except HuntarrError as failure:
            log.warning("notifications not sent: waiting", connection_id=connection_id, error=failure.message)
        except Exception:  # the top of a task; the claim expires by itself
            log.exception("sending notifications failed", connection_id=connection_id)

    async def _send(self, claim: DeliveryClaim) -> DeliveryResult:
        if isinstance(claim.settings, DeliveryResult):
            return claim.settings
        try:
            result = await claim.settings.send(self._clients, claim.message)
        except Exception as failure:  # a provider's mistake must not block the connection for ever
            # Without a traceback: its text may contain an address with secrets.
            log.error("notification provider failed", connection_id=claim.connection_id, error=type(failure).__name__)
            result = DeliveryResult(False, INTERNAL_ERROR)
        return redacted(result, claim.settings.secret_texts)

    async def _claim(self, connection_id: int) -> DeliveryClaim | None:
        now = self._clock()
        async with self._db.session() as session:
            state = await session.get(ConnectionState, connection_id, with_for_update=True)
            connection = await session.get(NotificationConnection, connection_id)
            if state is None or connection is None or not connection.enabled or _is_claimed(state, now):
                return None
            if state.digest_at is not None and state.digest_at <= now:
                await build_digest(session, state, now)
            head = await _head(session, connection_id)
            if head is None or head.next_try_at is None:
                state.next_at = None
                return None
            if not _is_due(head.next_try_at, now):
                state.next_at = head.next_try_at
                return None
            token = secrets.token_hex(16)
            state.claim, state.claimed_until = token, now + CLAIM
            return DeliveryClaim(token, connection_id, head.id or 0, _message(head, now), self._settings(connection))

    def _settings(self, connection: NotificationConnection) -> ProviderSettings | DeliveryResult:
        try:
            return decrypt_settings(self._box, connection)
        except HuntarrError as failure:
            return DeliveryResult(False, failure.message)

    async def _finish(self, claim: DeliveryClaim, result: DeliveryResult) -> None:
        now = self._clock()
        async with self._db.session() as session:
            state = await session.get(ConnectionState, claim.connection_id, with_for_update=True)
            row = await session.get(Delivery, claim.delivery_id)
            if state is None or row is None or state.claim != claim.token:
                return
            state.claim = state.claimed_until = None
            state.next_at = now
            state.last_error = None if result.ok else result.sentence
            _apply(result, row, now)
            if row.status == DeliveryStatus.DELIVERED:
                state.last_delivered_at = now
            elif row.status == DeliveryStatus.QUEUED:
                state.next_at = row.next_try_at
        _log_attempt(row)


def _due(now: datetime):  # type: ignore[no-untyped-def]
    """Unclaimed connections with a due delivery, the longest waiting first."""
    state = ConnectionState
    is_due = or_(col(state.next_at) <= now, col(state.next_at) > now + MAX_AHEAD, col(state.digest_at) <= now)
    claimed = and_(col(state.claimed_until) > now, col(state.claimed_until) <= now + CLAIM)
    return (
        select(state.connection_id)
        .join(NotificationConnection)
        .where(col(NotificationConnection.enabled).is_(True), is_due, or_(col(state.claimed_until).is_(None), ~claimed))
        .order_by(col(state.next_at), col(state.connection_id))
    )


def _next_at(now: datetime):  # type: ignore[no-untyped-def]
    """When the next delivery will be due that is not yet."""
    state = ConnectionState
    moments = union_all(
        *(
            select(column.label("at")).join(NotificationConnection).where(NotificationConnection.enabled, column > now)
            for column in (col(state.next_at), col(state.digest_at))
        )
    ).subquery()
    return select(func.min(moments.c.at))


async def _head(session: AsyncSession, connection_id: int) -> Delivery | None:
    query = select(Delivery).where(
        Delivery.connection_id == connection_id, Delivery.status == DeliveryStatus.QUEUED.value
    )
    return (await session.exec(query.order_by(col(Delivery.id)).limit(1))).first()


def _is_claimed(state: ConnectionState, now: datetime) -> bool:
    """Whether a claim is in force. One from further ahead is not: the clock was set back."""
    return state.claimed_until is not None and now < state.claimed_until <= now + CLAIM


def _is_due(next_try_at: datetime, now: datetime) -> bool:
    return next_try_at <= now or next_try_at > now + MAX_AHEAD


def _apply(result: DeliveryResult, row: Delivery, now: datetime) -> None:
    """Finish the delivery or schedule its next attempt."""
    row.attempts += 1
    row.error, row.answer = None if result.ok else result.sentence, result.response_text
    if result.ok:
        row.status, row.ended_at, row.next_try_at = DeliveryStatus.DELIVERED.value, now, None
    elif row.attempts >= MAX_ATTEMPTS:
        row.status, row.ended_at, row.next_try_at = DeliveryStatus.FAILED.value, now, None
    else:
        row.next_try_at = now + max(RETRY_DELAYS[row.attempts - 1], result.retry_after or timedelta(0))


def _log_attempt(row: Delivery) -> None:
    fields = {"connection_id": row.connection_id, "delivery_id": row.id, "name": row.event, "attempts": row.attempts}
    if row.status == DeliveryStatus.DELIVERED:
        log.info("notification delivered", **fields)
    elif row.status == DeliveryStatus.FAILED:
        log.error("notification failed", **fields, error=row.error)
    else:
        log.warning("notification not delivered, will be retried", **fields, error=row.error)


def _message(row: Delivery, now: datetime) -> Message:
    return Message(
        id=row.message_id,
        type=row.event,
        level=row.level,
        timestamp=row.happened_at,
        data=row.data,
        title=row.title,
        body=row.body,
        sent_at=now,
    )
