"""Sonarr v4, and the v3 API of Sonarr v5."""

from collections.abc import Mapping
from typing import ClassVar

from app.arr.episodes import EpisodeClient, EpisodeResource
from app.arr.models import AppType, SortKey


class SonarrClient(EpisodeClient):
    """Every request goes to `/api/v3`, which both versions serve."""

    app_type: ClassVar[AppType] = AppType.SONARR
    app_name: ClassVar[str] = "Sonarr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 8989
    item_resource: ClassVar[type[EpisodeResource]] = EpisodeResource
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # any other key is ignored
        SortKey.LAST_SEARCH: "episodes.lastSearchTime",
        SortKey.RELEASED: "episodes.airDateUtc",
    }
