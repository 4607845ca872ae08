"""Commands from Home Assistant, executed by the same services as API calls."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from app.auth.audit import AuditEntry, AuditTrail
from app.core.errors import HuntarrError
from app.home_assistant.entities import MAX_PAUSE_MINUTES
from app.home_assistant.topics import HUNT, OFF, ON, PAUSE, RESUME, Topics
from app.hunting.schemas import HuntIn
from app.hunting.service import HuntService
from app.instances.schemas import InstancePatch
from app.instances.service import InstanceService
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

MAX_SHOWN_LENGTH: Final = 40
_ID: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_MINUTES: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_PAUSE_PAYLOADS: Final = {PAUSE: True, RESUME: False}
_SWITCH_PAYLOADS: Final = {ON: True, OFF: False}


@dataclass(frozen=True, slots=True)
class HuntNow:
    """Without an instance: in all that are enabled."""

    instance_id: int | None = None


@dataclass(frozen=True, slots=True)
class SetPause:
    """Without minutes until somebody resumes."""

    paused: bool
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class SetEnabled:
    instance_id: int
    enabled: bool


Command = HuntNow | SetPause | SetEnabled


def parse_command(topics: Topics, topic: str, payload: bytes) -> Command | None:
    """None when the message is not a known command."""
    text = payload[: 2 * MAX_SHOWN_LENGTH].decode("utf-8", "replace")
    if topic == topics.paused and text in _SWITCH_PAYLOADS:
        return SetPause(_SWITCH_PAYLOADS[text])
    if topic == topics.pause_minutes and _MINUTES.fullmatch(text) and int(text) <= MAX_PAUSE_MINUTES:
        return SetPause(int(text) > 0, int(text) or None)
    if topic == topics.command() and text in _PAUSE_PAYLOADS:
        return SetPause(_PAUSE_PAYLOADS[text])
    if topic == topics.command() and text == HUNT:
        return HuntNow()
    hunted, switched = _instance_of(topics.command, topic), _instance_of(topics.enabled, topic)
    if text == HUNT and hunted is not None:
        return HuntNow(hunted)
    if text in _SWITCH_PAYLOADS and switched is not None:
        return SetEnabled(switched, _SWITCH_PAYLOADS[text])
    return None


def _instance_of(topic_of: Callable[[str], str], topic: str) -> int | None:
    """The instance's id in a topic of this form; None for another topic."""
    before, _, after = topic_of("+").partition("+")
    instance_id = topic.removeprefix(before).removesuffix(after)
    return int(instance_id) if _ID.fullmatch(instance_id) and topic == topic_of(instance_id) else None


class CommandExecutor:
    """Executes commands. A command that fails is logged: MQTT has no reply."""

    def __init__(
        self, hunts: HuntService, instances: InstanceService, settings: SettingsService, audit: AuditTrail
    ) -> None:
        self._hunts = hunts
        self._instances = instances
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
            target = {} if command.instance_id is None else {"instance_id": str(command.instance_id)}
            return AuditEntry("create_hunt", "mqtt", target=target)
        if isinstance(command, SetEnabled):
            app_type = await self._instances.app_type_of(command.instance_id)
            await self._instances.update(app_type, command.instance_id, InstancePatch(enabled=command.enabled))
            target = {"app_type": app_type.value, "instance_id": str(command.instance_id)}
            return AuditEntry("update_instance", "mqtt", target=target, fields=["enabled"])
        if command.paused:
            await self._settings.pause(command.minutes)
            return AuditEntry("pause_hunting", "mqtt", fields=["minutes"] if command.minutes else [])
        await self._settings.resume()
        return AuditEntry("resume_hunting", "mqtt")
