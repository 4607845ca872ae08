"""A plan is kept for some seconds: unchanged inputs cost the app nothing, and any change counts at once."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from scripts.demo import LIBRARIES, SIMULATED
from tests.api.replies import data
from tests.hunting.libraries import LONG_AGO
from tests.simulator import SimApp
from tests.simulator.__main__ import _apps as simulated_apps
from tests.simulator.__main__ import _parser as simulator_options
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


def movies(rig: Rig, count: int = 5) -> SimApp:
    app = rig.radarr(grab_share=0)
    for _ in range(count):
        app.library.add_movie(in_cinemas=LONG_AGO)
    return app


async def plan_of(api: AsyncClient, instance_id: int) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.get("/api/hunts/plan", params={"instance_id": instance_id}))
    return found


async def test_plans_of_the_same_moment_ask_the_app_once(rig: Rig) -> None:
    app = movies(rig)
    instance = await rig.add(app)
    async with rig.gateway() as api:
        first = await plan_of(api, instance.id)
        asked = app.log.total
        plans = await asyncio.gather(*(plan_of(api, instance.id) for _ in range(20)))
        assert app.log.total == asked
        assert all(plan == first for plan in plans)
        rig.clock.forward(seconds=6)
        await plan_of(api, instance.id)
        assert app.log.total > asked


async def test_callers_at_the_same_time_share_a_plan(rig: Rig) -> None:
    alone, together = movies(rig), movies(rig)
    first, second = await rig.add(alone), await rig.add(together)
    async with rig.gateway() as api:
        await plan_of(api, first.id)
        await asyncio.gather(*(plan_of(api, second.id) for _ in range(10)))
    assert together.log.total == alone.log.total


async def test_every_change_on_our_side_makes_a_new_plan(rig: Rig) -> None:
    app = movies(rig)
    instance = await rig.add(app, missing_batch=1, cutoff_batch=0, min_gap_seconds=0)
    async with rig.gateway() as api:
        assert (await plan_of(api, instance.id))["searches"] == 1
        path = f"/api/instances/radarr/{instance.id}"
        data(await api.patch(path, json={"hunting": {"missing_batch": 3}}))
        assert (await plan_of(api, instance.id))["searches"] == 3
        await rig.hunt(instance)
        plan = await plan_of(api, instance.id)
        assert plan["passes"][0]["decisions"] == {"search": 2, "cooldown": 3}
        searched = next(item for item in plan["passes"][0]["items"] if item["decision"] == "cooldown")
        reset = {"instance_id": instance.id, "media_key": searched["media_key"]}
        data(await api.post("/api/state/reset", json=reset))
        assert (await plan_of(api, instance.id))["passes"][0]["decisions"] == {"search": 3, "cooldown": 2}
        data(await api.post("/api/hunting/pause"))
        assert (await plan_of(api, instance.id))["reason"] == "paused"


async def test_the_plan_of_the_demo_is_what_its_hunt_searches(rig: Rig) -> None:
    """Items that were never searched tie; the demo keeps their order, so that plan and hunt agree later too."""
    [app] = simulated_apps(simulator_options().parse_args([*SIMULATED, *LIBRARIES["sonarr"]]))
    instance = await rig.add(app)
    async with rig.gateway() as api:
        plans = []
        for _ in range(4):
            plan = await plan_of(api, instance.id)
            plans.append([[item["media_key"] for item in part["items"]] for part in plan["passes"]])
            rig.clock.forward(seconds=6)
    assert plans[1:] == plans[:-1]
