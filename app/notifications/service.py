"""Notification connections: create, read, change, delete and test them, and read their deliveries."""

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
from app.notifications.messages import Message, redacted
from app.notifications.models import ConnectionState, Delivery, DeliveryStatus, NotificationConnection
from app.notifications.providers import PROVIDERS
from app.notifications.schemas import ConnectionIn, ConnectionOut, ConnectionTestIn, ConnectionTestOut, DeliveryOut
from app.notifications.settings import ProviderSettings
from app.notifications.settings_cipher import decrypt_settings, encrypt_settings
from app.notifications.shortcuts import Apprise
from app.notifications.webhook import Webhook, new_secret
from app.secrets.box import SecretBox

MAX_CONNECTIONS = 200
TEST_TITLE = "Huntarr: test"


class NotificationService:
    """Owns the connections. The router creates their deliveries, the Deliverer finishes them."""

    def __init__(
        self,
        db: Database,
        box: SecretBox,
        clients: NotificationClients,
        instances: InstanceService,
        clock: Clock,
    ) -> None:
        self._db = db
        self._box = box
        self._clients = clients
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
        return [self._out(row, state) for row, state in rows]

    async def get(self, connection_id: int) -> ConnectionOut:
        async with self._db.reading() as session:
            row, state = await _require(session, connection_id)
        return self._out(row, state)

    async def create(self, given: ConnectionIn) -> ConnectionOut:
        settings, secret = _with_signing_secret(PROVIDERS[given.provider].read(given.settings, None))
        await self._check_addresses(settings, None)
        now = self._clock()
        async with self._db.session() as session:
            await check_target(session, self._instances, given.app_type, given.instance_id)
            if (await session.exec(select(func.count()).select_from(NotificationConnection))).one() >= MAX_CONNECTIONS:
                raise Conflict(f"There are {MAX_CONNECTIONS} connections already: delete one first.")
            row = NotificationConnection(
                **_values(given), settings=encrypt_settings(self._box, settings), created_at=now, updated_at=now
            )
            session.add(row)
            await session.flush()
            state = ConnectionState(connection_id=row.id or 0)
            session.add(state)
            await session.flush()
        return self._out(row, state, secret=secret)

    async def replace(self, connection_id: int, given: ConnectionIn, *, renew_secret: bool = False) -> ConnectionOut:
        """Replace everything but secrets that are left out; waiting deliveries are tried again at once."""
        settings, stored, secret = await self._merged(connection_id, given, renew_secret)
        await self._check_addresses(settings, stored)
        now = self._clock()
        async with self._db.session() as session:
            row, state = await _require(session, connection_id, lock=True)
            await check_target(session, self._instances, given.app_type, given.instance_id)
            if row.provider == given.provider and self._settings(row) != stored:
                raise Conflict("The connection was changed meanwhile: read it again.")
            if row.digest_minutes != given.digest_minutes and state.digest_at is not None:
                state.digest_at = now
            for name, value in _values(given).items():
                setattr(row, name, value)
            row.settings, row.updated_at = encrypt_settings(self._box, settings), now
            await _make_due(session, state, now)
        return self._out(row, state, secret=secret)

    async def delete(self, connection_id: int) -> None:
        """Its deliveries are deleted with it; waiting ones are never sent."""
        async with self._db.session() as session:
            row, _ = await _require(session, connection_id, lock=True)
            await session.exec(delete(NotificationConnection).where(col(NotificationConnection.id) == row.id))

    async def test(self, given: ConnectionTestIn) -> ConnectionTestOut:
        """Send a test message now, to an unsaved connection, or to a stored one with the changes in the body."""
        row = None
        if given.connection_id is not None:
            async with self._db.reading() as session:
                row, _ = await _require(session, given.connection_id)
        settings = self._to_test(given, row)
        name = given.name or (row.name if row is not None else "unsaved")
        now, started = self._clock(), time.perf_counter()
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
        result = redacted(await settings.send(self._clients, message), settings.secret_texts)
        took = round(time.perf_counter() - started, 3)
        if result.ok and row is not None and settings == self._settings(row):
            await self._retry_now(row.id or 0)
        return ConnectionTestOut(ok=result.ok, message=result.sentence, answer=result.response_text, took_seconds=took)

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

    async def _merged(
        self, connection_id: int, given: ConnectionIn, renew_secret: bool
    ) -> tuple[ProviderSettings, ProviderSettings | None, str | None]:
        """The settings to store, those that are stored, and the webhook's secret if it is a new one."""
        async with self._db.reading() as session:
            row, _ = await _require(session, connection_id)
        stored = self._settings(row) if row.provider == given.provider else None
        read = PROVIDERS[given.provider].read(given.settings, stored)
        settings, secret = _with_signing_secret(read, stored, renew=renew_secret)
        return settings, stored, secret

    def _to_test(self, given: ConnectionTestIn, row: NotificationConnection | None) -> ProviderSettings:
        provider = given.provider or (row.provider if row is not None else None)
        if provider is None or (row is None and given.settings is None):
            raise Invalid("Give a provider and settings, or a connection_id.", field="body.provider")
        stored = self._settings(row) if row is not None and row.provider == provider else None
        if given.settings is None and stored is not None:
            return stored
        return _with_signing_secret(PROVIDERS[provider].read(given.settings or {}, stored))[0]

    async def _check_addresses(self, settings: ProviderSettings, stored: ProviderSettings | None) -> None:
        """Refuse addresses that Apprise cannot read; nothing is sent."""
        if isinstance(settings, Apprise) and settings != stored:
            for index in await self._clients.apprise.unreadable(settings.urls):
                raise Invalid(
                    f"Apprise cannot read the address number {index + 1}, or leaves out a part of it.",
                    field=f"body.settings.urls.{index}",
                )

    async def _retry_now(self, connection_id: int) -> None:
        """The receiver works: retry waiting deliveries now."""
        async with self._db.session() as session:
            state = await session.get(ConnectionState, connection_id, with_for_update=True)
            if state is not None and state.last_error is not None:
                await _make_due(session, state, self._clock())

    def _settings(self, row: NotificationConnection) -> ProviderSettings | None:
        try:
            return decrypt_settings(self._box, row)
        except Conflict:
            return None

    def _out(self, row: NotificationConnection, state: ConnectionState, *, secret: str | None = None) -> ConnectionOut:
        settings = self._settings(row)
        shown = {"settings": settings.masked() if settings is not None else {}, "secret": secret}
        seen = {"last_delivered_at": state.last_delivered_at, "last_error": state.last_error}
        return ConnectionOut.model_validate({**row.model_dump(), **seen, **shown})


