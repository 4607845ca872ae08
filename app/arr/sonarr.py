"""Sonarr v4, and the v3 API of Sonarr v5."""

from collections.abc import Mapping
from typing import ClassVar

from app.arr.episodes import EpisodeClient, EpisodeResource
from app.arr.models import AppType, SortKey


class SonarrClient(EpisodeClient):
    """Sonarr; every request goes to `/api/v3`, which both majors serve (arr contracts §0)."""

    app_type: ClassVar[AppType] = AppType.SONARR
    app_name: ClassVar[str] = "Sonarr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 8989
    record: ClassVar[type[EpisodeResource]] = EpisodeResource
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # arr contracts §3.2: any other key is silently ignored
        SortKey.LAST_SEARCH: "episodes.lastSearchTime",
        SortKey.RELEASED: "episodes.airDateUtc",
    }
