"""Tags and quality profiles as the user writes them: found in the app, or told to be unknown."""

from typing import Any

import pytest

from app.core.lines import comparable
from app.hunting.store.models import HuntStatus
from tests.api.replies import data
from tests.hunting.app_types import add, every_app, searched
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"missing_batch": 10, "cutoff_batch": 0, "min_gap_seconds": 0}


def tagged(app: SimApp, *tags: str, **fields: Any) -> int:
    """An item that may be searched and that carries these tags, itself or by its owner."""
    if app.definition.owner:
        return add(app, app.add_owner(tags=list(tags), **fields))
    return add(app, tags=list(tags), **fields)


async def plan_of(rig: Rig, instance_id: int) -> dict[str, Any]:
    async with rig.gateway() as api:
        found: dict[str, Any] = data(await api.get("/api/hunts/plan", params={"instance_id": instance_id}))
    return found


@every_app
@pytest.mark.parametrize("setting", ["exclude_tags", "exclude_quality_profiles"])
@pytest.mark.process
async def test_an_exclusion_that_the_app_does_not_know_closes_every_pass(rig: Rig, kind: AppKind, setting: str) -> None:
    app = rig.simulated(kind, grab_share=0)
    tagged(app, "protected")
    unknown: dict[str, Any] = {setting: ["protektd"]}
    instance = await rig.add(app, **PLAIN, **unknown)
    plan = await plan_of(rig, instance.id)
    assert (plan["would_run"], plan["reason"], plan["searches"]) == (False, "unresolved_filter", 0)
    name = app.definition.app_name
    what = "tag" if setting == "exclude_tags" else "quality profile"
    assert plan["warnings"] == [f"{setting} names 'protektd', but {name} has no such {what}."]
    assert plan["message"] == f"{plan['warnings'][0]} Nothing is searched until it is mended or taken out."
    assert plan["passes"][0]["error"] == plan["message"]
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.reason, hunt.searched) == (HuntStatus.SKIPPED, "unresolved_filter", 0)
    assert (hunt.message, hunt.warnings) == (plan["message"], plan["warnings"])
    assert searched(app) == []


async def test_an_exclusion_that_is_mended_in_the_app_counts_at_once(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    plain = tagged(app)
    instance = await rig.add(app, **PLAIN, exclude_tags=["later"])
    assert (await rig.hunt(instance)).reason == "unresolved_filter"
    kept = tagged(app, "later")
    rig.clock.forward(seconds=1)
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.warnings) == (HuntStatus.COMPLETED, [])
    assert hunt.skipped == {"missing": {"excluded_tag": 1}}
    assert searched(app) == [(plain,)]
    assert kept != plain


@every_app
@pytest.mark.process
async def test_an_included_tag_that_the_app_does_not_know_is_told(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    wanted = tagged(app, "wanted")
    tagged(app)
    instance = await rig.add(app, **PLAIN, include_tags=["wanted", "wantd"])
    told = [f"include_tags names 'wantd', but {app.definition.app_name} has no such tag."]
    assert (await plan_of(rig, instance.id))["warnings"] == told
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.reason, hunt.warnings) == (HuntStatus.COMPLETED, None, told)
    assert searched(app) == [(wanted,)]


async def test_the_connection_test_names_what_the_app_does_not_know(rig: Rig) -> None:
    app = rig.radarr()
    tagged(app, "wanted")
    instance = await rig.add(app, include_tags=["Wanted"], exclude_tags=["gone"])
    changed = {"instance_id": instance.id, "hunting": {"exclude_tags": [], "exclude_quality_profiles": ["Gone too"]}}
    mended = {"instance_id": instance.id, "hunting": {"exclude_tags": []}}
    async with rig.gateway() as api:
        stored = data(await api.post(f"/api/instances/radarr/{instance.id}/test"))
        unsaved = data(await api.post("/api/instances/radarr/test", json=changed))
        fine = data(await api.post("/api/instances/radarr/test", json=mended))
    assert (stored["ok"], stored["warnings"]) == (True, ["exclude_tags names 'gone', but Radarr has no such tag."])
    [warning] = unsaved["warnings"]
    assert warning == "exclude_quality_profiles names 'Gone too', but Radarr has no such quality profile."
    assert fine["warnings"] == []


async def test_names_that_differ_only_in_case_all_count(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    first, second, other = [profile.id for profile in list(app.library.profiles.values())[:3]]
    app.library.profiles[first].name, app.library.profiles[second].name = "Ultra HD", "ULTRA hd"
    for profile_id in (first, second):
        tagged(app, profile_id=profile_id)
    kept = tagged(app, profile_id=other)
    hunt = await rig.hunt(await rig.add(app, **PLAIN, exclude_quality_profiles=["ultra HD"]))
    assert hunt.skipped == {"missing": {"excluded_profile": 2}}
    assert searched(app) == [(kept,)]


@pytest.mark.parametrize("written", ["Ultra  HD", "Ultra\u00a0HD", "Ul\u200dtra HD", " ultra hd ", "\uff35ltra HD"])
@pytest.mark.parametrize("known", ["Ultra HD", "Ultra \u00a0 HD", "Ultra\u200c HD"])
@pytest.mark.process
async def test_blanks_and_joiners_make_no_difference(rig: Rig, written: str, known: str) -> None:
    app = rig.radarr(grab_share=0)
    app.library.profiles[1].name = known
    tagged(app, profile_id=1)
    hunt = await rig.hunt(await rig.add(app, **PLAIN, exclude_quality_profiles=[written]))
    assert hunt.skipped == {"missing": {"excluded_profile": 1}}


@pytest.mark.parametrize(("first", "other"), [("abc", "abd"), ("HD 1080", "HD1080"), ("a-b", "a b"), ("é", "e")])
async def test_other_names_stay_apart(first: str, other: str) -> None:
    assert comparable(first) != comparable(other)
