"""Calls of the apps themselves: their addresses, and what a call means for the searches of the instance."""

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
"""From an instance to the whole address that its app calls, without a token."""


class AppWebhooks:
    """The one owner of the apps' tokens; what they tell goes on to the engine."""

    def __init__(
        self, db: Database, box: SecretBox, instances: InstanceService, told: WebhookHints, clock: Clock
    ) -> None:
        self._db = db
        self._box = box
        self._instances = instances
        self._told = told
        self._clock = clock

    async def show(self, app_type: AppType, instance_id: int, address_of: AddressOf) -> AppWebhookOut:
        """The address of the instance; the first time its token is made."""
        async with self._db.reading() as session:
            await self._instances.require(session, instance_id, app_type)
            row = await session.get(AppWebhook, instance_id)
        if row is None:
            row = await self._made(app_type, instance_id, is_new=False)
        return self._shown(row, address_of)

    async def rotate(self, app_type: AppType, instance_id: int, address_of: AddressOf) -> AppWebhookOut:
        """Another token; the one before is worth nothing from now on."""
        return self._shown(await self._made(app_type, instance_id, is_new=True), address_of)

    async def take(self, instance_id: int, call: AppCall) -> AppCallOut:
        """What the app says happened. Answered at once: the app itself is asked later, by a worker."""
        async with self._db.reading() as session:
            instance = await self._instances.require(session, instance_id)
        event = call.event
        if event in DOWNLOAD_EVENTS:
            done = await self._of_download(instance_id, call)
        elif event is None:
            log.info("event of an app passed over", instance_id=instance_id, told=_discreet(call.event_type))
            done = "passed_over"
        else:
            _note(instance, event, call)
            done = "noted"
        return AppCallOut(event=call.event_type, done=done)

    async def _of_download(self, instance_id: int, call: AppCall) -> str:
        if (
            call.event is AppEvent.MANUAL_INTERACTION
            and call.download_id is not None
            and await self._told.on_stuck(instance_id, call.download_id, _discreet(call.problem))
        ):
            return "settled"
        is_ours = await self._told.on_download_event(instance_id, names_of(call), call.download_id)
        return "looking" if is_ours else "passed_over"

    async def _made(self, app_type: AppType, instance_id: int, *, is_new: bool) -> AppWebhook:
        """A token in the row; with `is_new` another one than is there."""
        token = new_token(APP_TOKEN)
        values = {
            "instance_id": instance_id,
            "token": self._box.encrypt(token),
            "digest": digest_of(token),
            "created_at": self._clock(),
        }
        async with self._db.session() as session:
            await self._instances.require(session, instance_id, app_type, lock=True)
            replace = ("token", "digest", "created_at") if is_new else ()
            await upsert(session, AppWebhook, [values], key=["instance_id"], replace=replace)
            return await session.get_one(AppWebhook, instance_id, populate_existing=True)

    def _shown(self, row: AppWebhook, address_of: AddressOf) -> AppWebhookOut:
        token, address = self._box.decrypt(row.token), address_of(row.instance_id)
        return AppWebhookOut(
            url=f"{address}?token={token}", url_without_token=address, token=token, created_at=row.created_at
        )


def _note(instance: Instance, event: AppEvent, call: AppCall) -> None:
    """One line for what needs no look at the app."""
    common = {"instance_id": instance.id, "instance": instance.name}
    if event is AppEvent.HEALTH:
        log.warning(
            "the app has a problem",
            **common,
            severity=_discreet(call.level),
            check=_discreet(call.type),
            told=_discreet(call.message),
        )
    elif event is AppEvent.HEALTH_RESTORED:
        log.info("the app is rid of a problem", **common, check=_discreet(call.type), told=_discreet(call.message))
    elif event is AppEvent.APPLICATION_UPDATE:
        log.info(
            "the app was updated", **common, before=_discreet(call.previous_version), now=_discreet(call.new_version)
        )
    else:
        log.info("the app tested its webhook", **common)


def _discreet(text: str | None) -> str | None:
    """What is kept of an app's words: one that quotes an address of ours may quote a token."""
    return without_secrets(text) if text is not None else None


def names_of(call: AppCall) -> frozenset[str]:
    """What a search that led to the event may be called: by the items, by their seasons, by their owner."""
    parts: list[tuple[Unit, MaybePart]] = [
        *((Unit.EPISODE, one) for one in call.episodes),
        *((Unit.ALBUM, one) for one in (call.album, *call.albums)),
        *((Unit.BOOK, one) for one in (call.book, *call.books)),
        *((Unit.MOVIE, call.movie), (Unit.SERIES, call.series)),
        *((Unit.ARTIST, call.artist), (Unit.AUTHOR, call.author)),
    ]
    names = {item_key(unit, part.id) for unit, part in parts if part is not None and part.id is not None}
    if call.series is not None and call.series.id is not None:
        seasons = {one.season_number for one in call.episodes if one is not None}
        names |= {season_key(call.series.id, number) for number in seasons if number is not None}
    return frozenset(names)
