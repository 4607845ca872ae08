"""Apps with a clock that only moves by hand."""

import pytest

from tests.simulator import SimApp, SimClock, SimSettings
from tests.simulator.flavours import AppKind
from tests.simulator_tests.caller import Caller


@pytest.fixture
def sonarr() -> Caller:
    return Caller(SimApp("sonarr", clock=SimClock.frozen()))


@pytest.fixture
def sonarr5() -> Caller:
    return Caller(SimApp("sonarr5", clock=SimClock.frozen()))


@pytest.fixture
def radarr() -> Caller:
    return Caller(SimApp("radarr", clock=SimClock.frozen()))


@pytest.fixture(params=["sonarr", "sonarr5", "radarr"])
def any_app(request: pytest.FixtureRequest) -> Caller:
    kind: AppKind = request.param
    return Caller(SimApp(kind, SimSettings(), clock=SimClock.frozen()))
