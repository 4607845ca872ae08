"""Connections as callers see them: create, read, change, delete and test them, and read what was delivered."""

import secrets
import time
from datetime import datetime
from typing import Any

from sqlmodel import col, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.actions.targets import check_target
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.core.pagination import page_of
from app.core.schemas import Page
from app.instances.service import InstanceService
from app.notifications.clients import NotificationClients
from app.notifications.messages import Message, discreet
from app.notifications.models import ConnectionState, Delivery, DeliveryStatus, NotificationConnection
from app.notifications.providers import PROVIDERS
from app.notifications.schemas import ConnectionIn, ConnectionOut, ConnectionTestIn, ConnectionTestOut, DeliveryOut
from app.notifications.settings import ProviderSettings
from app.notifications.settings_cipher import SettingsCipher
from app.notifications.shortcuts import Apprise
from app.notifications.webhook import Webhook, new_secret

MAX_CONNECTIONS = 200
TEST_TITLE = "Huntarr: test"


class NotificationService:
    """The one owner of what a connection says; its deliveries are made by the router and ended by the deliverer."""

    def __init__(
        self,
        db: Database,
        vault: SettingsCipher,
        outlets: NotificationClients,
        instances: InstanceService,
        clock: Clock,
    ) -> None:
        self._db = db
        self._vault = vault
        self._outlets = outlets
        self._instances = instances
        self._clock = clock

    async def all(self) -> list[ConnectionOut]:
        query = (
            select(NotificationConnection, ConnectionState)
            .join(ConnectionState)
            .order_by(col(NotificationConnection.id))
        )
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
        return [self._shown(row, state) for row, state in rows]

    async def get(self, connection_id: int) -> ConnectionOut:
        async with self._db.reading() as session:
            row, state = await _require(session, connection_id)
        return self._shown(row, state)

    async def create(self, given: ConnectionIn) -> ConnectionOut:
        settings, fresh = _signed(PROVIDERS[given.provider].read(given.settings, None), anew=True)
        await self._insist(settings, None)
        now = self._clock()
        async with self._db.session() as session:
            await check_target(session, self._instances, given.app_type, given.instance_id)
            if (await session.exec(select(func.count()).select_from(NotificationConnection))).one() >= MAX_CONNECTIONS:
                raise Conflict(f"There are {MAX_CONNECTIONS} connections already: delete one first.")
            row = NotificationConnection(
                **_values(given), settings=self._vault.seal(settings), created_at=now, updated_at=now
            )
            session.add(row)
            await session.flush()
            state = ConnectionState(connection_id=row.id or 0)
            session.add(state)
            await session.flush()
        return self._shown(row, state, secret=fresh)

    async def replace(self, connection_id: int, given: ConnectionIn, *, anew: bool = False) -> ConnectionOut:
        """Everything anew but secrets that are left out; what waits is tried at once with what holds now."""
        settings, before, fresh = await self._changed(connection_id, given, anew)
        await self._insist(settings, before)
        now = self._clock()
        async with self._db.session() as session:
            row, state = await _require(session, connection_id, lock=True)
            await check_target(session, self._instances, given.app_type, given.instance_id)
            if row.provider == given.provider and self._opened(row) != before:
                raise Conflict("The connection was changed meanwhile: read it again.")
            if row.digest_minutes != given.digest_minutes and state.digest_at is not None:
                state.digest_at = now
            for name, value in _values(given).items():
                setattr(row, name, value)
            row.settings, row.updated_at = self._vault.seal(settings), now
            await _try_now(session, state, now)
            session.add_all([row, state])
        return self._shown(row, state, secret=fresh)

    async def delete(self, connection_id: int) -> None:
        """Its deliveries go with it; those that wait are never sent."""
        async with self._db.session() as session:
            row, _ = await _require(session, connection_id, lock=True)
            await session.exec(delete(NotificationConnection).where(col(NotificationConnection.id) == row.id))

    async def test(self, given: ConnectionTestIn) -> ConnectionTestOut:
        """Send a test message now, to an unsaved connection or to a stored one with what the body changes of it."""
        row = None
        if given.connection_id is not None:
            async with self._db.reading() as session:
                row, _ = await _require(session, given.connection_id)
        settings = self._to_test(given, row)
        name = given.name or (row.name if row is not None else "unsaved")
        now, begun = self._clock(), time.perf_counter()
        text = f"This is a test of the connection {name}: notifications arrive."
        message = Message(
            id=f"msg_test_{secrets.token_urlsafe(12)}",
            type="test",
            level="info",
            timestamp=now,
            data={"connection_id": given.connection_id, "connection_name": name, "message": text},
            title=TEST_TITLE,
            body=text,
            sent_at=now,
        )
        answer = discreet(await settings.send(self._outlets, message), settings.secret_texts)
        took = round(time.perf_counter() - begun, 3)
        if answer.ok and row is not None and settings == self._opened(row):
            await self._revive(row.id or 0)
        return ConnectionTestOut(ok=answer.ok, message=answer.sentence, answer=answer.said, took_seconds=took)

    async def deliveries(
        self, *, connection_id: int | None, status: DeliveryStatus | None, page: int, page_size: int
    ) -> Page[DeliveryOut]:
        """Newest first."""
        wanted = [] if connection_id is None else [col(Delivery.connection_id) == connection_id]
        wanted += [] if status is None else [col(Delivery.status) == status.value]
        query = select(Delivery).where(*wanted).order_by(col(Delivery.id).desc())
        async with self._db.reading() as session:
            rows, total = await page_of(session, query, page=page, page_size=page_size)
        items = [DeliveryOut.model_validate(row) for row in rows]
        return Page[DeliveryOut](items=items, total=total, page=page, page_size=page_size)

    async def _changed(
        self, connection_id: int, given: ConnectionIn, anew: bool
    ) -> tuple[ProviderSettings, ProviderSettings | None, str | None]:
        """The settings to store, those that are stored, and the webhook's secret if it is another one now."""
        async with self._db.reading() as session:
            row, _ = await _require(session, connection_id)
        before = self._opened(row) if row.provider == given.provider else None
        settings, fresh = _signed(PROVIDERS[given.provider].read(given.settings, before), anew=anew, before=before)
        return settings, before, fresh

    def _to_test(self, given: ConnectionTestIn, row: NotificationConnection | None) -> ProviderSettings:
        provider = given.provider or (row.provider if row is not None else None)
        if provider is None or (row is None and given.settings is None):
            raise Invalid("Give a provider and settings, or a connection_id.", field="body.provider")
        stored = self._opened(row) if row is not None and row.provider == provider else None
        if given.settings is None and stored is not None:
            return stored
        return _signed(PROVIDERS[provider].read(given.settings or {}, stored), anew=stored is None)[0]

    async def _insist(self, settings: ProviderSettings, before: ProviderSettings | None) -> None:
        """Addresses that Apprise cannot read are refused now, not when something happens; nothing is sent for that."""
        if isinstance(settings, Apprise) and settings != before:
            for place in await self._outlets.apprise.unknown(settings.urls):
                raise Invalid(
                    f"Apprise cannot read the address number {place + 1}.", field=f"body.settings.urls.{place}"
                )

    async def _revive(self, connection_id: int) -> None:
        """The receiver is there: what waits need not wait any longer."""
        async with self._db.session() as session:
            state = await session.get(ConnectionState, connection_id, with_for_update=True)
            if state is not None and state.last_error is not None:
                await _try_now(session, state, self._clock())
                session.add(state)

    def _opened(self, row: NotificationConnection) -> ProviderSettings | None:
        try:
            return self._vault.open(row)
        except Conflict:
            return None

    def _shown(
        self, row: NotificationConnection, state: ConnectionState, *, secret: str | None = None
    ) -> ConnectionOut:
        settings = self._opened(row)
        shown = {"settings": settings.masked() if settings is not None else {}, "secret": secret}
        seen = {"last_delivered_at": state.last_delivered_at, "last_error": state.last_error}
        return ConnectionOut.model_validate({**row.model_dump(), **seen, **shown})


