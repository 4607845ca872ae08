"""The settings of Swaparr: one field for each, with default, bounds and description."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from app.core.errors import Invalid
from app.core.schemas import Deferred, In, example, patch_of

FROZEN = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)
NESTED = re.compile(r"\([^)]*[*+{][^)]*\)\s*[*+{]")
"""A repeated group that repeats something itself: such an expression may take hours on a short text."""


def _checked_pattern(pattern: str) -> str:
    """A regular expression that is valid and ends in a bounded time."""
    try:
        re.compile(pattern)
    except re.error as wrong:
        raise ValueError(f"is no regular expression: {wrong}") from None
    if NESTED.search(pattern) or re.search(r"\\[1-9]|\(\?", pattern):
        raise ValueError("repeats within repeats, look-arounds and back-references are not taken: they may never end")
    return pattern


def _web_address(text: str) -> str:
    if not re.match(r"https?://[^\s/]+", text):
        raise ValueError("must be an address that begins with http:// or https://")
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_checked_pattern)]
Extension = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^\.?[a-zA-Z0-9]{1,10}$")]
WebAddress = Annotated[str, StringConstraints(max_length=500), AfterValidator(_web_address)]
Minutes = Annotated[int, Field(ge=0, le=43200)]


class PrivateTorrents(StrEnum):
    """What becomes of torrents of private indexers."""

    SKIP = "skip"
    STRIKE = "strike"


class CauseSettings(Deferred):
    """One cause of a removal. `null` takes the general value."""

    model_config = FROZEN

    enabled: bool = True
    max_strikes: int | None = Field(None, ge=1, le=100)
    min_stuck_minutes: Minutes | None = None


class IgnoreRule(Deferred):
    """Downloads that fit all that is given are left alone, or get a patience of their own."""

    model_config = FROZEN

    indexer: Name | None = Field(None, description="Name of the indexer.")
    client: Name | None = Field(None, description="Name of the download client.")
    name_pattern: Pattern | None = Field(None, description="Whole-word regular expression for the title.")
    above_gb: int | None = Field(None, ge=1, le=100000, description="At least so large.")
    done_percent: int | None = Field(None, ge=1, le=100, description="At least so much is there.")
    min_stuck_minutes: Minutes | None = Field(None, description="Patience with them; null never touches them.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for name, value in self if name != "min_stuck_minutes"):
            raise ValueError("needs an indexer, a client, a name_pattern, above_gb or done_percent")
        return self


class SwaparrSettings(Deferred):
    """When a download counts as stuck, and what becomes of it."""

    model_config = FROZEN

    interval_minutes: int = Field(10, ge=2, le=1440, description="Minutes between two looks at the queue.")
    max_strikes: int = Field(3, ge=1, le=100, description="Strikes after which a download is removed.")
    min_stuck_minutes: Minutes = Field(120, description="Never removed earlier, however often it was looked at.")
    stalled: CauseSettings = Field(CauseSettings(), description="Nothing arrives.")
    slow: CauseSettings = Field(CauseSettings(), description="Too little arrives, by the two settings below.")
    metadata: CauseSettings = Field(CauseSettings(), description="A torrent whose size is not known for long.")
    failed_import: CauseSettings = Field(
        CauseSettings(enabled=False), description="Complete, and the app refuses it for what is in the release."
    )
    slow_below_kbps: int = Field(0, ge=0, le=1000000, description="Slower is slow, in kilobytes a second; 0 is off.")
    max_eta_hours: int = Field(0, ge=0, le=8760, description="More time left at its own speed is slow; 0 is off.")
    ignore_above_gb: int = Field(25, ge=0, le=100000, description="Larger downloads are left alone; 0 is none.")
    private_torrents: PrivateTorrents = Field(
        PrivateTorrents.SKIP, description="Of indexers that a connected Prowlarr calls private."
    )
    remove_from_client: bool = Field(True, description="Delete it in the download client too, with its data.")
    blocklist: bool = Field(True, description="So that the same release is not grabbed again.")
    search_again: bool = Field(True, description="Search for it in the next hunts; caps, cooldown and budget hold.")
    malicious_extensions: list[Extension] = Field(
        [], max_length=100, description="A file that ends so is removed at once, without strikes."
    )
    name_patterns: list[Pattern] = Field(
        [], max_length=100, description="Whole-word regular expressions: a title that fits one is removed at once."
    )
    dry_run: bool = Field(True, description="Only tell what would be removed.")
    max_removals_per_hour: int = Field(10, ge=1, le=1000, description="Then stop, and tell.")
    transmission_min_stuck_minutes: Minutes = Field(
        720, description="`min_stuck_minutes` in Transmission, which does not tell what is paused."
    )
    skip_clients: list[Name] = Field([], max_length=50, description="Names of download clients to leave alone.")
    online_check_urls: list[WebAddress] = Field(
        [], max_length=10, description="When none of them answers the line is down, and nothing counts."
    )
    ignore: list[IgnoreRule] = Field([], max_length=100, description="Downloads to leave alone, or to be patient with.")

    @model_validator(mode="after")
    def _hides_nothing(self) -> Self:
        if self.blocklist and not self.remove_from_client:
            raise ValueError("blocklist without remove_from_client hides a download for good: turn on both, or neither")
        return self


@patch_of(CauseSettings)
class CauseIn(In):
    """One cause of a removal. What is left out, or null, takes the general value."""


@patch_of(IgnoreRule)
class IgnoreIn(In):
    """Downloads that fit all that is given are left alone, or get a patience of their own."""


@patch_of(SwaparrSettings)
class SwaparrFields(In):
    """The settings, each of which may be left out."""


class SwaparrIn(SwaparrFields):
    """Any subset; `null` takes the stored value back, so that the default counts again."""

    model_config = example({"dry_run": False, "max_strikes": 4})

    stalled: CauseIn | None = Field(None, description="Nothing arrives.")
    slow: CauseIn | None = Field(None, description="Too little arrives.")
    metadata: CauseIn | None = Field(None, description="A torrent whose size is not known for long.")
    failed_import: CauseIn | None = Field(None, description="Complete, and refused for what is in the release.")
    ignore: list[IgnoreIn] | None = Field(None, max_length=100, description="Downloads to leave alone.")


def merged_swaparr(stored: Mapping[str, Any], given: SwaparrIn) -> dict[str, Any]:
    """`stored` with what was `given`; `Invalid` when the whole contradicts itself."""
    merged = {**stored, **given.model_dump(mode="json", exclude_unset=True)}
    merged = {name: _without_nulls(value) for name, value in merged.items() if value is not None}
    try:
        SwaparrSettings.model_validate(merged)
    except ValidationError as wrong:
        message = wrong.errors()[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"{message[:1].upper()}{message[1:]}.", field="body.swaparr") from None
    return merged


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value
