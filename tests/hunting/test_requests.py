"""What a hunt costs the app: few requests, and as many for a huge library as for a small one."""

import re
from collections import Counter

import pytest

from app.hunting.store.models import HuntStatus
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

FORBIDDEN = re.compile(r"^GET /api/v\d/(series|movie|artist|author|album|book|wanted/\w+/\d+)$")


def requests(app: SimApp) -> Counter[str]:
    return Counter(f"{record.method} {record.path}" for record in app.log.records)


async def counted(rig: Rig, size: int, *, mode: str, seconds: float) -> tuple[int, int]:
    """Requests and bytes of one hunt, missing and cutoff, nothing cached, in a library of this size."""
    app = rig.sonarr(
        LibrarySpec.with_missing(size, missing_share=0.9, cutoff_share=0.1, ended_share=1.0),
        command_seconds=seconds,
        grab_share=0,
        compress=False,
    )
    instance = await rig.add(app, missing_mode=mode)
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, 3)
    assert not [path for path in requests(app) if FORBIDDEN.match(path)]
    return app.log.total, app.log.bytes_sent


@pytest.mark.process
@pytest.mark.parametrize(("mode", "most"), [("auto", 12), ("episode", 11)])
@pytest.mark.parametrize(
    ("seconds", "more"), [(0.05, 1), (1.0, 0), (2.9, 0)]
)  # no real search is so short: it needs a proof
async def test_a_hunt_costs_twelve_requests_whatever_the_size_of_the_library(
    rig: Rig, mode: str, most: int, seconds: float, more: int
) -> None:
    small = await counted(rig, 1_000, mode=mode, seconds=seconds)
    large = await counted(rig, 100_000, mode=mode, seconds=seconds)
    assert large[0] == small[0] <= most + more
    assert large[1] <= small[1] * 1.1


@pytest.mark.parametrize("kind", ["sonarr", "radarr"])
async def test_twenty_short_searches_cost_at_most_2_25_requests_each_and_no_list_of_commands(
    rig: Rig, kind: str
) -> None:
    library = LibrarySpec.with_missing(500)
    app = rig.sonarr(library, grab_share=0) if kind == "sonarr" else rig.radarr(library, grab_share=0)
    mode = "episode" if kind == "sonarr" else "movie"
    instance = await rig.add(app, missing_mode=mode, missing_batch=20, cutoff_batch=0)
    await rig.container.instances.probe(instance.id)  # a new instance is tested, and a status lasts ten minutes
    app.log.reset()
    hunt = await rig.hunt(instance)
    assert hunt.searched == 20
    assert app.log.total <= 45, requests(app)
    assert requests(app)["GET /api/v3/command"] == 0
    assert app.log.bytes_sent < 150_000


async def test_the_tags_are_read_once_in_ten_minutes_and_only_if_a_filter_needs_them(rig: Rig) -> None:
    plain, filtered = rig.sonarr(LibrarySpec.with_missing(50)), rig.sonarr(LibrarySpec.with_missing(50))
    first = await rig.add(plain)
    second = await rig.add(filtered, exclude_tags=["no-hunt"])
    for instance in (first, second):
        for _ in range(2):
            await rig.hunt(instance)
            rig.clock.forward(minutes=1)
    assert requests(plain)["GET /api/v3/tag"] == 0
    assert requests(filtered)["GET /api/v3/tag"] == 1
    rig.clock.forward(minutes=11)
    await rig.hunt(second)
    assert requests(filtered)["GET /api/v3/tag"] == 2


async def test_the_status_is_read_once_in_ten_minutes(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50))
    instance = await rig.add(app)
    for _ in range(3):
        await rig.hunt(instance)
    assert requests(app)["GET /api/v3/system/status"] == 1
    rig.clock.forward(minutes=10)
    await rig.hunt(instance)
    assert requests(app)["GET /api/v3/system/status"] == 2


async def test_the_queue_is_not_read_when_nothing_asks_for_it(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50))
    instance = await rig.add(app, skip_queued=False)
    await rig.hunt(instance)
    assert requests(app)["GET /api/v3/queue"] == 0


async def test_a_pass_of_batch_zero_asks_for_nothing(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(missing_share=0.5, cutoff_share=0.4))
    instance = await rig.add(app, missing_batch=0, cutoff_batch=1)
    hunt = await rig.hunt(instance)
    assert requests(app)["GET /api/v3/wanted/missing"] == 0
    assert {item.hunt_pass for item in hunt.items} == {"cutoff"}


async def test_a_blocked_list_costs_five_pages_and_no_more(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(2000))
    instance = await rig.add(app, include_tags=["nobody-has-this"], cutoff_batch=0)
    for _ in range(7):
        app.log.reset()
        await rig.hunt(instance)
        assert requests(app)["GET /api/v3/wanted/missing"] <= 5
        assert not [path for path in requests(app) if FORBIDDEN.match(path)]


async def test_slow_commands_are_polled_more_and_more_rarely(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50), command_seconds=600)
    instance = await rig.add(app, missing_mode="episode", cutoff_batch=0)
    hunt = await rig.hunt(instance)
    assert hunt.searched == 2
    asked = sum(number for path, number in requests(app).items() if path.startswith("GET /api/v3/command/"))
    assert asked <= 2 * (3 + 600 / 4)
