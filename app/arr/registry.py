"""Which apps there are: a new one is a module beside this one and a name in `_CLIENTS`."""

from dataclasses import dataclass

from app.arr.base import ArrClient
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection, Mode, Unit
from app.arr.radarr import RadarrClient
from app.arr.sonarr import SonarrClient

_CLIENTS: tuple[type[ArrClient], ...] = (SonarrClient, RadarrClient)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What is known of an app without asking it."""

    app_type: AppType
    label: str
    client: type[ArrClient]
    default_port: int
    units: frozenset[Unit]
    modes: tuple[Mode, ...]

    @classmethod
    def of(cls, client: type[ArrClient]) -> "AppSpec":
        return cls(
            app_type=client.app_type,
            label=client.app_name,
            client=client,
            default_port=client.default_port,
            units=client.units,
            modes=client.modes,
        )


REGISTRY: dict[AppType, AppSpec] = {client.app_type: AppSpec.of(client) for client in _CLIENTS}


def make_client(app_type: AppType, http: ArrHttp, connection: Connection) -> ArrClient:
    """The client that speaks to an app of this type."""
    return REGISTRY[app_type].client(http, connection)
