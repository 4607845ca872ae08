"""Sends what waits: one delivery a connection at a time and in order, twenty in all, each claimed by one worker.

A claim is a row that holds for a minute. A worker that dies with it may have been heard or not, so the next one sends
again, with the same message id. A connection that is down keeps only its own deliveries waiting.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import HuntarrError
from app.core.loops import forever
from app.notifications.clients import NotificationClients
from app.notifications.digests import fold
from app.notifications.messages import DeliveryResult, Message, discreet
from app.notifications.models import ConnectionState, Delivery, DeliveryStatus, NotificationConnection
from app.notifications.settings import ProviderSettings
from app.notifications.settings_cipher import SettingsCipher

log = structlog.get_logger(__name__)

WAITS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 565, 3000))
"""After each failure but the last: five tries over one hour."""
TRIES: Final = len(WAITS) + 1
CLAIM: Final = timedelta(seconds=60)
"""Longer than a try may take: who has claimed for so long is dead."""
MAX_AHEAD: Final = timedelta(hours=2)
"""No try is ever put off so far: a moment behind it was written before the clock was set back."""
AT_ONCE: Final = 20
POLL_SECONDS: Final = 0.5
FAILED_SECONDS: Final = 2.0
BROKEN: Final = "Something went wrong inside Huntarr; the log tells more."


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """The right to send one delivery; worth nothing when another worker took the connection over."""

    token: str
    connection_id: int
    delivery_id: int
    message: Message
    settings: ProviderSettings | DeliveryResult
    """An answer of our own where the stored settings cannot be read."""


class Deliverer:
    """One a worker."""

    def __init__(self, db: Database, vault: SettingsCipher, outlets: NotificationClients, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._outlets = outlets
        self._clock = clock
        self._running: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled; what is on its way then is sent again by the next worker."""
        try:
            await forever("notifications", self._start_due, pause_seconds=POLL_SECONDS, failed_seconds=FAILED_SECONDS)
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def deliver_due(self) -> int:
        """Send all that is due now and wait for it; how many connections had something."""
        started = await self._start_due()
        await asyncio.gather(*self._running.values())
        return started

    async def _start_due(self) -> int:
        free = AT_ONCE - len(self._running)
        if free <= 0:
            return 0
        async with self._db.reading() as session:
            due = (await session.exec(_due(self._clock()))).all()
        fresh = [connection_id for connection_id in due if connection_id not in self._running][:free]
        for connection_id in fresh:
            task = asyncio.create_task(self._empty(connection_id))
            self._running[connection_id] = task
            task.add_done_callback(partial(self._ended, connection_id))
        return len(fresh)

    def _ended(self, connection_id: int, _task: asyncio.Task[None]) -> None:
        del self._running[connection_id]

    async def _empty(self, connection_id: int) -> None:
        """Send what a connection has, in order, until nothing is due."""
        try:
            while (claim := await self._claim(connection_id)) is not None:
                await self._finish(claim, await self._send(claim))
        except HuntarrError as failure:
            log.warning("notifications of a connection wait", connection_id=connection_id, error=failure.message)
        except Exception:  # the top of a task; the claim ends by itself
            log.exception("notifications of a connection failed", connection_id=connection_id)

    async def _send(self, claim: DeliveryClaim) -> DeliveryResult:
        if isinstance(claim.settings, DeliveryResult):
            return claim.settings
        try:
            answer = await claim.settings.send(self._outlets, claim.message)
        except Exception as failure:  # a provider's mistake must not hold up the connection for ever
            # Without the traceback's text: it may quote an address with its secrets.
            log.error("provider broke", connection_id=claim.connection_id, error=type(failure).__name__)
            answer = DeliveryResult(False, BROKEN)
        return discreet(answer, claim.settings.secret_texts)

    async def _claim(self, connection_id: int) -> DeliveryClaim | None:
        now = self._clock()
        async with self._db.session() as session:
            state = await session.get(ConnectionState, connection_id, with_for_update=True)
            connection = await session.get(NotificationConnection, connection_id)
            if state is None or connection is None or not connection.enabled or _is_held(state, now):
                return None
            session.add(state)
            if state.digest_at is not None and state.digest_at <= now:
                await fold(session, state, now)
            head = await _head(session, connection_id)
            if head is None or head.next_try_at is None:
                state.next_at = None
                return None
            if not _has_come(head.next_try_at, now):
                state.next_at = head.next_try_at
                return None
            token = secrets.token_hex(16)
            state.claim, state.claimed_until = token, now + CLAIM
            return DeliveryClaim(token, connection_id, head.id or 0, _message(head, now), self._settings(connection))

    def _settings(self, connection: NotificationConnection) -> ProviderSettings | DeliveryResult:
        try:
            return self._vault.open(connection)
        except HuntarrError as failure:
            return DeliveryResult(False, failure.message)

    async def _finish(self, claim: DeliveryClaim, answer: DeliveryResult) -> None:
        now = self._clock()
        async with self._db.session() as session:
            state = await session.get(ConnectionState, claim.connection_id, with_for_update=True)
            row = await session.get(Delivery, claim.delivery_id)
            if state is None or row is None or state.claim != claim.token:
                return
            state.claim = state.claimed_until = None
            state.next_at = now
            state.last_error = None if answer.ok else answer.sentence
            _note(row, answer, now)
            if row.status == DeliveryStatus.DELIVERED:
                state.last_delivered_at = now
            elif row.status == DeliveryStatus.QUEUED:
                state.next_at = row.next_try_at
            session.add_all([state, row])
        _tell(row)


