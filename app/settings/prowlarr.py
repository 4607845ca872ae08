"""The settings of an instance of Prowlarr: one field for each, with default, bounds and description."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field

from app.core.schemas import Deferred, In, example, patch_of


class ProwlarrSettings(Deferred):
    """How a Prowlarr is read, and what its indexers' limits mean for hunts."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)

    refresh_minutes: int = Field(5, ge=1, le=60, description="Minutes between two looks at it.")
    reserve_percent: int = Field(
        20, ge=0, le=90, description="Share of each indexer's limit that hunts leave for RSS and for people."
    )
    enforce_budget: bool = Field(True, description="Whether a hunt waits while no indexer has anything left.")


@patch_of(ProwlarrSettings)
class ProwlarrIn(In):
    """Any subset; `null` takes the stored value back, so that the default counts again."""

    model_config = example({"reserve_percent": 30})


def merged_prowlarr(stored: Mapping[str, Any], given: ProwlarrIn) -> dict[str, Any]:
    """`stored` with what was `given`."""
    merged = {**stored, **given.model_dump(mode="json", exclude_unset=True)}
    return {name: value for name, value in merged.items() if value is not None}
