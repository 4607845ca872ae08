"""Calls of the apps: outcomes are known within seconds, at the cost of one request, however often the app calls."""

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
from tests.webhooks.calling_app import CallingApp, calling_app
from tests.webhooks.payloads import SAID

pytestmark = pytest.mark.asyncio


@every_app
@pytest.mark.process
async def test_from_the_grab_to_the_import_each_by_one_request(rig: Rig, kind: AppKind) -> None:
    async with calling_app(rig, kind, "import") as caller:
        assert await caller.call("Grab") == "looking"
        assert await caller.queued_reads() == 1
        await caller.read()
        grabbed = await caller.search()
        assert (grabbed.outcome, grabbed.release_title is not None) == (Outcome.GRABBED, True)
        assert caller.requests == ["history"]
        download_id = caller.download_id
        caller.app.log.reset()
        rig.clock.forward(seconds=2000)
        assert await caller.call("Download", download=download_id) == "looking"
        await caller.read()
        assert (await caller.search()).outcome is Outcome.IMPORTED
        assert caller.requests == ["history"]
        assert await caller.call("Download", download=download_id) == "passed_over", "nothing is left to find out"


@pytest.mark.storage
@pytest.mark.process
async def test_a_real_worker_runs_the_queued_job(rig: Rig) -> None:
    async with calling_app(rig, "sonarr", "import") as caller:
        rig.clock.forward(seconds=2000)
        assert await caller.call("ImportComplete") == "looking"
        await rig.work()
        assert (await caller.search()).outcome is Outcome.IMPORTED
        assert caller.requests.count("history") == 1


