"""The registry of simulated apps: a new one is a module with a `Flavour` and one line here."""

from typing import Literal

from tests.simulator.flavour import Flavour
from tests.simulator.lidarr import LIDARR
from tests.simulator.radarr import RADARR
from tests.simulator.readarr import READARR
from tests.simulator.sonarr import SONARR_4, SONARR_5

AppKind = Literal["sonarr", "sonarr5", "radarr", "lidarr", "readarr"]
_FLAVOURS: dict[AppKind, Flavour] = {
    "sonarr": SONARR_4,
    "sonarr5": SONARR_5,
    "radarr": RADARR,
    "lidarr": LIDARR,
    "readarr": READARR,
}


def flavour_of(kind: AppKind) -> Flavour:
    return _FLAVOURS[kind]
