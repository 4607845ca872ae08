"""Days of a queue with outages: what is stuck goes in its time, is searched once, and nothing else is ever touched.

The searches keep to the cap of an hour and to the limits of the indexers, which a Prowlarr knows.

`WEEK_DAYS=7` makes it a week of 300 downloads for each app, as `make chaos` does; without it two days are simulated.
`WEEK_SEED` makes other days of it.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.instances.schemas import InstanceOut
from tests.api.replies import data
from tests.simulator import SimApp, SimProwlarr
from tests.simulator.definitions import AppKind
from tests.simulator.downloads import Download
from tests.simulator.living import Doing, Life, Stage, arrives, stops_at, stutters
from tests.support.rig import Rig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(1800)]

HOUR = 3600.0
DAYS = float(os.environ.get("WEEK_DAYS", "2"))
SEED = int(os.environ.get("WEEK_SEED", "1"))
KINDS: tuple[AppKind, ...] = ("sonarr", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3")
PER_DAY = 300 / 7
LOOK_MINUTES = 60 if DAYS < 7 else 20
POLICY: dict[str, Any] = {
    "interval_minutes": LOOK_MINUTES,
    "min_stuck_minutes": 180,
    "transmission_min_stuck_minutes": 180,
    "failed_import": {"enabled": True},
    "dry_run": False,
    "max_removals_per_hour": 1000,
}
PATIENCE = 24 * HOUR
"""After so long a stuck download is gone, and its item is searched, whatever was away meanwhile."""
HUNTING: dict[str, Any] = {
    "missing_batch": 2,
    "cutoff_batch": 0,
    "upgrade_batch": 0,
    "min_gap_seconds": 0,
    "hourly_cap": 6,
}
PRIVATE, PUBLIC = "Closed Garden", "Open Field"
QUERIES_A_DAY, RESERVE_PERCENT = 60, 20


class Killed(BaseException):
    """Ends a worker where it stands."""


def stays(doing: Doing) -> Life:
    return Life((Stage(doing),))


HEALTHY: dict[str, Callable[[], Life]] = {
    "quick": lambda: arrives(2 * HOUR),
    "steady": lambda: arrives(30 * HOUR),
    "stuttering": lambda: stutters(4, HOUR, 1.5 * HOUR),
    "late": lambda: Life((Stage("stalled", 1.5 * HOUR), Stage("downloading", 6 * HOUR, 1.0))),
    "waiting": lambda: Life((Stage("queued", 20 * HOUR), Stage("downloading", 6 * HOUR, 1.0))),
    "checked": lambda: Life(
        (Stage("downloading", HOUR, 0.5), Stage("checking", 5 * HOUR), Stage("downloading", HOUR, 0.5))
    ),
    "paused": lambda: stays("paused"),
    "no disk": lambda: stays("disk_error"),
    "no permission": lambda: arrives(HOUR, "permission"),
    "no data": lambda: arrives(HOUR, "data_gone"),
    "other title": lambda: arrives(HOUR, "title_mismatch"),
    "unsaid": lambda: arrives(HOUR, "unsaid"),
    "complete": lambda: arrives(HOUR, "wait"),
}
OFTEN = ("quick", "steady", "steady", "steady", "stuttering", "late", "checked")
STUCK: dict[str, Callable[[], Life]] = {
    "from the start": lambda: stops_at(0),
    "half-way": lambda: stops_at(0.5, HOUR),
    "no metadata": lambda: stays("metadata"),
    "refused": lambda: stays("tracker_error"),
    "archive": lambda: arrives(HOUR, "archive"),
    "executable": lambda: arrives(HOUR, "executable"),
}


@dataclass
class Week:
    """The simulated days of one app and its policy."""

    rig: Rig
    app: SimApp
    prowlarr: SimProwlarr
    instance: InstanceOut
    policy_id: int
    random: random.Random
    stuck: dict[str, Download] = field(default_factory=dict)
    healthy: dict[str, str] = field(default_factory=dict)
    """What is healthy about each of the others."""

    def begin(self) -> None:
        """One more download of a new item."""
        is_stuck = self.random.random() < 0.15
        kinds = STUCK if is_stuck else HEALTHY
        name = self.random.choice([*kinds] if is_stuck or self.random.random() < 0.4 else OFTEN)
        client, item = self.client_for(name), self.app.add_item(released=None)
        is_private = client["protocol"] == "torrent" and self.random.random() < 0.1
        download = self.app.downloads.add(
            [item],
            grabbed=True,
            title=f"{name}.{item}",
            life=kinds[name](),
            **client,
            indexer=PRIVATE if is_private else PUBLIC,
        )
        if is_stuck and not is_private:
            self.stuck[download.download_id] = download
        else:
            self.healthy[download.download_id] = f"private {name}" if is_private else name

    def client_for(self, name: str) -> dict[str, str]:
        """A client that has such downloads: usenet has no peers, and Transmission does not tell what is paused."""
        fitting = [{"client": "qBittorrent", "protocol": "torrent"}]
        if name != "paused":
            fitting.append({"client": "Transmission", "protocol": "torrent"})
        if name in ("quick", "steady", "waiting", "archive", "executable"):
            fitting.append({"client": "NZBGet", "protocol": "usenet"})
        return self.random.choice(fitting)

    def trouble(self) -> Callable[[], None] | None:
        """Now and then something goes away; what to do when it comes back."""
        match self.random.randrange(40):
            case 0:
                name = self.random.choice(["qBittorrent", "Transmission", "NZBGet"])
                self.app.clients.set(name, "down")
                return lambda: self.app.clients.set(name, "up")
            case 1 if self.moving() >= 4:
                self.app.downloads.line_goes_down(4 * HOUR)
            case 2:
                self.app.restart()
            case 3:
                self.app.faults.add(kind="broken_json", path="queue")
                return self.app.faults.clear
        return None

    def moving(self) -> int:
        """How many arrive at the moment; a line that is down can be told from several only."""
        now = self.app.clock.timestamp()
        lives = [(each.life, each.added_at) for each in self.app.downloads.all.values()]
        return sum(life is not None and life.at(added, now).doing == "downloading" for life, added in lives)

    async def look(self) -> None:
        """One worker looks, or two at once, or one that is killed meanwhile."""
        runner = self.rig.container.swaparr.runner
        times = 2 if self.random.random() < 0.1 else 1
        ended = await asyncio.gather(*(runner.run(self.policy_id) for _ in range(times)), return_exceptions=True)
        assert [each for each in ended if each is not None and not isinstance(each, Killed)] == []


def mortal(week: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the worker now and then, before or after what it writes about a removal."""
    store = type(week.rig.container.swaparr.runner._store)
    for name in ("begin_removal", "removed", "keep"):
        whole = getattr(store, name)

        async def dying(self: Any, *given: Any, _whole: Any = whole, **named: Any) -> Any:
            if week.random.random() < (0.3 if _whole.__name__ == "removed" else 0.05):
                raise Killed
            answer = await _whole(self, *given, **named)
            if week.random.random() < 0.05:
                raise Killed
            return answer

        monkeypatch.setattr(store, name, dying)