@pytest.mark.storage
async def test_a_burst_of_calls_is_one_read(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        answers = await asyncio.gather(*(caller.call("Grab") for _ in range(50)))
        assert set(answers) == {"looking"}
        assert await caller.queued_reads() == 1
        await caller.read()
        assert caller.requests == ["history"]
        for _ in range(50):
            await caller.call("Grab")
            rig.clock.forward(seconds=0.5)
        assert await caller.queued_reads() == 2, "one more, a minute after the first"
        await caller.read()
        assert len(caller.requests) == 1, "not before its time"
        await caller.read(seconds=60)
        assert caller.requests == ["history"] * 2


def hints_without_redis(rig: Rig) -> WebhookHints:
    db, clock = rig.container.infra.db, rig.clock
    searches = SearchStore(db, rig.container.settings, clock)
    return WebhookHints(db, NoRedis(), searches, FollowedSearches(db, clock), clock)


@pytest.mark.process
async def test_an_app_that_calls_all_the_time_is_read_once_a_minute(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        caller.app.settings.download_seconds = 10**6
        for download in caller.app.downloads.all.values():
            download.finish_at = download.settle_at = rig.clock.now.timestamp() + 10**6
        hint = hints_without_redis(rig)
        names = {f"movie:{caller.item}"}
        for _ in range(600):
            assert await hint.on_download_event(caller.instance.id, names, None)
            rig.clock.forward(seconds=1)
            due = await caller.due_at()
            assert due is not None
            if due <= rig.clock.now:
                await rig.container.hunting.follow_up.read(caller.instance.id)
        assert 9 <= len(caller.requests) <= 11
        assert set(caller.requests) == {"history"}


class NoRedis:
    """A queue whose Redis is unavailable."""

    async def require(self) -> None:
        raise Unavailable("no redis")

    async def enqueue(self, job: str, *ids: int, job_id: str, delay: timedelta = NOW) -> bool:
        raise Unavailable("no redis")


async def test_a_lost_job_costs_a_minute_at_most(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        hint = hints_without_redis(rig)
        assert await hint.on_download_event(caller.instance.id, {f"movie:{caller.item}"}, None)
        assert await caller.due_at() == rig.clock.now + READ_AFTER
        assert await caller.queued_reads() == 0
        rig.clock.forward(seconds=60)
        await rig.container.hunting.dispatcher.enqueue_follow_ups()
        await rig.work()
        assert "history" in caller.requests


async def test_a_clock_that_was_set_back_delays_no_read(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        await caller.call("Grab")
        await caller.read()
        rig.clock.forward(days=-1)
        assert await caller.call("Grab") == "looking"
        due = await caller.due_at()
        assert due is not None
        assert due - rig.clock.now <= BETWEEN_READS
        await caller.read(seconds=61)
        assert caller.requests == ["history"] * 2


async def test_calls_about_no_open_search_cost_nothing(rig: Rig) -> None:
    async with calling_app(rig, "sonarr", "import") as caller:
        due = await caller.due_at()
        owner = caller.app.add_owner()
        other = caller.app.add_item(owner)
        assert await caller.call("Grab", item=other, owner=owner, season=9) == "passed_over"
        assert await caller.call("Download", item=other, owner=owner, season=9, download="F" * 40) == "passed_over"
        assert await caller.call("ManualInteractionRequired", item=other, owner=owner, season=9) == "passed_over"
        for event in ("Rename", "SeriesAdd", "SeriesDelete", "EpisodeFileDelete", "Brewed"):
            assert await caller.call(event) == "passed_over"
        for event in ("Test", "Health", "HealthRestored", "ApplicationUpdate"):
            assert await caller.call(event) == "noted"
        assert await caller.queued_reads() == 0
        assert await caller.due_at() == due
        assert caller.requests == []


@pytest.mark.storage
async def test_a_download_that_waits_for_a_person_is_settled_without_any_request(rig: Rig) -> None:
    async with calling_app(rig, "sonarr", "import_failed") as caller:
        await caller.call("Grab")
        await caller.read()
        download_id = caller.download_id
        rig.clock.forward(seconds=2000)
        caller.app.log.reset()
        near = download_id[:-1] + "_"  # which SQL would take for any letter
        other = caller.app.add_item(caller.app.add_owner())
        about: dict[str, Any] = {"item": other, "season": 9}
        assert await caller.call("ManualInteractionRequired", download=near, **about) == "passed_over"
        assert (await caller.search()).outcome is Outcome.GRABBED
        assert await caller.call("ManualInteractionRequired", download=download_id) == "settled"
        row = await caller.search()
        assert (row.outcome, row.message) == (Outcome.IMPORT_FAILED, SAID)
        assert caller.requests == []
        await imported_after_all(caller)


async def imported_after_all(caller: CallingApp) -> None:
    [download] = caller.app.downloads.all.values()
    caller.app.history.add(caller.item, "downloadFolderImported", download_id=download.download_id, quality_id=5)
    caller.app.downloads.forget(download)
    assert await caller.call("Download", download=download.download_id) == "looking"
    await caller.read()
    row = await caller.search()
    assert (row.outcome, row.message) == (Outcome.IMPORTED, None)
    assert caller.requests == ["history"]


@pytest.mark.parametrize("kind", ["whisparr2", "whisparr3"])
async def test_an_app_that_does_not_say_why_gets_our_sentence(rig: Rig, kind: AppKind) -> None:
    async with calling_app(rig, kind, "import_failed") as caller:
        await caller.call("Grab")
        await caller.read()
        body = {"eventType": "ManualInteractionRequired", "downloadId": caller.download_id}
        assert (await caller.client.put(caller.url, json=body)).json()["data"]["done"] == "settled"
        assert (await caller.search()).message == REFUSED


async def test_a_failed_download_of_which_only_the_id_is_sent(rig: Rig) -> None:
    async with calling_app(rig, "lidarr", "download_failed") as caller:
        await caller.call("Grab")
        await caller.read()
        download_id = caller.download_id
        rig.clock.forward(seconds=2000)
        assert await caller.call("DownloadFailure", download=download_id) == "looking"
        await caller.read()
        assert (await caller.search()).outcome is Outcome.IMPORT_FAILED


async def test_a_season_search_is_found_by_its_episodes(rig: Rig) -> None:
    async with calling_app(rig, "sonarr", "import", missing_mode="season") as caller:
        assert (await caller.search()).unit == "season"
        assert await caller.call("Grab") == "looking"
        await caller.read()
        assert (await caller.search()).outcome is Outcome.GRABBED


@pytest.mark.process
async def test_the_read_waits_for_the_end_of_a_running_hunt(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=caller.instance.id))
        assert await caller.call("Grab") == "looking"
        await caller.read()
        assert caller.requests == []
        await rig.container.hunting.service.cancel(hunt.id)
        rig.clock.forward(seconds=30)
        await rig.container.hunting.dispatcher.enqueue_follow_ups()
        await rig.work()
        assert "history" in caller.requests
        assert (await caller.search()).release_title is not None


async def test_where_outcomes_are_not_followed_nothing_is_read(rig: Rig) -> None:
    async with calling_app(rig, "readarr", "import", track_outcomes=False) as caller:
        await caller.call("Grab")
        await caller.read()
        assert caller.requests == []


async def test_a_disabled_instance_may_call_and_is_not_read(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        await rig.container.instances.update(caller.instance.app_type, caller.instance.id, InstancePatch(enabled=False))
        await caller.call("Grab")
        await caller.read()
        assert caller.requests == []


async def test_two_reads_at_once_are_one(rig: Rig) -> None:
    async with calling_app(rig, "radarr", "import") as caller:
        add(caller.app)
        await caller.call("Grab")
        rig.clock.forward(seconds=5)
        await asyncio.gather(*(rig.container.hunting.follow_up.read(caller.instance.id) for _ in range(4)))
        assert caller.requests == ["history"]
