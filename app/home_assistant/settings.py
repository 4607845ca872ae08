"""MQTT settings and the topics where we have retained messages: two sections of the stored settings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.core.bells import BellName
from app.core.db import Database
from app.core.errors import Invalid
from app.core.schemas import SECRET_MASK, In, example, patch_of
from app.home_assistant.broker import MAX_URL_LENGTH, Broker, parse_broker_url
from app.secrets.box import SecretBox, masked
from app.settings.service import SettingsService

SECTION: Final = "mqtt"
RETAINED_SECTION: Final = "mqtt_published"
TOPIC: Final = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"


class MqttSettings(BaseModel):
    """The MQTT settings in force."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_serialization_defaults_required=True)

    enabled: bool = Field(False, description="Publish to Home Assistant over MQTT.")
    broker_url: str | None = Field(
        None,
        max_length=MAX_URL_LENGTH,
        description="`mqtt://` or `mqtts://user:password@host:port`; reads as stars; stars sent back keep it.",
        examples=[SECRET_MASK],
    )
    discovery_prefix: str = Field(
        "homeassistant",
        max_length=100,
        pattern=TOPIC,
        description="The discovery prefix of Home Assistant's MQTT integration.",
    )
    topic_prefix: str = Field(
        "huntarr",
        max_length=50,
        pattern=TOPIC,
        description="The prefix of Huntarr's topics and of its entities' ids; another one for each Huntarr.",
    )
    verify_tls: bool = Field(True, description="Check the broker's certificate (mqtts).")


@patch_of(MqttSettings)
class MqttIn(In):
    """Any subset; `null` takes the stored value back, so that the default counts again."""

    model_config = example({"broker_url": "mqtt://user:password@broker:1883"})


@dataclass(frozen=True, slots=True)
class MqttTarget:
    """A broker and our topic prefixes there."""

    broker: Broker
    discovery_prefix: str
    topic_prefix: str

    @property
    def _place(self) -> tuple[str, int, str, str]:
        return self.broker.host, self.broker.port, self.discovery_prefix, self.topic_prefix

    def is_same_place(self, other: "MqttTarget") -> bool:
        """Whether both have the same topics at the same broker; user, password and TLS may differ."""
        return self._place == other._place


@dataclass(frozen=True, slots=True)
class RetainedTopics:
    """The topics where we have retained messages, and at which target."""

    target: MqttTarget
    topics: tuple[str, ...]


class MqttSettingsService:
    """Reads and changes the MQTT settings. The broker URL contains a password and is stored encrypted."""

    def __init__(self, db: Database, box: SecretBox, settings: SettingsService) -> None:
        self._db = db
        self._box = box
        self._settings = settings
        self.changed = db.bells.bell(BellName.SETTINGS)

    async def read(self) -> MqttSettings:
        """With the broker URL masked."""
        async with self._db.reading() as session:
            return _shown(await self._settings.section(session, SECTION))

    async def update(self, given: MqttIn) -> MqttSettings:
        changes = given.model_dump(mode="json", exclude_unset=True)
        url = changes.get("broker_url")
        if url == SECRET_MASK:
            del changes["broker_url"]
        elif url is not None:
            parse_broker_url(url, verify_tls=True)
            changes["broker_url"] = self._box.encrypt(url)
        async with self._db.session() as session:
            before = _shown(await self._settings.section(session, SECTION))
            merged = await self._settings.change_section(session, SECTION, changes)
            shown = _shown(merged)
            keeps_url = before.broker_url is not None and "broker_url" not in changes
            if keeps_url and before.verify_tls and not shown.verify_tls:
                raise Invalid(
                    "Without verify_tls anybody could be the broker: give its address again.", field="body.broker_url"
                )
            if shown.enabled and shown.broker_url is None:
                raise Invalid("Give the address of the broker, such as mqtt://broker:1883.", field="body.broker_url")
            if shown.discovery_prefix == shown.topic_prefix:
                raise Invalid("This is the discovery prefix: choose another one.", field="body.topic_prefix")
        return shown

    async def is_idle(self) -> bool:
        """Whether there is neither a broker to publish to nor one whose messages must be cleared."""
        async with self._db.reading() as session:
            wanted = _shown(await self._settings.section(session, SECTION)).enabled
            return not wanted and not await self._settings.section(session, RETAINED_SECTION)

    async def target(self) -> MqttTarget | None:
        """Where to publish; None when that is switched off."""
        async with self._db.reading() as session:
            stored = await self._settings.section(session, SECTION)
        shown = _shown(stored)
        url = self._box.try_decrypt(stored.get("broker_url", ""))
        if not shown.enabled or url is None:
            return None
        return MqttTarget(
            parse_broker_url(url, verify_tls=shown.verify_tls), shown.discovery_prefix, shown.topic_prefix
        )

    async def retained_topics(self) -> RetainedTopics | None:
        """Our retained messages as remembered; None when there are none."""
        async with self._db.reading() as session:
            stored = await self._settings.section(session, RETAINED_SECTION)
        url = self._box.try_decrypt(stored.get("broker_url", ""))
        if url is None:
            return None
        broker = parse_broker_url(url, verify_tls=stored["verify_tls"])
        return RetainedTopics(
            MqttTarget(broker, stored["discovery_prefix"], stored["topic_prefix"]), tuple(stored["topics"])
        )

    async def remember(self, target: MqttTarget, topics: Iterable[str]) -> None:
        """Called before publishing, so that after a crash every retained message can still be cleared."""
        values: dict[str, Any] = {
            "broker_url": self._box.encrypt(target.broker.url),
            "verify_tls": target.broker.verify_tls,
            "discovery_prefix": target.discovery_prefix,
            "topic_prefix": target.topic_prefix,
            "topics": list(topics),
        }
        async with self._db.session() as session:
            await self._settings.change_section(session, RETAINED_SECTION, values)

    async def forget(self) -> None:
        nothing = dict.fromkeys(("broker_url", "verify_tls", "discovery_prefix", "topic_prefix", "topics"))
        async with self._db.session() as session:
            await self._settings.change_section(session, RETAINED_SECTION, nothing)


def _shown(stored: dict[str, Any]) -> MqttSettings:
    return MqttSettings.model_validate({**stored, "broker_url": masked(stored.get("broker_url"))})


def _published(stored: dict[str, Any]) -> None:
    """What `retained_topics` reads."""
    if stored:
        RetainedSection.model_validate(stored)


class RetainedSection(BaseModel):
    """The section as `remember` stores it."""

    broker_url: str
    verify_tls: bool
    discovery_prefix: str
    topic_prefix: str
    topics: list[str]


SECTION_READERS: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = MappingProxyType(
    {SECTION: _shown, RETAINED_SECTION: _published}
)
"""From a stored section to what is read of it; for whoever checks stored sections."""
