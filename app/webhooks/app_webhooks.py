"""Webhook calls of the apps: the address that each app calls, and what its calls mean for open searches."""

from collections.abc import Callable

import structlog

from app.arr.models import AppType, Unit
from app.arr.webhooks import DOWNLOAD_EVENTS, AppCall, AppEvent, MaybePart
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.logging import without_secrets
from app.hunting.running.webhook_hints import WebhookHints
from app.hunting.selection.candidates import item_key, season_key
from app.instances.models import Instance
from app.instances.service import InstanceService
from app.secrets.box import SecretBox
from app.webhooks.models import AppWebhook
from app.webhooks.schemas import AppCallOut, AppWebhookOut
from app.webhooks.tokens import APP_TOKEN, digest_of, new_token

log = structlog.get_logger(__name__)

AddressOf = Callable[[int], str]
"""From an instance id to the full address that the app calls, without a token."""


class AppWebhooks:
    """Stores the tokens of the apps, and passes on what the apps report."""

    def __init__(
        self, db: Database, box: SecretBox, instances: InstanceService, hints: WebhookHints, clock: Clock
    ) -> None:
        self._db = db
        self._box = box
        self._instances = instances
        self._hints = hints
        self._clock = clock

    async def show(self, app_type: AppType, instance_id: int, address_of: AddressOf) -> AppWebhookOut:
        """The address for the app of this instance; the first call creates its token."""
        async with self._db.reading() as session:
            await self._instances.require(session, instance_id, app_type)
            row = await session.get(AppWebhook, instance_id)
        if row is None:
            row = await self._create(app_type, instance_id, replace=False)
        return self._out(row, address_of)

    async def rotate(self, app_type: AppType, instance_id: int, address_of: AddressOf) -> AppWebhookOut:
        """Replace the token; the old one stops working at once."""
        return self._out(await self._create(app_type, instance_id, replace=True), address_of)

    async def receive(self, instance_id: int, call: AppCall) -> AppCallOut:
        """Handle an event that the app reports. A worker asks the app for the details later."""
        async with self._db.reading() as session:
            instance = await self._instances.require(session, instance_id)
        event = call.event
        if event in DOWNLOAD_EVENTS:
            done = await self._on_download(instance_id, call)
        elif event is None:
            log.info("unknown app event ignored", instance_id=instance_id, event_type=_redacted(call.event_type))
            done = "passed_over"
        else:
            _log_event(instance, event, call)
            done = "noted"
        return AppCallOut(event=call.event_type, done=done)

    async def _on_download(self, instance_id: int, call: AppCall) -> str:
        if (
            call.event is AppEvent.MANUAL_INTERACTION
            and call.download_id is not None
            and await self._hints.on_stuck(instance_id, call.download_id, _redacted(call.problem))
        ):
            return "settled"
        is_followed = await self._hints.on_download_event(instance_id, item_keys(call), call.download_id)
        return "looking" if is_followed else "passed_over"

    async def _create(self, app_type: AppType, instance_id: int, *, replace: bool) -> AppWebhook:
        """Store a new token; an existing one is kept unless `replace` is set."""
        token = new_token(APP_TOKEN)
        values = {
            "instance_id": instance_id,
            "token": self._box.encrypt(token),
            "digest": digest_of(token),
            "created_at": self._clock(),
        }
        async with self._db.session() as session:
            await self._instances.require(session, instance_id, app_type, lock=True)
            columns = ("token", "digest", "created_at") if replace else ()
            await upsert(session, AppWebhook, [values], key=["instance_id"], replace=columns)
            return await session.get_one(AppWebhook, instance_id, populate_existing=True)

    def _out(self, row: AppWebhook, address_of: AddressOf) -> AppWebhookOut:
        token, address = self._box.decrypt(row.token), address_of(row.instance_id)
        return AppWebhookOut(
            url=f"{address}?token={token}", url_without_token=address, token=token, created_at=row.created_at
        )


def _log_event(instance: Instance, event: AppEvent, call: AppCall) -> None:
    """Log an event that says nothing about downloads."""
    common = {"instance_id": instance.id, "instance": instance.name}
    if event is AppEvent.HEALTH:
        log.warning(
            "app reports a problem",
            **common,
            severity=_redacted(call.level),
            check=_redacted(call.type),
            message=_redacted(call.message),
        )
    elif event is AppEvent.HEALTH_RESTORED:
        log.info("app problem solved", **common, check=_redacted(call.type), message=_redacted(call.message))
    elif event is AppEvent.APPLICATION_UPDATE:
        log.info("app updated", **common, before=_redacted(call.previous_version), now=_redacted(call.new_version))
    else:
        log.info("app tested its webhook", **common)


def _redacted(text: str | None) -> str | None:
    """A text of the app without secrets: one that quotes our address may quote its token."""
    return without_secrets(text) if text is not None else None


def item_keys(call: AppCall) -> frozenset[str]:
    """Keys of all searches that the event may belong to: of the items, their seasons and their owner."""
    parts: list[tuple[Unit, MaybePart]] = [
        *((Unit.EPISODE, episode) for episode in call.episodes),
        *((Unit.ALBUM, album) for album in (call.album, *call.albums)),
        *((Unit.BOOK, book) for book in (call.book, *call.books)),
        *((Unit.MOVIE, call.movie), (Unit.SERIES, call.series)),
        *((Unit.ARTIST, call.artist), (Unit.AUTHOR, call.author)),
    ]
    keys = {item_key(unit, part.id) for unit, part in parts if part is not None and part.id is not None}
    if call.series is not None and call.series.id is not None:
        seasons = {episode.season_number for episode in call.episodes if episode is not None}
        keys |= {season_key(call.series.id, number) for number in seasons if number is not None}
    return frozenset(keys)