def _with_signing_secret(
    settings: ProviderSettings, stored: ProviderSettings | None = None, *, renew: bool = False
) -> tuple[ProviderSettings, str | None]:
    """Give a webhook the secret that it lacks, or a new one; also returns the secret if it must be shown."""
    if not isinstance(settings, Webhook):
        return settings, None
    old = stored.secret if isinstance(stored, Webhook) else None
    if settings.secret is None or (renew and settings.secret == old):
        settings = settings.signed_with(new_secret())
    return settings, settings.secret if settings.secret != old else None


def _values(given: ConnectionIn) -> dict[str, Any]:
    return given.model_dump(mode="json", exclude={"settings"})


async def _require(
    session: AsyncSession, connection_id: int, *, lock: bool = False
) -> tuple[NotificationConnection, ConnectionState]:
    """Both rows; the state is locked first, as everywhere."""
    state = await session.get(ConnectionState, connection_id, with_for_update=lock or None)
    row = await session.get(
        NotificationConnection, connection_id, with_for_update={"key_share": True} if lock else None
    )
    if row is None or state is None:
        raise NotFound(f"There is no notification connection with the id {connection_id}.")
    return row, state


async def _make_due(session: AsyncSession, state: ConnectionState, now: datetime) -> None:
    mine = col(Delivery.connection_id) == state.connection_id
    queued = col(Delivery.status) == DeliveryStatus.QUEUED.value
    if (await session.exec(update(Delivery).where(mine, queued).values(next_try_at=now))).rowcount:
        state.next_at = now
