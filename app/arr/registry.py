"""All app types. A new one is a member of `AppType` and a spec in `_SPECS`; if Huntarr hunts in it, a client too."""

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
from app.core.errors import Conflict


@dataclass(frozen=True, slots=True)
class HuntSpec:
    """What hunts need to know of an app type; of several variants, what any of them has."""

    units: frozenset[Unit]
    modes: tuple[Mode, ...]
    clients: Mapping[Variant | None, type[ArrClient]]


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What is known of an app type without asking an app. `hunts` is None for an app that Huntarr does not hunt in."""

    app_type: AppType
    label: str
    prefix: str
    default_port: int
    hunts: HuntSpec | None = None
    has_address: bool = True
    """False for what is no app but a policy over the queue of one."""

    @classmethod
    def of(cls, *clients: type[ArrClient]) -> "AppSpec":
        """The spec of an app type that hunts, by its clients: one, or one for each variant."""
        hunts = HuntSpec(
            units=frozenset().union(*(client.units for client in clients)),
            modes=tuple(dict.fromkeys(mode for client in clients for mode in client.modes)),
            clients={client.variant: client for client in clients},
        )
        first = clients[0]
        return cls(first.app_type, first.app_name, first.prefix, first.default_port, hunts)

    @property
    def clients(self) -> Mapping[Variant | None, type[ArrClient]]:
        return self.hunts.clients if self.hunts is not None else {}

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants of this type; none where there is at most one client."""
        return tuple(variant for variant in self.clients if variant is not None)


_SPECS = (
    AppSpec.of(SonarrClient),
    AppSpec.of(RadarrClient),
    AppSpec.of(LidarrClient),
    AppSpec.of(ReadarrClient),
    AppSpec.of(WhisparrSeriesClient, WhisparrClient, WhisparrListlessClient),
    AppSpec(AppType.PROWLARR, "Prowlarr", "/api/v1", 9696),
    AppSpec(AppType.SWAPARR, "Swaparr", "", 0, has_address=False),
)
REGISTRY: dict[AppType, AppSpec] = {spec.app_type: spec for spec in _SPECS}


def all_apps() -> tuple[AppType, ...]:
    """Every app type that an instance can have."""
    return tuple(REGISTRY)


def addressed_apps() -> tuple[AppType, ...]:
    """The app types whose instances have an address and a key: all but Swaparr."""
    return tuple(app_type for app_type, spec in REGISTRY.items() if spec.has_address)


def hunting_apps() -> tuple[AppType, ...]:
    """The app types that Huntarr hunts in."""
    return tuple(app_type for app_type, spec in REGISTRY.items() if spec.hunts is not None)


def hunt_spec(app_type: AppType) -> HuntSpec:
    """`Conflict` for an app type that does not hunt."""
    spec = REGISTRY[app_type]
    if spec.hunts is None:
        raise Conflict(f"Huntarr does not hunt in {spec.label}.")
    return spec.hunts


def make_client(app_type: AppType, http: ArrHttp, connection: Connection, variant: Variant | None = None) -> ArrClient:
    """The client of an app; `identify` finds out the variant."""
    client = REGISTRY[app_type].clients.get(variant)
    if client is None:
        raise ValueError(f"not a variant of {app_type}: {variant}")
    return client(http, connection)
