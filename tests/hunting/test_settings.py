"""Settings that choose what is searched and when, each seen in a hunt over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from app.hunting.selection.policy import Reason
from tests.hunting.app_types import add, add_scored, every_app, searched
from tests.hunting.libraries import searches_of
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "missing_batch": 10, "backoff_factor": 1}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def reasons(rig: Rig, app: SimApp, **hunting: Any) -> dict[int, Reason]:
    """What the plan of a new instance says of each item."""
    instance = await rig.add(app, **{**PLAIN, **hunting})
    plan = await rig.container.hunting.planner.plan(instance.id)
    return {
        int(item.media_key.split(":")[1]): item.decision
        for one in plan.passes
        for item in one.items
        if item.unit.value == app.definition.item
    }


@pytest.mark.process
async def test_each_pass_has_its_own_cooldown(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    add(app)
    add(app, has_file=True, quality_id=1)
    add_scored(app, 0)
    instance = await rig.add(
        app,
        **{**PLAIN, "cutoff_batch": 5},
        upgrade_batch=5,
        missing_cooldown_hours=10,
        cutoff_cooldown_hours=20,
        upgrade_cooldown_hours=30,
    )
    counts = []
    for _ in range(4):
        await rig.hunt(instance)
        counts.append(tuple(searches_of(app).get(one, 0) for one in (1, 2, 3)))
        rig.clock.forward(hours=10, minutes=1)
    assert counts == [(1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 2, 2)]


async def test_what_came_out_lately_is_tried_again_sooner(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    fresh, old = add(app, released=START - 2 * DAY), add(app)
    instance = await rig.add(app, **PLAIN, fresh_window_hours=24 * 7, fresh_retry_hours=4)
    await rig.hunt(instance)
    rig.clock.forward(hours=5)
    await rig.hunt(instance)
    assert searches_of(app) == {fresh: 2, old: 1}
    rig.clock.forward(days=6)
    await rig.hunt(instance)
    assert searches_of(app)[fresh] == 2, "it is no longer fresh"


@every_app
async def test_what_is_not_out_is_searched_only_if_told_so(rig: Rig, kind: AppKind) -> None:
    """Most apps do not even list what is not out; what they do list is told."""
    if kind not in ("radarr", "whisparr3", "whisparr3old"):
        app = rig.simulated(kind, grab_share=0)
        add(app, released=START + 3 * DAY)
        assert await reasons(rig, app, include_unreleased=True) == {}
        return
    app = rig.simulated(kind, grab_share=0)
    status: dict[str, Any] = {"status": "announced"} if kind != "radarr" else {"minimum_availability": "released"}
    item = add(app, released=START + 3 * DAY, **status)
    assert (await reasons(rig, app))[item] is Reason.UNRELEASED
    assert (await reasons(rig, app, include_unreleased=True))[item] is Reason.SEARCH


@every_app
async def test_what_is_fresh_is_left_to_rss(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    item = add(app, released=START - 2 * HOUR)
    assert (await reasons(rig, app, release_grace_hours=24))[item] is Reason.RELEASE_GRACE
    assert (await reasons(rig, app, release_grace_hours=1))[item] is Reason.SEARCH
    added = START - 3 * HOUR
    young = add(app, app.add_owner(added=added)) if app.definition.owner else add(app, added=added)
    rig.clock.forward(minutes=1)
    app.db.change("UPDATE items SET last_search_at = NULL")
    assert (await reasons(rig, app, added_grace_hours=24))[young] is Reason.ADDED_GRACE
    assert (await reasons(rig, app, added_grace_hours=1))[young] is Reason.SEARCH


@every_app
async def test_tags_and_profiles_choose_what_is_searched(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)

    def item(**fields: Any) -> int:
        return add(app, app.add_owner(**fields)) if app.definition.owner else add(app, **fields)

    kept, plain, other = item(tags=["Keep"]), item(), item(profile_id=3)
    name = app.library.profiles[3].name
    assert await reasons(rig, app, exclude_tags=["KEEP"]) == {
        kept: Reason.EXCLUDED_TAG,
        plain: Reason.SEARCH,
        other: Reason.SEARCH,
    }
    assert await reasons(rig, app, include_tags=["keep"]) == {
        kept: Reason.SEARCH,
        plain: Reason.NOT_INCLUDED_TAG,
        other: Reason.NOT_INCLUDED_TAG,
    }
    assert await reasons(rig, app, exclude_quality_profiles=[name.upper()]) == {
        kept: Reason.SEARCH,
        plain: Reason.SEARCH,
        other: Reason.EXCLUDED_PROFILE,
    }
    assert searched(app) == []
