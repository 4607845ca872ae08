"""A stateful, faithful fake of the *arr apps for tests, benchmarks and demos; see README.md."""

from tests.simulator.application import SimApp
from tests.simulator.clock import SimClock
from tests.simulator.definition import AppKind, SimSettings
from tests.simulator.faults import Fault
from tests.simulator.hosting import Served, SimHost, serve
from tests.simulator.library import Library
from tests.simulator.prowlarr import SimProwlarr
from tests.simulator.qualities import Profile, ProfileItem
from tests.simulator.spec import LibrarySpec

__all__ = [
    "AppKind",
    "Fault",
    "Library",
    "LibrarySpec",
    "Profile",
    "ProfileItem",
    "Served",
    "SimApp",
    "SimClock",
    "SimHost",
    "SimProwlarr",
    "SimSettings",
    "serve",
]
