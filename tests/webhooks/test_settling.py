"""An app that calls: outcomes are known in seconds, at the cost of one request, however much it tells."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.core.queue import NOW
from app.hunting.running.follow_up import BETWEEN_READS
from app.hunting.running.webhook_hints import READ_AFTER, WebhookHints
from app.hunting.schemas import HuntIn
from app.hunting.store.followed import FollowedSearches
from app.hunting.store.models import Outcome
from app.hunting.store.outcomes import REFUSED
from app.hunting.store.searches import SearchStore
from app.instances.schemas import InstancePatch
from tests.hunting.app_types import add, every_app
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig
from tests.webhooks.payloads import SAID
from tests.webhooks.told import told

pytestmark = pytest.mark.asyncio


@every_app
async def test_from_the_grab_to_the_import_each_by_one_request(rig: Rig, kind: AppKind) -> None:
    async with told(rig, kind, "import") as one:
        assert await one.tell("Grab") == "looking"
        assert await one.rings() == 1
        await one.read()
        grabbed = await one.search()
        assert (grabbed.outcome, grabbed.release_title is not None) == (Outcome.GRABBED, True)
        assert one.asked == ["history/since"]
        download_id = one.download_id
        one.app.log.reset()
        rig.clock.forward(seconds=2000)
        assert await one.tell("Download", download=download_id) == "looking"
        await one.read()
        assert (await one.search()).outcome is Outcome.IMPORTED
        assert one.asked == ["history/since"]
        assert await one.tell("Download", download=download_id) == "passed_over", "nothing is left to find out"


@pytest.mark.storage
async def test_a_real_worker_hears_the_ring(rig: Rig) -> None:
    async with told(rig, "sonarr", "import") as one:
        rig.clock.forward(seconds=2000)
        assert await one.tell("ImportComplete") == "looking"
        await rig.work()
        assert (await one.search()).outcome is Outcome.IMPORTED
        assert one.asked.count("history/since") == 1


@pytest.mark.storage
async def test_a_burst_is_one_look(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        answers = await asyncio.gather(*(one.tell("Grab") for _ in range(50)))
        assert set(answers) == {"looking"}
        assert await one.rings() == 1
        await one.read()
        assert one.asked == ["history/since"]
        for _ in range(50):
            await one.tell("Grab")
            rig.clock.forward(seconds=0.5)
        assert await one.rings() == 2, "one more, a minute after the first"
        await one.read()
        assert len(one.asked) == 1, "not before its time"
        await one.read(seconds=60)
        assert one.asked == ["history/since"] * 2


def hints_without_redis(rig: Rig) -> WebhookHints:
    db, clock = rig.container.infra.db, rig.clock
    searches = SearchStore(db, rig.container.settings, clock)
    return WebhookHints(db, NoRedis(), searches, FollowedSearches(db, clock), clock)


async def test_an_app_that_tells_all_the_time_is_asked_once_a_minute(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        one.app.settings.download_seconds = 10**6
        for download in one.app.downloads.all.values():
            download.finish_at = download.settle_at = rig.clock.now.timestamp() + 10**6
        hint = hints_without_redis(rig)
        names = {f"movie:{one.item}"}
        for _ in range(600):
            assert await hint.on_download_event(one.instance.id, names, None)
            rig.clock.forward(seconds=1)
            due = await one.due_at()
            assert due is not None
            if due <= rig.clock.now:
                await rig.container.hunting.follow_up.read(one.instance.id)
        assert 9 <= len(one.asked) <= 11
        assert set(one.asked) == {"history/since"}


class NoRedis:
    """A queue that nobody answers at."""

    async def require(self) -> None:
        raise Unavailable("no redis")

    async def enqueue(self, job: str, *ids: int, job_id: str, delay: timedelta = NOW) -> bool:
        raise Unavailable("no redis")


async def test_a_ring_that_is_lost_costs_a_minute_at_most(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        hint = hints_without_redis(rig)
        assert await hint.on_download_event(one.instance.id, {f"movie:{one.item}"}, None)
        assert await one.due_at() == rig.clock.now + READ_AFTER
        assert await one.rings() == 0
        rig.clock.forward(seconds=60)
        await rig.container.hunting.dispatcher.enqueue_follow_ups()
        await rig.work()
        assert "history/since" in one.asked


async def test_a_clock_that_was_set_back_holds_no_look_up(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        await one.tell("Grab")
        await one.read()
        rig.clock.forward(days=-1)
        assert await one.tell("Grab") == "looking"
        due = await one.due_at()
        assert due is not None
        assert due - rig.clock.now <= BETWEEN_READS
        await one.read(seconds=61)
        assert one.asked == ["history/since"] * 2


async def test_what_is_about_no_search_of_ours_costs_nothing(rig: Rig) -> None:
    async with told(rig, "sonarr", "import") as one:
        due = await one.due_at()
        owner = one.app.add_owner()
        other = one.app.add_item(owner)
        assert await one.tell("Grab", item=other, owner=owner, season=9) == "passed_over"
        assert await one.tell("Download", item=other, owner=owner, season=9, download="F" * 40) == "passed_over"
        assert await one.tell("ManualInteractionRequired", item=other, owner=owner, season=9) == "passed_over"
        for event in ("Rename", "SeriesAdd", "SeriesDelete", "EpisodeFileDelete", "Brewed"):
            assert await one.tell(event) == "passed_over"
        for event in ("Test", "Health", "HealthRestored", "ApplicationUpdate"):
            assert await one.tell(event) == "noted"
        assert await one.rings() == 0
        assert await one.due_at() == due
        assert one.asked == []


@pytest.mark.storage
async def test_a_download_that_waits_for_a_person_is_known_without_any_request(rig: Rig) -> None:
    async with told(rig, "sonarr", "import_failed") as one:
        await one.tell("Grab")
        await one.read()
        download_id = one.download_id
        rig.clock.forward(seconds=2000)
        one.app.log.reset()
        near = download_id[:-1] + "_"  # which SQL would take for any letter
        other = one.app.add_item(one.app.add_owner())
        about: dict[str, Any] = {"item": other, "season": 9}
        assert await one.tell("ManualInteractionRequired", download=near, **about) == "passed_over"
        assert (await one.search()).outcome is Outcome.GRABBED
        assert await one.tell("ManualInteractionRequired", download=download_id) == "settled"
        row = await one.search()
        assert (row.outcome, row.message) == (Outcome.IMPORT_FAILED, SAID)
        assert one.asked == []
        await imported_after_all(one)


async def imported_after_all(one: Any) -> None:
    [download] = one.app.downloads.all.values()
    one.app.history.add(one.item, "downloadFolderImported", download_id=download.download_id, quality_id=5)
    one.app.downloads.forget(download)
    assert await one.tell("Download", download=download.download_id) == "looking"
    await one.read()
    row = await one.search()
    assert (row.outcome, row.message) == (Outcome.IMPORTED, None)
    assert one.asked == ["history/since"]


@pytest.mark.parametrize("kind", ["whisparr2", "whisparr3"])
async def test_an_app_that_does_not_say_why_gets_our_sentence(rig: Rig, kind: AppKind) -> None:
    async with told(rig, kind, "import_failed") as one:
        await one.tell("Grab")
        await one.read()
        body = {"eventType": "ManualInteractionRequired", "downloadId": one.download_id}
        assert (await one.client.put(one.url, json=body)).json()["data"]["done"] == "settled"
        assert (await one.search()).message == REFUSED


async def test_a_failed_download_of_which_only_the_id_is_told(rig: Rig) -> None:
    async with told(rig, "lidarr", "download_failed") as one:
        await one.tell("Grab")
        await one.read()
        download_id = one.download_id
        rig.clock.forward(seconds=2000)
        assert await one.tell("DownloadFailure", download=download_id) == "looking"
        await one.read()
        assert (await one.search()).outcome is Outcome.IMPORT_FAILED


async def test_a_season_search_is_found_by_its_episodes(rig: Rig) -> None:
    async with told(rig, "sonarr", "import", missing_mode="season") as one:
        assert (await one.search()).unit == "season"
        assert await one.tell("Grab") == "looking"
        await one.read()
        assert (await one.search()).outcome is Outcome.GRABBED


async def test_while_a_hunt_is_at_the_instance_the_look_waits_for_its_end(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=one.instance.id))
        assert await one.tell("Grab") == "looking"
        await one.read()
        assert one.asked == []
        await rig.container.hunting.service.cancel(hunt.id)
        rig.clock.forward(seconds=30)
        await rig.container.hunting.dispatcher.enqueue_follow_ups()
        await rig.work()
        assert "history/since" in one.asked
        assert (await one.search()).release_title is not None


async def test_where_outcomes_are_not_followed_nothing_is_asked(rig: Rig) -> None:
    async with told(rig, "readarr", "import", track_outcomes=False) as one:
        await one.tell("Grab")
        await one.read()
        assert one.asked == []


async def test_a_disabled_instance_may_call_and_is_not_asked(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        await rig.container.instances.update(one.instance.app_type, one.instance.id, InstancePatch(enabled=False))
        await one.tell("Grab")
        await one.read()
        assert one.asked == []


async def test_two_looks_at_once_are_one(rig: Rig) -> None:
    async with told(rig, "radarr", "import") as one:
        add(one.app)
        await one.tell("Grab")
        rig.clock.forward(seconds=5)
        await asyncio.gather(*(rig.container.hunting.follow_up.read(one.instance.id) for _ in range(4)))
        assert one.asked == ["history/since"]
