"""Whose a download is when the same release is grabbed again, and what leaves the queue without an import."""

from typing import Any

import pytest

from app.hunting.store.models import Outcome
from app.hunting.store.outcomes import ABSENT, GRABBED_AGAIN
from app.instances.schemas import InstanceOut
from tests.hunting.app_types import add, every_app
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

SETTINGS: dict[str, Any] = {
    "cutoff_batch": 0,
    "min_gap_seconds": 0,
    "missing_cooldown_hours": 1,
    "backoff_factor": 1,
    "skip_queued": False,
}
HASH = "AB" * 20


async def follow(rig: Rig, instance: InstanceOut, *, minutes: int = 6) -> None:
    rig.clock.forward(minutes=minutes)
    await rig.container.hunting.follow_up.run(instance.id)


async def grabbed(rig: Rig, kind: AppKind) -> tuple[SimApp, InstanceOut, int]:
    """One search of one item, which grabbed a release of which no more is heard."""
    app = rig.simulated(kind, download_seconds=10**6, auto_redownload_failed=False)
    item = add(app)
    app.searcher.force(item, "import")
    app.searcher.next_download_ids = [HASH]
    instance = await rig.add(app, **SETTINGS)
    assert (await rig.hunt(instance)).searched == 1
    await follow(rig, instance)
    assert await outcomes(rig, instance) == [Outcome.GRABBED]
    return app, instance, item


async def outcomes(rig: Rig, instance: InstanceOut) -> list[Outcome]:
    """Oldest first."""
    return [row.outcome for row in reversed((await rig.history(instance)).items)]


@every_app
@pytest.mark.process
async def test_a_release_that_was_removed_and_grabbed_again_belongs_to_the_newer_search(
    rig: Rig, kind: AppKind
) -> None:
    app, instance, item = await grabbed(rig, kind)
    app.downloads.forget(app.downloads.all[HASH])  # by hand, without a word in the history
    rig.clock.forward(hours=7)
    app.settings.download_seconds = 600
    app.searcher.force(item, "import")
    app.searcher.next_download_ids = [HASH]
    assert (await rig.hunt(instance)).searched == 1
    await follow(rig, instance)
    old, new = reversed((await rig.history(instance)).items)
    assert (old.outcome, old.message) == (Outcome.IMPORT_FAILED, GRABBED_AGAIN)
    assert (new.outcome, new.release_title is not None) == (Outcome.GRABBED, True)
    for _ in range(4):
        await follow(rig, instance)
    old, new = reversed((await rig.history(instance)).items)
    assert (old.outcome, new.outcome) == (Outcome.IMPORT_FAILED, Outcome.IMPORTED)
    assert new.seconds_to_import is not None
    assert new.seconds_to_import < 1800
    [led_to] = (await rig.container.stats.timeline(1, None)).yields
    assert (led_to.searches, led_to.grabbed, led_to.imported) == (2, 2, 1)


async def test_a_download_that_somebody_else_grabs_again_is_not_ours_any_more(rig: Rig) -> None:
    app, instance, item = await grabbed(rig, "radarr")
    app.downloads.forget(app.downloads.all[HASH])
    rig.clock.forward(hours=3)
    app.settings.download_seconds = 300
    app.searcher.next_download_ids = [HASH]
    app.rss_grab(item)
    for _ in range(4):
        await follow(rig, instance)
    assert await outcomes(rig, instance) == [Outcome.IMPORT_FAILED]


@every_app
@pytest.mark.process
async def test_a_grab_that_is_neither_queued_nor_imported_is_fruitless_an_hour_later(rig: Rig, kind: AppKind) -> None:
    app, instance, item = await grabbed(rig, kind)
    download = app.downloads.all[HASH]
    app.downloads.forget(download)
    for expected in (Outcome.GRABBED, Outcome.GRABBED, Outcome.IMPORT_FAILED):
        await rig.hunt(instance, passes=["cutoff"])
        assert await outcomes(rig, instance) == [expected]
        await follow(rig, instance, minutes=31)
        await follow(rig, instance, minutes=31)
    [row] = (await rig.history(instance)).items
    assert row.message == ABSENT
    [state] = (await rig.container.history.states(instance_id=None, status=None, page=1, page_size=10)).items
    assert (state.fruitless, state.last_outcome) == (1, Outcome.IMPORT_FAILED)
    app.history.add(item, app.definition.history.imported, download_id=HASH, quality_id=download.quality_id)
    app.searcher.force(add(app), "import")
    rig.clock.forward(hours=7)
    await rig.hunt(instance)
    await follow(rig, instance)
    assert (await outcomes(rig, instance))[0] is Outcome.IMPORTED, "it was imported after all"


async def test_a_queue_that_is_empty_for_a_moment_proves_nothing(rig: Rig) -> None:
    app, instance, _ = await grabbed(rig, "radarr")
    await follow(rig, instance, minutes=70)
    download = app.downloads.all[HASH]
    for _ in range(3):  # the app was restarted: no rows for half a minute
        app.downloads.forget(download)
        await rig.hunt(instance, passes=["cutoff"])
        app.downloads.all[HASH] = download
        await follow(rig, instance, minutes=15)
        await rig.hunt(instance, passes=["cutoff"])
    assert await outcomes(rig, instance) == [Outcome.GRABBED]


async def test_a_season_search_names_all_that_it_grabbed(rig: Rig) -> None:
    app = rig.sonarr(season_pack_share=0, command_seconds=3, download_seconds=10**6)
    series = app.add_owner(ended=True)
    for _ in range(5):
        add(app, series, season=1)
    instance = await rig.add(app, **SETTINGS)
    app.settings.grab_share = 1.0
    hunt = await rig.hunt(instance)
    assert hunt.searched == 1
    await follow(rig, instance)
    [row] = (await rig.history(instance)).items
    assert row.unit == "season"
    assert row.grabs == len(row.release_titles) == len(app.downloads.all) >= 1
    assert sorted(row.release_titles) == sorted(download.title for download in app.downloads.all.values())
    assert row.release_title == row.release_titles[0]
    [item] = [item for item in (await rig.container.hunting.service.get(hunt.id)).items if item.outcome]
    assert (item.grabs, item.release_titles) == (row.grabs, row.release_titles)
