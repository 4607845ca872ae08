"""Which apps there are: a new one is a module beside this one and a name in `_CLIENTS`."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.arr.base import ArrClient
from app.arr.http import ArrHttp
from app.arr.lidarr import LidarrClient
from app.arr.models import AppType, Connection, Mode, Unit, Variant
from app.arr.radarr import RadarrClient
from app.arr.readarr import ReadarrClient
from app.arr.sonarr import SonarrClient
from app.arr.whisparr import WhisparrClient, WhisparrListlessClient, WhisparrSeriesClient

_CLIENTS: tuple[type[ArrClient], ...] = (
    *(SonarrClient, RadarrClient, LidarrClient, ReadarrClient),
    *(WhisparrSeriesClient, WhisparrClient, WhisparrListlessClient),
)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What is known of an app type without asking an app; of several variants, what any of them has."""

    app_type: AppType
    label: str
    prefix: str
    default_port: int
    units: frozenset[Unit]
    modes: tuple[Mode, ...]
    clients: Mapping[Variant | None, type[ArrClient]]

    @classmethod
    def of(cls, *clients: type[ArrClient]) -> "AppSpec":
        return cls(
            app_type=clients[0].app_type,
            label=clients[0].app_name,
            prefix=clients[0].prefix,
            default_port=clients[0].default_port,
            units=frozenset().union(*(client.units for client in clients)),
            modes=tuple(dict.fromkeys(mode for client in clients for mode in client.modes)),
            clients={client.variant: client for client in clients},
        )

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants of this type; none where there is only one client."""
        return tuple(variant for variant in self.clients if variant is not None)


REGISTRY: dict[AppType, AppSpec] = {
    app_type: AppSpec.of(*(client for client in _CLIENTS if client.app_type is app_type)) for app_type in AppType
}


def make_client(app_type: AppType, http: ArrHttp, connection: Connection, variant: Variant | None = None) -> ArrClient:
    """The client of an app; `identify` finds out the variant."""
    client = REGISTRY[app_type].clients.get(variant)
    if client is None:
        raise ValueError(f"not a variant of {app_type}: {variant}")
    return client(http, connection)
