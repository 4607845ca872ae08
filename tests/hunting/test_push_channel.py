"""A hunt that listens to the push channel asks less, and finds out the same where the channel tells nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.core.loops import running
from app.hunting.store.models import HuntStatus, Outcome
from app.hunting.store.reasons import HuntReason
from app.instances.schemas import InstanceOut
from tests.hunting.assertions import check_consistency
from tests.simulator import LibrarySpec, SimApp
from tests.simulator.faults import Fault
from tests.simulator.push import PATH
from tests.support.rig import Rig, open_rig

pytestmark = pytest.mark.asyncio

UPGRADES = f"GET {PATH.strip('/')}"
SEARCHES = 6
HUNTING: dict[str, Any] = {"missing_batch": SEARCHES, "cutoff_batch": 0, "min_gap_seconds": 0}


@asynccontextmanager
async def time_passing(rig: Rig) -> AsyncIterator[None]:
    """Ten times as fast as it does, for us and for the app."""

    async def pass_on() -> None:
        while True:
            await asyncio.sleep(0.01)
            rig.clock.forward(seconds=0.1)

    async with running(pass_on()):
        yield


@pytest_asyncio.fixture
async def rig(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(database_url, redis_url, tmp_path, push=30.0) as made, time_passing(made):
        yield made


async def added(rig: Rig, **hunting: Any) -> tuple[SimApp, InstanceOut]:
    app = rig.radarr(LibrarySpec.with_missing(SEARCHES), command_seconds=3)
    instance = await rig.add(app, **{**HUNTING, **hunting})
    app.log.reset()
    return app, instance


def looks(app: SimApp) -> int:
    """How often a command was asked for."""
    return sum(count for route, count in app.log.counts.items() if route.startswith("GET command"))


async def outcomes(rig: Rig, instance: InstanceOut) -> set[Outcome]:
    return {row.outcome for row in (await rig.history(instance)).items}


async def test_a_hunt_asks_for_the_channel_and_for_no_command(rig: Rig) -> None:
    app, instance = await added(rig)
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, SEARCHES)
    assert (app.log.counts["POST command"], app.log.counts[UPGRADES], looks(app)) == (SEARCHES, 1, 0)
    assert await outcomes(rig, instance) <= {Outcome.NOTHING_FOUND, Outcome.GRABBED, Outcome.IMPORTED}
    await check_consistency(rig, app)
    assert app.push.connections == 0 or await gone(app)


async def test_short_searches_need_no_proof_when_the_app_told_of_its_indexers(rig: Rig) -> None:
    app, instance = await added(rig)
    app.settings.command_seconds = 0.5
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, SEARCHES)
    assert app.log.counts["GET movie/{id}"] == 0
    assert app.log.total == SEARCHES + 5  # the upgrade, status, health, queue and the list of what is missing


async def test_without_an_indexer_nothing_is_taken_for_a_search(rig: Rig) -> None:
    app, instance = await added(rig)
    app.indexers.told_by_health = False
    for number in list(app.indexers.all):
        app.indexers.remove(number)
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.reason) == (HuntStatus.SKIPPED, HuntReason.NO_INDEXERS)
    assert await outcomes(rig, instance) == {Outcome.NOT_SEARCHED}


async def gone(app: SimApp) -> bool:
    async with asyncio.timeout(10):
        while app.push.connections:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.01)
    return True


async def test_the_setting_turns_it_off(rig: Rig) -> None:
    app, instance = await added(rig, push_channel=False)
    assert (await rig.hunt(instance)).searched == SEARCHES
    assert app.log.counts[UPGRADES] == 0
    assert looks(app) >= SEARCHES


async def test_one_search_is_not_worth_it(rig: Rig) -> None:
    app, instance = await added(rig, missing_batch=1)
    assert (await rig.hunt(instance)).searched == 1
    assert app.log.counts[UPGRADES] == 0


async def test_behind_a_proxy_that_drops_it_the_commands_are_asked_for(rig: Rig) -> None:
    app, instance = await added(rig)
    app.push.mode = "no_upgrade"
    for searches in (SEARCHES, 0):
        assert (await rig.hunt(instance)).searched == searches
        assert app.log.counts[UPGRADES] == 1
    assert looks(app) >= SEARCHES


async def test_what_the_channel_does_not_tell_is_asked_for_in_the_end(rig: Rig) -> None:
    app, instance = await added(rig)
    app.push.is_silent = True
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, SEARCHES)
    assert SEARCHES <= looks(app) <= 2 * SEARCHES


async def test_a_restart_of_the_app_in_between_is_found_out_at_once(rig: Rig) -> None:
    app, instance = await added(rig)
    app.settings.command_seconds = 10_000
    hunting = asyncio.create_task(rig.hunt(instance))
    async with asyncio.timeout(20):
        while app.push.connections == 0 or app.log.counts["POST command"] < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    app.settings.command_seconds = 3
    app.restart()
    hunt = await hunting
    assert hunt.searched == SEARCHES
    assert [row.outcome for row in (await rig.history(instance)).items].count(Outcome.SEARCH_FAILED) == 2


async def test_an_end_before_the_answer_is_not_missed(rig: Rig) -> None:
    app, instance = await added(rig)
    app.faults.add(Fault(kind="slow_drip", method="POST", path="command", seconds=0.003))
    app.settings.command_seconds = 1.5
    assert (await rig.hunt(instance)).searched == SEARCHES
    assert looks(app) == 0
