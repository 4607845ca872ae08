"""The general settings: one field for each."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field

from app.core.config import LogLevel
from app.core.cron import checked_cron
from app.core.fields import TimeZoneName
from app.core.schemas import SECRET_MASK, Deferred, In, example, patch_of
from app.http.addresses import checked_url

PublicUrl = Annotated[str, Field(max_length=500), AfterValidator(str.strip), AfterValidator(checked_url)]


class GeneralSettings(Deferred):
    """The general settings in force."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_serialization_defaults_required=True)

    timezone: TimeZoneName = Field(
        "UTC", description="IANA time zone of hunting windows and of backups.", examples=["Europe/Berlin"]
    )
    hunting_paused: bool = Field(False, description="No hunt starts and running ones stop before their next search.")
    api_timeout_seconds: int = Field(30, ge=1, le=300, description="Longest time for one answer of an app.")
    verify_tls: bool = Field(True, description="Check the certificates of apps that are called over https.")
    log_level: LogLevel = Field(LogLevel.INFO, description="The least level that is logged.")
    log_retention_days: int = Field(30, ge=1, le=365, description="Days that log entries are kept.")
    log_max_entries_per_app: int = Field(
        10_000, ge=100, le=1_000_000, description="Log entries kept of each app type; the newest ones."
    )
    history_retention_days: int = Field(365, ge=0, le=36500, description="Days that history is kept; 0 is for ever.")
    backup_enabled: bool = Field(True, description="Make backups by the clock.")
    backup_cron: Annotated[str, Field(max_length=100), AfterValidator(checked_cron)] = Field(
        "30 3 * * *", description="When backups are made: a cron expression of five fields, in `timezone`."
    )
    backup_retention: int = Field(7, ge=1, le=100, description="How many backups of each kind are kept.")
    metrics_enabled: bool = Field(True, description="Answer `GET /metrics`, for Prometheus.")
    tmdb_api_key: str | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Your key of TMDB (v3 key or v4 read token), for Movie Hunt; reads as stars; stars sent back keep "
        "it.",
        examples=[SECRET_MASK],
    )
    session_hours: int = Field(24, ge=1, le=720, description="How long somebody stays logged in.")
    public_url: PublicUrl | None = Field(
        None,
        description="Where apps and buttons reach Huntarr, with any sub-path; null is as the caller does.",
        examples=["http://huntarr:9705"],
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@patch_of(GeneralSettings)
class GeneralIn(In):
    """Any subset; `null` takes the stored value back, so that the default counts again."""

    model_config = example({"timezone": "Europe/Berlin", "log_retention_days": 60})
