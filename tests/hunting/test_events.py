"""Every fact of a hunt has an event, stored with the fact; its progress is only streamed."""

from collections import Counter
from typing import Any

import pytest

from app.events.bus import STREAM
from app.hunting.schemas import HuntIn
from app.hunting.store.models import HuntStatus
from tests.events.samples import stored_events
from tests.hunting.app_types import add, every_app
from tests.simulator import LibrarySpec
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0}


async def streamed(rig: Rig, name: str) -> int:
    entries = await rig.container.infra.redis.xrange(STREAM)
    return sum(fields[b"name"].decode() == name for _, fields in entries)


@every_app
@pytest.mark.process
async def test_a_hunt_has_events_from_its_start_to_the_import(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, download_seconds=400)
    item = add(app)
    app.searcher.force(item, "import")
    instance = await rig.add(app, **PLAIN)
    await rig.hunt(instance)
    for _ in range(4):
        rig.clock.forward(minutes=6)
        await rig.container.hunting.follow_up.run(instance.id)
    events = {event.name: event for event in await stored_events(rig)}
    assert set(events) == {"hunt.started", "hunt.completed", "search.sent", "media.grabbed", "media.imported"}
    assert {event.instance_id for event in events.values()} == {instance.id}
    assert {event.app_type for event in events.values()} == {app.definition.app_type}
    imported = events["media.imported"].payload
    assert imported["release_title"]
    assert imported["indexer"]
    assert imported["quality"]
    assert imported["after_seconds"] > 100
    assert (imported["media_key"], imported["pass"]) == (f"{app.definition.item}:{item}", "missing")
    assert events["hunt.completed"].payload["searched"] == 1


async def test_a_failed_import_and_a_failed_hunt_have_events_of_their_own(rig: Rig) -> None:
    app = rig.radarr(download_seconds=60, auto_redownload_failed=False)
    app.searcher.force(add(app), "download_failed")
    instance = await rig.add(app, **PLAIN)
    await rig.hunt(instance)
    for _ in range(2):
        rig.clock.forward(minutes=6)
        await rig.container.hunting.follow_up.run(instance.id)
    app.faults.add(kind="status", status=500, path="wanted/missing")
    hunt = await rig.hunt(instance)
    assert hunt.status is HuntStatus.FAILED
    events = {event.name: event for event in await stored_events(rig)}
    assert events["media.import_failed"].payload["message"]
    assert events["media.import_failed"].level == "warning"
    assert events["hunt.failed"].payload["message"]


async def test_an_app_that_goes_offline_and_returns_has_one_event_each(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(5))
    instance = await rig.add(app)
    await rig.container.instances.probe(instance.id)
    app.faults.add(kind="starting")
    for _ in range(3):
        rig.clock.forward(minutes=20)
        await rig.hunt(instance)
    app.faults.clear()
    rig.clock.forward(minutes=20)
    await rig.hunt(instance)
    counts = Counter(event.name for event in await stored_events(rig))
    assert (counts["instance.offline"], counts["instance.online"]) == (1, 1)


async def test_a_used_up_cap_has_one_event_within_the_hour(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, **PLAIN, missing_batch=3, hourly_cap=4)
    for _ in range(3):
        await rig.hunt(instance)
        rig.clock.forward(minutes=10)
    [cap] = [event for event in await stored_events(rig) if event.name == "cap.reached"]
    assert (cap.payload["cap"], cap.payload["limit"], cap.payload["used"]) == ("hourly_cap", 4, 4)
    assert cap.payload["resets_at"]
    rig.clock.forward(hours=2)
    for _ in range(2):
        await rig.hunt(instance)
    assert sum(event.name == "cap.reached" for event in await stored_events(rig)) == 2


async def test_what_is_rolled_back_has_no_event(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(5))
    instance = await rig.add(app, **PLAIN)
    app.faults.add(kind="status", status=500, path="command", method="POST")
    await rig.hunt(instance)
    assert "search.sent" not in {event.name for event in await stored_events(rig)}


async def test_progress_is_streamed_and_not_stored(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(5))
    instance = await rig.add(app, **PLAIN)
    await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    await rig.work()
    assert await streamed(rig, "queue") >= 3
    assert await streamed(rig, "hunt.progress") >= 1
    assert not {event.name for event in await stored_events(rig)} & {"queue", "hunt.progress"}