def _due(now: datetime):  # type: ignore[no-untyped-def]
    """Connections that have something to send and that nobody is at, the longest waiting first."""
    state = ConnectionState
    has_come = or_(col(state.next_at) <= now, col(state.next_at) > now + MAX_AHEAD, col(state.digest_at) <= now)
    held = and_(col(state.claimed_until) > now, col(state.claimed_until) <= now + CLAIM)
    return (
        select(state.connection_id)
        .join(NotificationConnection)
        .where(col(NotificationConnection.enabled).is_(True), has_come, or_(col(state.claimed_until).is_(None), ~held))
        .order_by(col(state.next_at), col(state.connection_id))
    )


async def _head(session: AsyncSession, connection_id: int) -> Delivery | None:
    query = select(Delivery).where(
        Delivery.connection_id == connection_id, Delivery.status == DeliveryStatus.QUEUED.value
    )
    return (await session.exec(query.order_by(col(Delivery.id)).limit(1))).first()


def _is_held(state: ConnectionState, now: datetime) -> bool:
    """A claim that reaches further than one can is none: the clock was set back."""
    return state.claimed_until is not None and now < state.claimed_until <= now + CLAIM


def _has_come(moment: datetime, now: datetime) -> bool:
    return moment <= now or moment > now + MAX_AHEAD


def _note(row: Delivery, answer: DeliveryResult, now: datetime) -> None:
    """What an answer makes of a delivery: the end, or the next try. Pure but for the row."""
    row.attempts += 1
    row.error, row.answer = None if answer.ok else answer.sentence, answer.said
    if answer.ok:
        row.status, row.ended_at, row.next_try_at = DeliveryStatus.DELIVERED.value, now, None
    elif row.attempts >= TRIES:
        row.status, row.ended_at, row.next_try_at = DeliveryStatus.FAILED.value, now, None
    else:
        row.next_try_at = now + max(WAITS[row.attempts - 1], answer.retry_after or timedelta(0))


def _tell(row: Delivery) -> None:
    told = {"connection_id": row.connection_id, "delivery_id": row.id, "name": row.event, "attempts": row.attempts}
    if row.status == DeliveryStatus.DELIVERED:
        log.info("notification delivered", **told)
    elif row.status == DeliveryStatus.FAILED:
        log.error("notification given up", **told, error=row.error)
    else:
        log.warning("notification not delivered yet", **told, error=row.error)


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
