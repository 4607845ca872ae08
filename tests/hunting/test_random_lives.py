"""A short form of `make chaos`: after random hunts with faulty answers the tables agree with the app."""

import pytest

from tests.hunting.app_types import every_app
from tests.hunting.random_life import lead_a_life
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.process


@every_app
@pytest.mark.asyncio
@pytest.mark.timeout(180)
async def test_the_history_agrees_with_the_app_after_random_hunts_with_faults(rig: Rig, kind: AppKind) -> None:
    counts = await lead_a_life(rig, kind, seed=2026, hunts=12)
    assert counts["imported"] + counts["nothing_found"] > 0
