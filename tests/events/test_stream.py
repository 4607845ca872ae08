"""The stream over real sockets: what comes, from where on, for how long, and for whom."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import RedisSettings

from app.core.clock import utc_now
from app.core.config import Config
from app.core.redis import embedded_redis, make_redis, redis_settings
from app.events.bus import STREAM, EventBus
from app.events.payloads import Level, LogLine, QueueChanged
from tests.events.samples import happen, hunt_completed, instance_offline, search_sent
from tests.events.stream_clients import PATH, Client, Message, client, gateway, listeners, stalled
from tests.support.rig import KEY, Rig
from worker.main import embedded

pytestmark = pytest.mark.asyncio


LONG = "x" * 900


def line(number: int, text: str = "") -> LogLine:
    return LogLine(
        timestamp=datetime(2026, 11, 23, 12, tzinfo=UTC),
        level=Level.WARNING,
        app_type="system",
        logger="test",
        message=f"{number} {text}",
    )


async def publish(rig: Rig, *numbers: int, text: str = "") -> None:
    await rig.container.events.bus.publish(*(line(number, text) for number in numbers))


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.data["data"]["message"].split()[0]) for message in messages]


async def test_what_happens_comes_at_once_and_in_order(rig: Rig) -> None:
    async with gateway(rig) as served, client(served) as one:
        await happen(rig, search_sent(), hunt_completed())
        await rig.container.events.bus.publish(QueueChanged(queued=1, running=0, workers=1))
        await rig.container.events.relay.relay_waiting()
        found = await one.take(3)
    assert [message.name for message in found] == ["queue", "search.sent", "hunt.completed"]
    assert [message.data["type"] for message in found] == ["queue", "search.sent", "hunt.completed"]
    assert [message.data["event_id"] for message in found] == [None, 1, 2]
    assert found[1].data["data"]["title"] == "Episode 1"
    assert len({message.place for message in found}) == 3
    assert one.retry == "3000"


@pytest.mark.storage
async def test_a_worker_moves_what_was_recorded(rig: Rig) -> None:
    async with gateway(rig) as served, client(served) as one, embedded(rig.container):
        await happen(rig, hunt_completed())
        [message] = await one.take(1)
    assert (message.name, message.data["event_id"]) == ("hunt.completed", 1)


async def test_the_head_keeps_proxies_and_caches_out(rig: Rig) -> None:
    async with gateway(rig) as served, client(served) as one:
        headers = one.response.headers
    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


async def test_without_a_last_id_it_begins_now(rig: Rig) -> None:
    await publish(rig, 1, 2)
    async with gateway(rig) as served, client(served, ready=False) as one:
        [ready] = await one.take(1)
        await publish(rig, 3)
        assert numbers(await one.take(1)) == [3]
    assert ready.data["data"] == {"resumed": False, "complete": True}
    assert ready.place is not None


@pytest.mark.parametrize("way", ["header", "query"])
async def test_it_goes_on_behind_the_last_id_in_another_process(rig: Rig, way: str) -> None:
    async with gateway(rig) as served, client(served) as one:
        await publish(rig, *range(5))
        assert numbers(await one.take(3)) == [0, 1, 2]
    await publish(rig, *range(5, 300))
    given = {"after" if way == "header" else "last_event_id": one.last_place or ""}
    async with gateway(rig) as other, client(other, ready=False, **given) as again:
        [ready] = await again.take(1)
        assert ready.data["data"] == {"resumed": True, "complete": True}
        assert numbers(await again.take(297)) == list(range(3, 300))
        await publish(rig, 300)
        assert numbers(await again.take(1)) == [300]


async def test_the_first_id_comes_before_the_first_event(rig: Rig) -> None:
    """Whoever is cut off before anything happened misses nothing either, on an empty stream too."""
    async with gateway(rig) as served:
        async with client(served) as one:
            place = one.last_place or ""
        await publish(rig, 1)
        async with client(served, ready=False, after=place) as again:
            ready, first = await again.take(2)
    assert ready.data["data"] == {"resumed": True, "complete": True}
    assert numbers([first]) == [1]


async def test_it_says_when_what_was_missed_is_no_longer_there(rig: Rig) -> None:
    async with gateway(rig) as served:
        async with client(served) as one:
            await publish(rig, 0)
            await one.take(1)
        for start in range(1, 1601, 100):
            await publish(rig, *range(start, start + 100))
        async with client(served, ready=False, after=one.last_place or "") as again:
            [ready] = await again.take(1)
            first = numbers(await again.take(1))[0]
            rest = numbers(await again.take(1600 - first))
        await rig.container.infra.redis.delete(STREAM)
        async with client(served, ready=False, after=one.last_place or "") as later:
            [emptied] = await later.take(1)
    assert ready.data["data"] == {"resumed": True, "complete": False}
    assert rest == list(range(first + 1, 1601))
    assert 1600 - first >= 999
    assert emptied.data["data"] == {"resumed": True, "complete": False}


async def test_clients_that_come_and_go_over_two_processes_miss_nothing_and_see_nothing_twice(rig: Rig) -> None:
    count = 600
    seen: list[int] = []

    async def wander(served: list[Any]) -> None:
        place, turn = "", 0
        while not seen or seen[-1] < count - 1:
            given: dict[str, Any] = {"after": place} if place else {}
            async with client(served[turn % 2], **given) as one:
                started.set()
                for _ in range(7 + turn % 5):
                    seen.extend(numbers(await one.take(1)))
                    if seen[-1] == count - 1:
                        break
                place, turn = one.last_place or "", turn + 1

    started = asyncio.Event()
    async with gateway(rig) as first, gateway(rig) as second, asyncio.timeout(50):
        wandering = asyncio.create_task(wander([first, second]))
        await started.wait()
        for number in range(0, count, 3):
            await publish(rig, *range(number, number + 3))
        await wandering
    assert seen == list(range(count))


async def test_only_what_is_asked_for(rig: Rig) -> None:
    async with (
        gateway(rig) as served,
        client(served, types="hunt.*, log") as some,
        client(served, types="instance.offline") as one,
        client(served, types="*") as every,
    ):
        await happen(rig, search_sent(), instance_offline(), hunt_completed())
        await rig.container.events.relay.relay_waiting()
        await publish(rig, 1)
        assert [message.name for message in await some.take(2)] == ["hunt.completed", "log"]
        assert [message.name for message in await one.take(1)] == ["instance.offline"]
        assert len(await every.take(4)) == 4
        place = one.last_place or ""
    async with gateway(rig) as other, client(other, types="log", after=place) as again:
        assert [message.name for message in await again.take(1)] == ["log"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("types=hunt.started,moon.landed", "query.types"),
        ("types=moon.*", "query.types"),
        ("types=hunt*", "query.types"),
        ("types=stream.ready", "query.types"),
        ("last_event_id=yesterday", "header.Last-Event-ID"),
        ("last_event_id=99999999999999999999", "header.Last-Event-ID"),
    ],
)
async def test_what_cannot_be_is_said_before_the_stream_begins(rig: Rig, query: str, field: str) -> None:
    async with rig.gateway() as api:
        reply = await api.get(f"{PATH}?{query}")
    assert reply.status_code == 422
    assert reply.json()["details"][0]["field"] == field
    assert "moon" not in reply.text


async def test_strangers_hear_nothing_and_head_holds_no_place(rig: Rig) -> None:
    async with gateway(rig) as served, httpx.AsyncClient(base_url=served.url) as http:
        reply = await http.get(PATH)
        assert (reply.status_code, reply.json()["success"]) == (401, False)
        head = await http.head(PATH, headers={"X-Api-Key": KEY})
        assert head.status_code == 200
        assert head.headers["content-type"].startswith("text/event-stream")
        assert len(served.hub) == 0


async def test_there_is_room_for_so_many(rig: Rig) -> None:
    async with gateway(rig, max_listeners=2) as served, httpx.AsyncClient(base_url=served.url) as http:
        async with client(served), client(served):
            refused = await http.get(PATH, headers={"X-Api-Key": KEY})
            assert refused.status_code == 503
            assert refused.json()["success"] is False
            assert refused.headers["retry-after"]
        await listeners(served, 0)
        async with client(served):
            assert len(served.hub) == 1


async def test_a_quiet_stream_shows_that_it_lives(rig: Rig) -> None:
    async with gateway(rig, heartbeat_seconds=0.4) as served, client(served) as one:
        for _ in range(4):  # longer than the server waits for a head
            await one.beat()
        await publish(rig, 1)
        assert numbers(await one.take(1)) == [1]


async def test_the_end_of_the_process_ends_streams_at_once(rig: Rig) -> None:
    """Whether they are read or not; the server itself would wait for them for 15 seconds here."""
    async with AsyncExitStack() as stack, gateway(rig) as served:
        clients = [await stack.enter_async_context(client(served)) for _ in range(5)]
        await stack.enter_async_context(stalled(served))
        await listeners(served, 6)
        for start in range(0, 500, 50):
            await publish(rig, *range(start, start + 50), text=LONG)
            await asyncio.gather(*(one.take(50) for one in clients))
        async with asyncio.timeout(8):
            await served.end()
        assert [await one.rest() for one in clients] == [[]] * 5
        assert len(served.hub) == 0


async def test_a_session_or_key_that_is_revoked_ends_its_stream(house: Any) -> None:
    rig = house.rig
    owner, other = await house.owner(), await house.owner()
    kept, revoked = await owner.key("read"), await owner.key("read")
    async with (
        gateway(rig, heartbeat_seconds=0.1) as served,
        client(served, key=kept["key"]) as stays,
        client(served, key=revoked["key"]) as goes,
        httpx.AsyncClient(base_url=served.url, headers={"Cookie": f"huntarr_session={other.token}"}) as http,
        http.stream("GET", PATH) as response,
    ):
        session = Client(response)
        await session.take(1)
        await goes.beat()
        await owner.delete(f"/api/auth/api-keys/{revoked['id']}")
        assert await goes.rest() == []
        await session.beat()
        await other.post("/api/auth/logout")
        assert await session.rest() == []
        await stays.beat()
        await publish(rig, 1)
        assert numbers(await stays.take(1)) == [1]


async def test_slow_readers_are_let_go_and_nobody_waits_for_them(rig: Rig) -> None:
    """The short form of `make bench ARGS='--part streams'`."""
    live_count, stalled_count = 20, 20
    async with AsyncExitStack() as stack, gateway(rig) as served:
        live = [await stack.enter_async_context(client(served)) for _ in range(live_count)]
        for _ in range(stalled_count):
            await stack.enter_async_context(stalled(served))
        await listeners(served, live_count + stalled_count)
        for start in range(0, 1000, 50):
            await publish(rig, *range(start, start + 50), text=LONG)
            for taken in await asyncio.gather(*(one.take(50) for one in live)):
                assert numbers(taken) == list(range(start, start + 50))
        await listeners(served, live_count)


async def test_a_slow_reader_is_told_and_can_go_on(rig: Rig) -> None:
    async with gateway(rig, max_queued=10) as served:
        async with client(served) as one:
            await publish(rig, *range(60))
            taken = await one.rest()
        assert taken[-1].name == "stream.overflow"
        assert taken[-1].data["data"] == {"unread": 10}
        assert taken[-1].place is None
        seen = numbers(taken[:-1])
        async with client(served, after=one.last_place or "") as again:
            seen += numbers(await again.take(60 - len(seen)))
    assert seen == list(range(60))


async def test_redis_that_is_lost_ends_no_stream(rig: Rig, tmp_path: Path) -> None:
    """Neither for who listens nor for who comes while it is away; both hear what happens when it is back."""
    config = Config(data_dir=tmp_path / "own")
    redis = make_redis(redis_settings(config))
    bus = EventBus(redis, rig.clock)
    async with gateway(rig, bus=bus, heartbeat_seconds=0.1) as served, AsyncExitStack() as stack:
        early = await stack.enter_async_context(client(served, ready=False))
        await early.beat()
        async with embedded_redis(config):
            assert [message.name for message in await early.take(1)] == ["stream.ready"]
            await EventBus(redis, rig.clock).publish(line(1))
            assert numbers(await early.take(1)) == [1]
        late = await stack.enter_async_context(client(served, ready=False, after=early.last_place or ""))
        await late.beat()
        await early.beat()
        async with embedded_redis(config):
            [ready] = await late.take(1)
            assert ready.data["data"] == {"resumed": True, "complete": True}
            await EventBus(redis, rig.clock).publish(line(2))
            assert numbers(await early.take(1)) == numbers(await late.take(1)) == [2]
    await redis.aclose()


async def test_a_redis_that_was_emptied_goes_on_with_lower_ids(rig: Rig) -> None:
    """As after a failover to a machine whose clock is behind."""
    async with gateway(rig) as served, client(served) as one:
        await rig.container.infra.redis.xadd(STREAM, {"name": "log", "data": "{}"}, id="9999999999999-0")
        await one.take(1)
        await rig.container.infra.redis.delete(STREAM)
        await rig.container.infra.redis.client_kill_filter(_type="normal", skipme=True)
        async with asyncio.timeout(20):
            heard = asyncio.create_task(one.take(1))
            while not heard.done():
                await EventBus(rig.container.infra.redis, rig.clock).publish(line(1))
                await asyncio.sleep(0.1)
        assert numbers(await heard) == [1]


async def test_publishing_never_fails_its_caller(tmp_path: Path) -> None:
    redis = make_redis(RedisSettings(unix_socket_path=str(tmp_path / "nobody.sock")))
    await EventBus(redis, utc_now).publish(line(1))
    await redis.aclose()