def _signed(
    settings: ProviderSettings, *, anew: bool, before: ProviderSettings | None = None
) -> tuple[ProviderSettings, str | None]:
    """A webhook gets the secret that it lacks, or that is asked for; what is to be shown of it."""
    if not isinstance(settings, Webhook):
        return settings, None
    old = before.secret if isinstance(before, Webhook) else None
    if settings.secret is None or (anew and settings.secret == old):
        settings = settings.signed_with(new_secret())
    return settings, settings.secret if settings.secret != old else None


def _values(given: ConnectionIn) -> dict[str, Any]:
    return given.model_dump(mode="json", exclude={"settings"})


async def _require(
    session: AsyncSession, connection_id: int, *, lock: bool = False
) -> tuple[NotificationConnection, ConnectionState]:
    """Both rows; locked, the state comes first, as everywhere."""
    state = await session.get(ConnectionState, connection_id, with_for_update=lock or None)
    row = await session.get(
        NotificationConnection, connection_id, with_for_update={"key_share": True} if lock else None
    )
    if row is None or state is None:
        raise NotFound(f"There is no notification connection with the id {connection_id}.")
    return row, state


async def _try_now(session: AsyncSession, state: ConnectionState, now: datetime) -> None:
    mine = col(Delivery.connection_id) == state.connection_id
    queued = col(Delivery.status) == DeliveryStatus.QUEUED.value
    if (await session.exec(update(Delivery).where(mine, queued).values(next_try_at=now))).rowcount:
        state.next_at = now
