"""What is missing and below its cutoff: when it was read, and what was imported since (trial 99)."""

from datetime import timedelta

import pytest

from app.dashboard.schemas import InstanceStatsOut
from app.instances.schemas import InstanceOut
from tests.hunting.app_types import add
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


async def shown(rig: Rig, instance: InstanceOut) -> InstanceStatsOut:
    stats = await rig.container.stats.read()
    [found] = stats.apps[instance.app_type].instances
    return found


async def follow(rig: Rig, instance: InstanceOut, *, minutes: int = 6) -> None:
    rig.clock.forward(minutes=minutes)
    await rig.container.hunting.follow_up.run(instance.id)


@pytest.mark.storage
async def test_imports_are_subtracted_once_until_the_list_is_read_again(rig: Rig) -> None:
    app = rig.radarr(download_seconds=600, import_seconds=30, command_seconds=3)
    for _ in range(3):
        app.searcher.force(add(app), "import")
    for _ in range(2):
        app.searcher.force(add(app, has_file=True, quality_id=1), "import")
    instance = await rig.add(app, missing_batch=2, cutoff_batch=1, min_gap_seconds=0)
    began_at = rig.clock.now
    assert (await rig.hunt(instance)).searched == 3
    first = await shown(rig, instance)
    assert (first.missing_total, first.cutoff_total) == (3, 2)
    assert first.missing_total_at is not None
    assert first.missing_total_at - began_at < timedelta(seconds=3), "when it was read, not when the hunt ended"
    for _ in range(5):
        await follow(rig, instance)
    after = await shown(rig, instance)
    assert (after.imported, after.missing_total, after.cutoff_total) == (3, 1, 1)
    assert (after.missing_total_at, after.cutoff_total_at) == (first.missing_total_at, first.cutoff_total_at)
    rig.clock.forward(hours=1)
    await rig.hunt(instance)
    again = await shown(rig, instance)
    assert (again.missing_total, again.cutoff_total) == (1, 1)
    assert again.missing_total_at is not None
    assert again.missing_total_at > first.missing_total_at


async def test_a_season_counts_all_its_episodes(rig: Rig) -> None:
    app = rig.sonarr(download_seconds=600, season_pack_share=1, command_seconds=3)
    series = app.add_owner(ended=True)
    for _ in range(6):
        app.searcher.force(add(app, series, season=1), "import")
    add(app, app.add_owner(), season=1, released=rig.clock.now - timedelta(days=5))
    instance = await rig.add(app, missing_batch=1, cutoff_batch=0)
    assert (await rig.hunt(instance)).searched == 1
    assert (await shown(rig, instance)).missing_total == 7
    for _ in range(5):
        await follow(rig, instance)
    assert (await shown(rig, instance)).missing_total == 1
