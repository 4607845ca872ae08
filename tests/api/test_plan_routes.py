"""The plan over HTTP: it says what the hunt of the same moment does, and does nothing itself."""

from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.settings.hunting import HuntingIn
from tests.api.replies import data
from tests.simulator import Fault, LibrarySpec
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


async def plan_of(api: AsyncClient, instance_id: int) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.get("/api/hunts/plan", params={"instance_id": instance_id}))
    return found


def decisions(items: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {(item["pass"], item["media_key"], item["decision"], item["until"]) for item in items}


def planned(plan: dict[str, Any]) -> set[tuple[Any, ...]]:
    return decisions([{**item, "pass": part["pass"]} for part in plan["passes"] for item in part["items"]])


libraries = st.builds(
    LibrarySpec,
    series=st.integers(1, 12),
    movies=st.integers(1, 80),
    missing_share=st.floats(0, 1),
    cutoff_share=st.floats(0, 0.4),
    searched_share=st.floats(0, 1),
    recent_share=st.floats(0, 0.3),
    new_share=st.floats(0, 0.5),
    tagged_share=st.floats(0, 1),
    unmonitored_share=st.floats(0, 0.4),
)
overrides = st.fixed_dictionaries(
    {
        "missing_batch": st.integers(0, 8),
        "cutoff_batch": st.integers(0, 4),
        "include_specials": st.booleans(),
        "order": st.sampled_from(["longest_unsearched", "newest", "oldest"]),
        "skip_queued": st.booleans(),
        "exclude_tags": st.sampled_from([[], ["keep"], ["no such tag"]]),
        "include_tags": st.sampled_from([[], ["anime"]]),
        "missing_cooldown_hours": st.sampled_from([0, 24, 8760]),
        "added_grace_hours": st.sampled_from([0, 24]),
        "include_unreleased": st.booleans(),
        "hourly_cap": st.sampled_from([2, 20]),
    }
)


@pytest.mark.process
async def test_the_plan_says_what_a_hunt_of_the_same_moment_says(rig: Rig, api: AsyncClient) -> None:
    cases: list[tuple[LibrarySpec, dict[str, Any], bool]] = []

    @settings(max_examples=25, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(libraries, overrides, st.booleans())
    def collect(library: LibrarySpec, hunting: dict[str, Any], is_radarr: bool) -> None:
        cases.append((library, hunting, is_radarr))

    collect()
    for library, hunting, is_radarr in cases:
        app = rig.radarr(library, tie_block=1) if is_radarr else rig.sonarr(library, tie_block=1)
        made = await rig.add(app, **hunting)
        plan = await plan_of(api, made.id)
        dry = data(await api.get(f"/api/hunts/{(await rig.hunt(made, dry_run=True)).id}"))
        assert planned(plan) == decisions(dry["items"]), (library, hunting)
        assert app.searcher.records == []
        real = await rig.hunt(made)
        searched = {item.media_key for item in real.items if item.search_id}
        wanted = {
            item["media_key"] for part in plan["passes"] for item in part["items"] if item["decision"] == "search"
        }
        assert searched == wanted, (library, hunting)
        assert plan["searches"] == len(searched)


async def test_a_plan_writes_nothing_and_searches_nothing(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=10), tie_block=1)
    made = await rig.add(app)
    first = await plan_of(api, made.id)
    assert await plan_of(api, made.id) == first
    assert {record.method for record in app.log.records} == {"GET"}
    assert data(await api.get("/api/hunts"))["total"] == 0
    assert data(await api.get("/api/caps"))[0]["hour"]["used"] == 0
    assert first["would_run"] is True
    assert (first["reason"], first["message"]) == (None, None)
    assert [part["pass"] for part in first["passes"]] == ["missing", "cutoff", "upgrade"]
    assert first["searches"] == 3


async def test_the_cost_is_what_the_hunt_costs(rig: Rig, api: AsyncClient) -> None:
    app = rig.radarr(LibrarySpec(movies=100, cutoff_share=0.3))
    made = await rig.add(app)
    plan = await plan_of(api, made.id)
    asked = app.log.total
    await rig.hunt(made)
    waits = ("/api/v3/command/", "/api/v3/movie/")  # until the searches end, and for the proof that they were some
    waiting = sum(record.method == "GET" and record.path.startswith(waits) for record in app.log.records)
    assert app.log.total - asked - waiting == plan["requests"]


@pytest.mark.parametrize(
    ("hunting", "reason"),
    [
        ({"windows": [{"days": ["tue"], "start": "01:00", "end": "02:00"}]}, "outside_window"),
        ({"max_queue": 0}, "max_queue"),
    ],
)
async def test_the_plan_of_a_hunt_that_would_not_start_still_has_its_decisions(
    rig: Rig, api: AsyncClient, hunting: dict[str, Any], reason: str
) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=5)), **HuntingIn(**hunting).model_dump(exclude_unset=True))
    plan = await plan_of(api, made.id)
    assert (plan["would_run"], plan["reason"]) == (False, reason)
    assert plan["message"].endswith(".")
    assert planned(plan)


async def test_a_disabled_instance_has_a_plan_but_would_not_run(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=5)), enabled=False)
    plan = await plan_of(api, made.id)
    assert (plan["would_run"], plan["reason"], plan["next_hunt_at"]) == (False, "disabled", None)


@pytest.mark.process
async def test_an_unreachable_app_is_reported_in_the_plan(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=5))
    made = await rig.add(app)
    app.faults.add(Fault("starting"))
    plan = await plan_of(api, made.id)
    assert (plan["would_run"], plan["reason"], plan["passes"]) == (False, "offline", [])
    app.faults.clear()
    await rig.hunt(made)
    app.faults.add(Fault("status", path="wanted/missing", status=500))
    plan = await plan_of(api, made.id)
    assert plan["passes"][0]["error"]
    assert plan["passes"][0]["total"] is None
    assert plan["passes"][1]["error"] is None
    app.faults.clear()
    app.faults.add(Fault("status", path="queue*", status=500))
    data(await api.patch(f"/api/instances/sonarr/{made.id}", json={"hunting": {"max_queue": 5}}))
    assert (await plan_of(api, made.id))["reason"] == (await rig.hunt(made)).reason == "queue_unreadable"