async def begun(rig: Rig, kind: AppKind, seed: int) -> Week:
    app = rig.simulated(kind, grab_share=0, queue_refresh_seconds=60, log_limit=100, indexers=0)
    app.clients.add("Transmission", "Transmission")
    app.clients.add("NZBGet", "Nzbget")
    prowlarr = rig.prowlarr()
    for name, privacy in ((PRIVATE, "private"), (PUBLIC, "public")):
        prowlarr.add(name, privacy=privacy, query_limit=QUERIES_A_DAY)
    prowlarr.set_up(app)
    await rig.add_prowlarr(prowlarr, reserve_percent=RESERVE_PERCENT, refresh_minutes=LOOK_MINUTES)
    instance = await rig.add(app, **HUNTING)
    await rig.container.instances.probe(instance.id)
    async with rig.gateway() as api:
        body = {"name": "Clean", "target_instance_id": instance.id, "swaparr": POLICY}
        made = data(await api.post("/api/instances/swaparr", json=body), 201)
    return Week(rig, app, prowlarr, instance, made["id"], random.Random(seed))


async def lived(week: Week) -> None:
    """All of it: downloads begin until a day before the end, and every fourth look is followed by a hunt."""
    back, lasting = None, 0
    looks = int(DAYS * 24 * 60 / LOOK_MINUTES)
    last = looks - int(PATIENCE / 60 / LOOK_MINUTES) - 1
    for number in range(looks):
        if number < last:
            for _ in range(sum(week.random.random() < PER_DAY * LOOK_MINUTES / 1440 / 4 for _ in range(4))):
                week.begin()
        week.rig.clock.forward(minutes=LOOK_MINUTES)
        lasting -= 1
        if back is not None and lasting <= 0:
            back = back()
        elif back is None and number < last:
            back, lasting = week.trouble(), week.random.randrange(1, 6)
        await week.rig.container.prowlarr.refresher.refresh_due()
        await week.look()
        if number % 4 == 3:
            await week.rig.hunt(week.instance)


async def removed_titles(week: Week) -> list[str]:
    """What the history says was removed, each with the search that follows."""
    async with week.rig.gateway() as api:
        path = f"/api/swaparr/{week.policy_id}/history"
        found = data(await api.get(path, params={"page_size": 500}))["items"]
    return sorted(each["title"] for each in found if each["action"] == "removed" and each["searches"] == 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_only_what_is_stuck_goes_and_is_searched_once(
    rig: Rig, kind: AppKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = await begun(rig, kind, SEED + KINDS.index(kind))
    mortal(week, monkeypatch)
    await lived(week)
    removals = week.app.downloads.removals
    wrong = [
        (week.healthy[each.download.download_id], each.at)
        for each in removals
        if each.download.download_id not in week.stuck
    ]
    assert wrong == []
    left = [each.title for each in week.stuck.values() if each.download_id in week.app.downloads.all]
    assert left == []
    assert week.stuck
    assert await removed_titles(week) == sorted(each.download.title for each in removals)
    assert {(each.from_client, each.blocklist) for each in removals} == {(True, True)}
    assert all(each.at - each.download.added_at >= 3 * HOUR for each in removals)
    searches = Counter(item for record in week.app.searcher.records for item in record.item_ids)
    assert {download.title: searches[download.item_ids[0]] for download in week.stuck.values()} == {
        download.title: 1 for download in week.stuck.values()
    }
    hours = Counter(record.at // HOUR for record in week.app.searcher.records)
    assert max(hours.values()) <= HUNTING["hourly_cap"]
    allowed = QUERIES_A_DAY * (100 - RESERVE_PERCENT) / 100
    assert all(0 < each.most <= allowed and each.refused == 0 for each in week.prowlarr.indexers.values())
    assert week.app.crashes == []
