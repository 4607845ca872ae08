"""The registry of simulated apps: a new one is a module with an `AppDefinition` and a line here."""

from tests.simulator.definition import AppDefinition, AppKind
from tests.simulator.lidarr import LIDARR
from tests.simulator.radarr import RADARR
from tests.simulator.readarr import READARR
from tests.simulator.sonarr import SONARR_4, SONARR_5
from tests.simulator.whisparr2 import WHISPARR_2
from tests.simulator.whisparr3 import WHISPARR_3, WHISPARR_3_OLD

__all__ = ["AppKind", "definition_of"]

_DEFINITIONS: dict[AppKind, AppDefinition] = {
    "sonarr": SONARR_4,
    "sonarr5": SONARR_5,
    "radarr": RADARR,
    "lidarr": LIDARR,
    "readarr": READARR,
    "whisparr2": WHISPARR_2,
    "whisparr3old": WHISPARR_3_OLD,
    "whisparr3": WHISPARR_3,
}


def definition_of(kind: AppKind) -> AppDefinition:
    return _DEFINITIONS[kind]
