"""The settings of the MQTT publisher, and what it remembers to have published: two sections of the settings."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Invalid
from app.core.schemas import SECRET_MASK, In, patch_of
from app.home_assistant.broker import MAX_URL_LENGTH, Broker, broker_of
from app.secrets.box import SecretBox, masked
from app.settings.service import SettingsService

SECTION: Final = "mqtt"
MEMORY: Final = "mqtt_published"
TOPIC: Final = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"


class MqttSettings(BaseModel):
    """The MQTT settings in force."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_serialization_defaults_required=True)

    enabled: bool = Field(False, description="Publish to Home Assistant over MQTT.")
    broker_url: str | None = Field(
        None,
        max_length=MAX_URL_LENGTH,
        description="`mqtt://` or `mqtts://user:password@host:port`; reads as stars, which sent back keep it.",
        examples=[SECRET_MASK],
    )
    discovery_prefix: str = Field(
        "homeassistant", max_length=100, pattern=TOPIC, description="The one that Home Assistant is set to."
    )
    topic_prefix: str = Field(
        "huntarr",
        max_length=50,
        pattern=TOPIC,
        description="Where our own topics begin, and what our entities' ids are made of; one for each Huntarr.",
    )
    verify_tls: bool = Field(True, description="Check the certificate of a broker that is called over mqtts.")


@patch_of(MqttSettings)
class MqttIn(In):
    """Any subset; `null` takes the stored value back, so that the default counts again."""


@dataclass(frozen=True, slots=True)
class MqttTarget:
    """A broker and our topics there. A change of any of it is another place."""

    broker: Broker
    discovery_prefix: str
    topic_prefix: str

    def is_at(self, other: "MqttTarget") -> bool:
        """Whether what is published here is published there: the way in may be another one."""
        mine, its = self.broker, other.broker
        return (mine.host, mine.port, self.discovery_prefix, self.topic_prefix) == (
            its.host,
            its.port,
            other.discovery_prefix,
            other.topic_prefix,
        )


@dataclass(frozen=True, slots=True)
class RetainedTopics:
    """Where retained messages of ours are, and under which topics."""

    place: MqttTarget
    topics: tuple[str, ...]


class MqttSettingsService:
    """Reads and changes them. The address of a broker holds a password: it is stored sealed, whole."""

    def __init__(self, db: Database, box: SecretBox, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._box = box
        self._settings = settings
        self._clock = clock

    async def read(self) -> MqttSettings:
        """As callers may see them."""
        async with self._db.reading() as session:
            return _shown(await self._settings.section(session, SECTION))

    async def update(self, given: MqttIn) -> MqttSettings:
        changes = given.model_dump(mode="json", exclude_unset=True)
        url = changes.get("broker_url")
        if url == SECRET_MASK:
            del changes["broker_url"]
        elif url is not None:
            broker_of(url, verify_tls=True)
            changes["broker_url"] = self._box.encrypt(url)
        async with self._db.session() as session:
            merged = await self._settings.change_section(session, SECTION, changes)
            shown = _shown(merged)
            if shown.enabled and shown.broker_url is None:
                raise Invalid("Give the address of the broker, such as mqtt://broker:1883.", field="body.broker_url")
            if shown.discovery_prefix == shown.topic_prefix:
                raise Invalid("This one is Home Assistant's: take another.", field="body.topic_prefix")
        return shown

    async def place(self) -> MqttTarget | None:
        """Where to publish now; None when that is switched off."""
        async with self._db.reading() as session:
            stored = await self._settings.section(session, SECTION)
        shown = _shown(stored)
        url = self._box.try_decrypt(stored.get("broker_url", ""))
        if not shown.enabled or url is None:
            return None
        return MqttTarget(broker_of(url, verify_tls=shown.verify_tls), shown.discovery_prefix, shown.topic_prefix)

    async def published(self) -> RetainedTopics | None:
        """What is retained somewhere, as far as we know; None for nothing."""
        async with self._db.reading() as session:
            stored = await self._settings.section(session, MEMORY)
        url = self._box.try_decrypt(stored.get("broker_url", ""))
        if url is None:
            return None
        broker = broker_of(url, verify_tls=stored["verify_tls"])
        return RetainedTopics(
            MqttTarget(broker, stored["discovery_prefix"], stored["topic_prefix"]), tuple(stored["topics"])
        )

    async def remember(self, place: MqttTarget, topics: Iterable[str]) -> None:
        """Note it before it is published, so that nothing is left behind whatever happens between."""
        kept: dict[str, Any] = {
            "broker_url": self._box.encrypt(place.broker.url),
            "verify_tls": place.broker.verify_tls,
            "discovery_prefix": place.discovery_prefix,
            "topic_prefix": place.topic_prefix,
            "topics": list(topics),
        }
        async with self._db.session() as session:
            await self._settings.change_section(session, MEMORY, kept)

    async def forget(self) -> None:
        nothing = dict.fromkeys(("broker_url", "verify_tls", "discovery_prefix", "topic_prefix", "topics"))
        async with self._db.session() as session:
            await self._settings.change_section(session, MEMORY, nothing)


def _shown(stored: dict[str, Any]) -> MqttSettings:
    return MqttSettings.model_validate({**stored, "broker_url": masked(stored.get("broker_url"))})
