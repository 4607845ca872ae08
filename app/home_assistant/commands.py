"""Commands from Home Assistant, executed by the same services as API calls."""

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
_PAUSE_PAYLOADS: Final = {PAUSE: True, RESUME: False}
_SWITCH_PAYLOADS: Final = {ON: True, OFF: False}


@dataclass(frozen=True, slots=True)
class HuntNow:
    instance_id: int


@dataclass(frozen=True, slots=True)
class SetPause:
    paused: bool


Command = HuntNow | SetPause


def parse_command(topics: Topics, topic: str, payload: bytes) -> Command | None:
    """None when the message is not a known command."""
    text = payload[: 2 * MAX_SHOWN_LENGTH].decode("utf-8", "replace")
    if topic == topics.paused and text in _SWITCH_PAYLOADS:
        return SetPause(_SWITCH_PAYLOADS[text])
    if topic == topics.command() and text in _PAUSE_PAYLOADS:
        return SetPause(_PAUSE_PAYLOADS[text])
    before, _, after = topics.command("+").partition("+")
    instance_id = topic.removeprefix(before).removesuffix(after)
    if text == HUNT and _ID.fullmatch(instance_id) and topic == topics.command(instance_id):
        return HuntNow(int(instance_id))
    return None


class CommandExecutor:
    """Executes commands. A command that fails is logged: MQTT has no reply."""

    def __init__(self, hunts: HuntService, settings: SettingsService, audit: AuditTrail) -> None:
        self._hunts = hunts
        self._settings = settings
        self._audit = audit

    async def execute(self, topics: Topics, topic: str, payload: bytes, *, is_retained: bool) -> bool:
        """Whether a command was executed. Retained messages are ignored: they are old and would come again."""
        command = parse_command(topics, topic, payload)
        if command is None or is_retained:
            shown = payload[:MAX_SHOWN_LENGTH].decode("utf-8", "replace")
            log.warning("mqtt command ignored", topic=topic[:200], payload=shown, retained=is_retained)
            return False
        try:
            await self._audit.record(await self._execute(command))
        except HuntarrError as failure:
            log.warning("mqtt command failed", topic=topic[:200], reason=failure.message)
            return False
        log.info("mqtt command executed", topic=topic[:200])
        return True

    async def _execute(self, command: Command) -> AuditEntry:
        if isinstance(command, HuntNow):
            await self._hunts.start(HuntIn(instance_id=command.instance_id))
            return AuditEntry("create_hunt", "mqtt", target={"instance_id": str(command.instance_id)})
        if command.paused:
            await self._settings.pause(None)
            return AuditEntry("pause_hunting", "mqtt")
        await self._settings.resume()
        return AuditEntry("resume_hunting", "mqtt")
