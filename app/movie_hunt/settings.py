"""The settings of Movie Hunt: a section of the stored settings."""

from typing import Final

from pydantic import ConfigDict, Field

from app.core.db import Database
from app.core.schemas import Deferred, In, example, patch_of
from app.indexers.models import Protocol
from app.settings.service import SettingsService

SECTION: Final = "movie_hunt"


class MovieHuntSettings(Deferred):
    """The settings of Movie Hunt in force."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_serialization_defaults_required=True)

    search_interval_hours: int = Field(
        24,
        ge=1,
        le=8760,
        description="Least time between two searches of a movie by the clock; it doubles when one "
        "brings nothing, up to thirty days.",
    )
    searches_per_hour: int = Field(
        30, ge=1, le=1000, description="Searches by the clock and for all missing movies; others wait for no turn."
    )
    feed_interval_minutes: int = Field(15, ge=10, le=1440, description="How often the newest releases are read.")
    preferred_protocol: Protocol = Field(
        Protocol.TORRENT, description="Which of two releases wins that are otherwise the same."
    )
    prefers_flags: bool = Field(
        False, description="Prefer freeleech and internal releases to others of the same score."
    )
    upgrades_to_propers: bool = Field(True, description="A PROPER or REPACK replaces a file of the same quality.")
    allows_hardcoded_subtitles: bool = Field(False, description="Take releases with subtitles in the picture.")
    max_size_mb: int | None = Field(None, ge=1, le=10_000_000, description="The largest release; null is no limit.")
    retention_days: int | None = Field(
        None, ge=1, le=36500, description="Days that the usenet servers keep; null: all."
    )
    minimum_age_minutes: int = Field(0, ge=0, le=14400, description="Usenet: how old a release has to be.")
    min_free_space_mb: int = Field(500, ge=0, le=10_000_000, description="What stays free in a root folder.")


@patch_of(MovieHuntSettings)
class MovieHuntSettingsIn(In):
    """Any subset; `null` takes the stored value back, so that the default counts again."""

    model_config = example({"search_interval_hours": 48})


class MovieHuntSettingsService:
    """Reads and changes the section."""

    def __init__(self, db: Database, settings: SettingsService) -> None:
        self._db = db
        self._settings = settings

    async def read(self) -> MovieHuntSettings:
        async with self._db.reading() as session:
            return MovieHuntSettings.model_validate(await self._settings.section(session, SECTION))

    async def update(self, given: MovieHuntSettingsIn) -> MovieHuntSettings:
        changes = given.model_dump(mode="json", exclude_unset=True)
        async with self._db.session() as session:
            return MovieHuntSettings.model_validate(await self._settings.change_section(session, SECTION, changes))
