"""The history of a busy app is read in pages, back to the oldest search that is followed, and always gets further."""

from datetime import timedelta
from typing import Any

import pytest

from app.hunting.running.history_reader import MAX_PAGES
from app.hunting.store.models import Outcome
from app.instances.schemas import InstanceOut
from tests.hunting.app_types import add
from tests.simulator import SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "missing_batch": 5}


async def follow(rig: Rig, instance: InstanceOut, *, minutes: int = 6) -> None:
    rig.clock.forward(minutes=minutes)
    await rig.container.hunting.follow_up.run(instance.id)


async def outcome(rig: Rig, instance: InstanceOut) -> Outcome:
    [row] = (await rig.history(instance)).items
    return row.outcome


async def imported_long_ago(rig: Rig, events_since: int) -> tuple[SimApp, InstanceOut]:
    """A search that grabbed and was imported, and then so many events of others until Huntarr looks."""
    app = rig.radarr(download_seconds=60, import_seconds=30)
    app.searcher.force(add(app), "import")
    instance = await rig.add(app, **PLAIN)
    assert (await rig.hunt(instance)).searched == 1
    rig.clock.forward(days=3)
    busy_with(rig, app, events_since)
    app.log.reset()
    return app, instance


def busy_with(rig: Rig, app: SimApp, events: int) -> None:
    other = add(app, monitored=False)
    for number in range(events):
        moment = rig.clock.now - timedelta(seconds=number % 3600)
        app.history.add(other, "grabbed", date=moment, download_id=f"X{number}", data={"releaseSource": "Rss"})


def pages(app: SimApp) -> int:
    return app.log.counts["GET history"]


async def test_a_long_history_is_read_in_parts_and_none_of_them_twice(rig: Rig) -> None:
    app, instance = await imported_long_ago(rig, 100 * MAX_PAGES * 2)
    await follow(rig, instance)
    assert (pages(app), await outcome(rig, instance)) == (MAX_PAGES, Outcome.GRABBED)
    busy_with(rig, app, 130)
    for _ in range(2):
        await follow(rig, instance)
    assert await outcome(rig, instance) is Outcome.IMPORTED
    assert pages(app) <= 2 * MAX_PAGES + 10
    assert app.log.counts["GET history/since"] == 0
    assert max(record.bytes_sent for record in app.log.records) < 200_000


async def test_after_a_failure_it_goes_on_from_where_it_got(rig: Rig) -> None:
    app, instance = await imported_long_ago(rig, 1500)
    app.faults.add(kind="status", status=404, path="history", skip=10, times=1)
    await follow(rig, instance)
    assert (pages(app), await outcome(rig, instance)) == (11, Outcome.GRABBED)
    await follow(rig, instance)
    assert await outcome(rig, instance) is Outcome.IMPORTED
    assert pages(app) <= 11 + 1 + 7


async def test_nothing_is_read_from_before_the_oldest_search_that_is_followed(rig: Rig) -> None:
    app = rig.radarr(download_seconds=10**6)
    busy_with(rig, app, 5000)
    rig.clock.forward(hours=3)
    app.searcher.force(add(app), "import")
    instance = await rig.add(app, **PLAIN)
    await rig.hunt(instance)
    await follow(rig, instance)
    assert (pages(app), await outcome(rig, instance)) == (1, Outcome.GRABBED)
    for _ in range(10):
        await follow(rig, instance)
    assert pages(app) == 11
