"""What Home Assistant may ask of us: the same as the API does, by the same services."""

import re
from dataclasses import dataclass
from typing import Final

import structlog

from app.auth.audit import AuditEntry, AuditTrail
from app.core.errors import HuntarrError
from app.home_assistant.entities import HUNT, OFF, ON, PAUSE, RESUME, Topics
from app.hunting.schemas import HuntIn
from app.hunting.service import HuntService
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

MAX_SHOWN_LENGTH: Final = 40
_ID: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_WORDS: Final = {PAUSE: True, RESUME: False}
_SWITCHED: Final = {ON: True, OFF: False}


@dataclass(frozen=True, slots=True)
class HuntNow:
    instance_id: int


@dataclass(frozen=True, slots=True)
class SetPause:
    paused: bool


Command = HuntNow | SetPause


def understood(topics: Topics, topic: str, payload: bytes) -> Command | None:
    """What a message asks for; None when that is nothing we know."""
    word = payload[: 2 * MAX_SHOWN_LENGTH].decode("utf-8", "replace")
    if topic == topics.paused and word in _SWITCHED:
        return SetPause(_SWITCHED[word])
    if topic == topics.command() and word in _WORDS:
        return SetPause(_WORDS[word])
    before, _, after = topics.command("+").partition("+")
    instance_id = topic.removeprefix(before).removesuffix(after)
    if word == HUNT and _ID.fullmatch(instance_id) and topic == topics.command(instance_id):
        return HuntNow(int(instance_id))
    return None


class Commands:
    """Carries commands out. One that cannot be done is logged: nobody waits for an answer."""

    def __init__(self, hunts: HuntService, settings: SettingsService, audit: AuditTrail) -> None:
        self._hunts = hunts
        self._settings = settings
        self._audit = audit

    async def obey(self, topics: Topics, topic: str, payload: bytes, *, is_retained: bool) -> bool:
        """Do what the message asks for; whether anything was done. A retained one is old, and would come again."""
        command = understood(topics, topic, payload)
        if command is None or is_retained:
            shown = payload[:MAX_SHOWN_LENGTH].decode("utf-8", "replace")
            log.warning("mqtt command ignored", topic=topic[:200], payload=shown, retained=is_retained)
            return False
        try:
            await self._audit.record(await self._do(command))
        except HuntarrError as failure:
            log.warning("mqtt command not done", topic=topic[:200], reason=failure.message)
            return False
        log.info("mqtt command done", topic=topic[:200])
        return True

    async def _do(self, command: Command) -> AuditEntry:
        if isinstance(command, HuntNow):
            await self._hunts.start(HuntIn(instance_id=command.instance_id))
            return AuditEntry("create_hunt", "mqtt", target={"instance_id": str(command.instance_id)})
        if command.paused:
            await self._settings.pause(None)
            return AuditEntry("pause_hunting", "mqtt")
        await self._settings.resume()
        return AuditEntry("resume_hunting", "mqtt")
