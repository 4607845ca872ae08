"""The settings that an instance has of its own: those of hunts, or Prowlarr's."""

from collections.abc import Mapping
from typing import Any

from app.arr.models import AppType
from app.core.errors import Invalid
from app.settings.hunting import HuntingIn, merged_values
from app.settings.prowlarr import ProwlarrIn, ProwlarrSettings, merged_prowlarr
from app.settings.swaparr import SwaparrSettings


def merged_overrides(
    stored: Mapping[str, Any], app_type: AppType, hunting: HuntingIn | None, prowlarr: ProwlarrIn | None
) -> dict[str, Any]:
    """`stored` with what is given; `Invalid` for settings of another kind of app."""
    if prowlarr is not None and app_type is not AppType.PROWLARR:
        raise Invalid(
            f"Only an instance of Prowlarr has these settings, and this is a {app_type}.", field="body.prowlarr"
        )
    merged = dict(stored) if prowlarr is None else merged_prowlarr(stored, prowlarr)
    return merged if hunting is None else merged_values(merged, hunting, app_type)


def swaparr_settings(app_type: AppType, overrides: Mapping[str, Any]) -> SwaparrSettings | None:
    """The settings in force of a policy; `None` for an app."""
    return SwaparrSettings.model_validate(overrides) if app_type is AppType.SWAPARR else None


def prowlarr_settings(app_type: AppType, overrides: Mapping[str, Any]) -> ProwlarrSettings | None:
    """The settings in force of a Prowlarr; `None` for another app."""
    return ProwlarrSettings.model_validate(overrides) if app_type is AppType.PROWLARR else None
