"""Reads and changes settings; pauses and resumes all hunting."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType
from app.arr.registry import hunting_apps
from app.core.bells import BellName, ring_after_commit
from app.core.clock import Clock
from app.core.config import LogLevel
from app.core.db import Database, upsert
from app.core.errors import Forbidden
from app.core.logging import set_level
from app.core.schemas import SECRET_MASK
from app.core.time_zone import local_zone
from app.secrets.box import SecretBox, masked
from app.settings.general import GeneralIn, GeneralSettings
from app.settings.hunting import HuntingIn, HuntingSettings, effective, merged_values
from app.settings.models import SettingsSection

GENERAL = "general"
PAUSED_UNTIL = "paused_until"
TMDB_API_KEY = "tmdb_api_key"
TRUSTS_ANYBODY = (
    "Without verify_tls the keys of all apps could go to anybody: this needs a session, or the key of HUNTARR_API_KEY."
)


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether all hunting is paused; without `until` it stays paused until somebody resumes it."""

    paused: bool
    until: datetime | None = None


class SettingsService:
    """The sections `general` and one per app type. Only what the user set is stored; defaults live in the models."""

    def __init__(self, db: Database, clock: Clock, box: SecretBox, *, log_level: LogLevel = LogLevel.INFO) -> None:
        self._db = db
        self._box = box
        self._clock = clock
        self._defaults: dict[str, Any] = {"timezone": local_zone(os.environ).name, "log_level": log_level}

    async def general(self) -> GeneralSettings:
        async with self._db.reading() as session:
            return await self.general_in(session)

    async def general_in(self, session: AsyncSession) -> GeneralSettings:
        """`general` within an open unit of work."""
        stored = await _stored(session, GENERAL)
        shown = {"hunting_paused": self.pause_of(stored).paused, TMDB_API_KEY: masked(stored.get(TMDB_API_KEY))}
        return GeneralSettings.model_validate({**self._defaults, **stored, **shown})

    async def tmdb_api_key(self) -> str | None:
        """The user's key of TMDB; `DecryptFailed` when it was stored with another secret key."""
        async with self._db.reading() as session:
            stored = (await _stored(session, GENERAL)).get(TMDB_API_KEY)
        return None if stored is None else self._box.decrypt(stored)

    async def pause_in(self, session: AsyncSession) -> Pause:
        """The pause in force, within an open unit of work."""
        return self.pause_of(await _stored(session, GENERAL))

    async def update_general(self, given: GeneralIn, *, may_trust_anybody: bool = True) -> GeneralSettings:
        """Change some; `Forbidden` for switching `verify_tls` off by a caller who may not read the apps' keys."""
        changes = given.model_dump(mode="json", exclude_unset=True)
        if changes.get("verify_tls") is False and not may_trust_anybody and (await self.general()).verify_tls:
            raise Forbidden(TRUSTS_ANYBODY)
        if "hunting_paused" in changes:
            changes[PAUSED_UNTIL] = None
        if changes.get(TMDB_API_KEY) == SECRET_MASK:
            del changes[TMDB_API_KEY]
        elif changes.get(TMDB_API_KEY) is not None:
            changes[TMDB_API_KEY] = self._box.encrypt(changes[TMDB_API_KEY].strip())
        async with self._db.session() as session:
            await self._merge(session, changes)
            general = await self.general_in(session)
        set_level(general.log_level)
        return general

    async def apply_level(self) -> None:
        """Apply the log level of the settings: at the start, and after a change by another process."""
        set_level((await self.general()).log_level)

    async def sections(self) -> dict[str, Any]:
        """The settings in force, by section: `general` and every app type that hunts."""
        async with self._db.reading() as session:
            defaults = await self.all_hunting_defaults(session)
            sections = {app_type.value: effective(stored) for app_type, stored in defaults.items()}
            return {GENERAL: await self.general_in(session), **sections}

    async def hunting(self, app_type: AppType) -> HuntingSettings:
        async with self._db.reading() as session:
            return effective(await self.hunting_defaults(session, app_type))

    async def hunting_defaults(self, session: AsyncSession, app_type: AppType) -> dict[str, Any]:
        """What the user set for all instances of the app type; without built-in defaults."""
        return await _stored(session, app_type.value)

    async def all_hunting_defaults(self, session: AsyncSession) -> dict[AppType, dict[str, Any]]:
        """`hunting_defaults` of every app type that hunts, in one statement."""
        rows = {row.name: dict(row.stored) for row in (await session.exec(select(SettingsSection))).all()}
        return {app_type: rows.get(app_type.value, {}) for app_type in hunting_apps()}

    async def update_hunting(
        self, session: AsyncSession, app_type: AppType, given: HuntingIn
    ) -> tuple[HuntingSettings, HuntingSettings]:
        """Merge `given` into the defaults of the app type; returns the settings before and after."""
        stored = await self._locked(session, app_type.value)
        merged = merged_values(stored, given, app_type, prefix="body")
        await self._store(session, app_type.value, merged)
        return effective(stored), effective(merged)

    async def section(self, session: AsyncSession, name: str) -> dict[str, Any]:
        """The stored values of a section that another feature owns, by name; empty when nothing is stored."""
        return await _stored(session, name)

    async def change_section(self, session: AsyncSession, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Merge `changes` into the section; returns the stored values. `None` removes a value."""
        merged = {**await self._locked(session, name), **changes}
        await self._store(session, name, merged)
        return {key: value for key, value in merged.items() if value is not None}

    async def pause(self, minutes: int | None) -> Pause:
        until = self._clock() + timedelta(minutes=minutes) if minutes else None
        return await self._set_pause(Pause(True, until))

    async def resume(self) -> Pause:
        return await self._set_pause(Pause(False))

    async def _set_pause(self, pause: Pause) -> Pause:
        changes = {"hunting_paused": pause.paused, PAUSED_UNTIL: pause.until.isoformat() if pause.until else None}
        async with self._db.session() as session:
            await self._merge(session, changes)
        return pause

    def pause_of(self, stored: Mapping[str, Any]) -> Pause:
        """The pause in force by the stored values of the section `GENERAL`."""
        raw = stored.get(PAUSED_UNTIL)
        until = datetime.fromisoformat(raw) if raw else None
        paused = bool(stored.get("hunting_paused")) and (until is None or self._clock() < until)
        return Pause(paused, until if paused else None)

    async def _merge(self, session: AsyncSession, changes: Mapping[str, Any]) -> None:
        await self._store(session, GENERAL, {**await self._locked(session, GENERAL), **changes})

    async def _locked(self, session: AsyncSession, name: str) -> dict[str, Any]:
        """The stored values, locked until the end of the unit of work, so that no concurrent change is lost."""
        row = {"name": name, "stored": {}, "updated_at": self._clock()}
        await upsert(session, SettingsSection, [row], key=["name"])
        section = await session.get_one(SettingsSection, name, with_for_update=True, populate_existing=True)
        return dict(section.stored)

    async def _store(self, session: AsyncSession, name: str, values: Mapping[str, Any]) -> None:
        kept = {key: value for key, value in values.items() if value is not None}
        row = {"name": name, "stored": kept, "updated_at": self._clock()}
        await upsert(session, SettingsSection, [row], key=["name"], replace=["stored", "updated_at"])
        ring_after_commit(session, BellName.SETTINGS)
        ring_after_commit(session, BellName.PLANS)  # times of schedules are those of the time zone


async def _stored(session: AsyncSession, name: str) -> dict[str, Any]:
    section = await session.get(SettingsSection, name, populate_existing=True)
    return dict(section.stored) if section is not None else {}
