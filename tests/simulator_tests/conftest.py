"""Apps with a clock that only moves by hand."""

from typing import get_args

import pytest

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator.definitions import AppKind
from tests.simulator_tests.caller import Caller

KINDS: tuple[AppKind, ...] = get_args(AppKind)
WITHOUT_WANTED: AppKind = "whisparr3old"


def caller(kind: AppKind) -> Caller:
    return Caller(SimApp(kind, SimSettings(), clock=SimClock.frozen()))


@pytest.fixture
def sonarr() -> Caller:
    return caller("sonarr")


@pytest.fixture
def sonarr5() -> Caller:
    return caller("sonarr5")


@pytest.fixture
def radarr() -> Caller:
    return caller("radarr")


@pytest.fixture
def lidarr() -> Caller:
    return caller("lidarr")


@pytest.fixture
def readarr() -> Caller:
    return caller("readarr")


@pytest.fixture
def whisparr2() -> Caller:
    return caller("whisparr2")


@pytest.fixture
def whisparr3old() -> Caller:
    return caller("whisparr3old")


@pytest.fixture
def whisparr3() -> Caller:
    return caller("whisparr3")


@pytest.fixture(params=KINDS)
def any_app(request: pytest.FixtureRequest) -> Caller:
    return caller(request.param)


@pytest.fixture(params=[kind for kind in KINDS if kind != WITHOUT_WANTED])
def wanting(request: pytest.FixtureRequest) -> Caller:
    """Any app that has the wanted lists."""
    return caller(request.param)
