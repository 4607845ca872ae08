"""The stream over real sockets: order, resuming, filters, limits and permissions."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import RedisSettings

from app.auth.callers import Scope
from app.auth.credentials import MAX_WRONG_KEYS
from app.auth.schemas import ApiKeyIn
from app.core.clock import utc_now
from app.core.redis import make_redis
from app.events.bus import IDS, LOG_STREAM, STREAMS, EventBus, StreamId, parse_stream_id
from app.events.payloads import Level, LogLine, QueueChanged
from tests.events.samples import hunt_completed, instance_offline, record_events, search_sent
from tests.events.stream_clients import PATH, Client, Message, client, gateway, listeners, stalled
from tests.support.rig import KEY, Rig
from tests.support.served_app import ServedApp
from tests.support.stores import RedisProcess
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


async def test_events_come_at_once_and_in_order(rig: Rig) -> None:
    async with gateway(rig) as served, client(served) as reader:
        await record_events(rig, search_sent(), hunt_completed())
        await rig.container.events.bus.publish(QueueChanged(queued=1, running=0, workers=1))
        await rig.container.events.relay.relay_waiting()
        found = await reader.take(3)
    assert [message.name for message in found] == ["queue", "search.sent", "hunt.completed"]
    assert [message.data["type"] for message in found] == ["queue", "search.sent", "hunt.completed"]
    assert [message.data["event_id"] for message in found] == [None, 1, 2]
    assert found[1].data["data"]["title"] == "Episode 1"
    assert len({message.id for message in found}) == 3
    assert reader.retry == "3000"


@pytest.mark.storage
async def test_a_worker_streams_recorded_events(rig: Rig) -> None:
    async with gateway(rig) as served, client(served) as reader, embedded(rig.container):
        await record_events(rig, hunt_completed())
        [message] = await reader.take(1)
    assert (message.name, message.data["event_id"]) == ("hunt.completed", 1)


async def test_headers_disable_caches_and_buffering(rig: Rig) -> None:
    async with gateway(rig) as served, client(served) as reader:
        headers = reader.response.headers
    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


async def test_without_a_last_id_the_stream_begins_now(rig: Rig) -> None:
    await publish(rig, 1, 2)
    async with gateway(rig) as served, client(served, ready=False) as reader:
        [ready] = await reader.take(1)
        await publish(rig, 3)
        assert numbers(await reader.take(1)) == [3]
    assert ready.data["data"] == {"resumed": False, "complete": True}
    assert ready.id is not None


@pytest.mark.parametrize("way", ["header", "query"])
async def test_another_process_continues_after_the_last_id(rig: Rig, way: str) -> None:
    async with gateway(rig) as served, client(served) as reader:
        await publish(rig, *range(5))
        assert numbers(await reader.take(3)) == [0, 1, 2]
    await publish(rig, *range(5, 300))
    given = {"after" if way == "header" else "last_event_id": reader.last_id or ""}
    async with gateway(rig) as other, client(other, ready=False, **given) as again:
        [ready] = await again.take(1)
        assert ready.data["data"] == {"resumed": True, "complete": True}
        assert numbers(await again.take(297)) == list(range(3, 300))
        await publish(rig, 300)
        assert numbers(await again.take(1)) == [300]


async def test_the_first_id_comes_before_the_first_event(rig: Rig) -> None:
    """A client that is disconnected before the first event misses nothing, also on an empty stream."""
    async with gateway(rig) as served:
        async with client(served) as reader:
            place = reader.last_id or ""
        await publish(rig, 1)
        async with client(served, ready=False, after=place) as again:
            ready, first = await again.take(2)
    assert ready.data["data"] == {"resumed": True, "complete": True}
    assert numbers([first]) == [1]


async def test_the_client_is_told_when_missed_events_are_no_longer_kept(rig: Rig) -> None:
    async with gateway(rig) as served:
        async with client(served) as reader:
            await publish(rig, 0)
            await reader.take(1)
        for start in range(1, 1601, 100):
            await publish(rig, *range(start, start + 100))
        async with client(served, ready=False, after=reader.last_id or "") as again:
            [ready] = await again.take(1)
            first = numbers(await again.take(1))[0]
            rest = numbers(await again.take(1600 - first))
        await rig.container.infra.redis.delete(*STREAMS, IDS)
        async with client(served, ready=False, after=reader.last_id or "") as later:
            [emptied] = await later.take(1)
    assert ready.data["data"] == {"resumed": True, "complete": False}
    assert rest == list(range(first + 1, 1601))
    assert 1600 - first >= 999
    assert emptied.data["data"] == {"resumed": True, "complete": False}


@pytest.mark.process
async def test_clients_that_switch_between_processes_get_every_event_once(rig: Rig) -> None:
    count = 600
    seen: list[int] = []

    async def wander(served: list[Any]) -> None:
        place, turn = "", 0
        while not seen or seen[-1] < count - 1:
            given: dict[str, Any] = {"after": place} if place else {}
            async with client(served[turn % 2], **given) as reader:
                started.set()
                for _ in range(7 + turn % 5):
                    seen.extend(numbers(await reader.take(1)))
                    if seen[-1] == count - 1:
                        break
                place, turn = reader.last_id or "", turn + 1

    started = asyncio.Event()
    async with gateway(rig) as first, gateway(rig) as second, asyncio.timeout(50):
        wandering = asyncio.create_task(wander([first, second]))
        await started.wait()
        for number in range(0, count, 3):
            await publish(rig, *range(number, number + 3))
        await wandering
    assert seen == list(range(count))


async def test_only_wanted_events_come(rig: Rig) -> None:
    async with (
        gateway(rig) as served,
        client(served, types="hunt.*, log") as some,
        client(served, types="instance.offline") as reader,
        client(served, types="*") as every,
    ):
        await record_events(rig, search_sent(), instance_offline(), hunt_completed())
        await rig.container.events.relay.relay_waiting()
        await publish(rig, 1)
        assert [message.name for message in await some.take(2)] == ["hunt.completed", "log"]
        assert [message.name for message in await reader.take(1)] == ["instance.offline"]
        assert len(await every.take(4)) == 4
        place = reader.last_id or ""
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
async def test_invalid_parameters_are_refused_before_the_stream_begins(rig: Rig, query: str, field: str) -> None:
    async with rig.gateway() as api:
        reply = await api.get(f"{PATH}?{query}")
    assert reply.status_code == 422
    assert reply.json()["details"][0]["field"] == field
    assert "moon" not in reply.text


async def test_strangers_get_nothing_and_head_takes_no_listener(rig: Rig) -> None:
    async with gateway(rig) as served, httpx.AsyncClient(base_url=served.url) as http:
        reply = await http.get(PATH)
        assert (reply.status_code, reply.json()["success"]) == (401, False)
        head = await http.head(PATH, headers={"X-Api-Key": KEY})
        assert head.status_code == 200
        assert head.headers["content-type"].startswith("text/event-stream")
        assert len(served.hub) == 0


async def test_the_number_of_listeners_is_limited(rig: Rig) -> None:
    async with gateway(rig, max_listeners=2) as served, httpx.AsyncClient(base_url=served.url) as http:
        async with client(served), client(served):
            refused = await http.get(PATH, headers={"X-Api-Key": KEY})
            assert refused.status_code == 503
            assert refused.json()["success"] is False
            assert refused.headers["retry-after"]
        await listeners(served, 0)
        async with client(served):
            assert len(served.hub) == 1


async def test_one_caller_cannot_take_all_listeners(served: ServedApp) -> None:
    await served.make_owner()
    rig = served.rig
    other = await rig.container.auth.keys.create(ApiKeyIn(name="other", scope=Scope.READ))
    async with gateway(rig, max_of_caller=2) as gate, httpx.AsyncClient(base_url=gate.url) as http:
        async with client(gate), client(gate):
            refused = await http.get(PATH, headers={"X-Api-Key": KEY})
            assert (refused.status_code, refused.json()["success"]) == (429, False)
            assert refused.headers["retry-after"]
            async with client(gate, key=other.key):
                assert len(gate.hub) == 3
        await listeners(gate, 0)
        async with client(gate):
            assert len(gate.hub) == 1


async def test_a_quiet_stream_has_heartbeats(rig: Rig) -> None:
    async with gateway(rig, heartbeat_seconds=0.4) as served, client(served) as reader:
        for _ in range(4):  # longer than the server waits for a request
            await reader.wait_for_heartbeat()
        await publish(rig, 1)
        assert numbers(await reader.take(1)) == [1]
        assert (reader.retry, reader.empty_messages) == ("3000", 0)


async def test_many_log_lines_push_no_event_out(rig: Rig) -> None:
    """Somebody may cause lines by the thousand; the few events of a day are still there to resume from."""
    async with gateway(rig) as served, client(served) as reader:
        place = reader.last_id or ""
    await record_events(rig, hunt_completed(), search_sent())
    await rig.container.events.relay.relay_waiting()
    for start in range(0, 3000, 500):
        await publish(rig, *range(start, start + 500))
    async with gateway(rig) as served:
        async with client(served, ready=False, after=place, types="hunt.*,search.*") as again:
            ready, *events = await again.take(3)
        async with client(served, ready=False, after=place) as every:
            ready_of_all, *first = await every.take(4)
            rest = await every.take(900)
    assert [message.name for message in events] == ["hunt.completed", "search.sent"]
    assert ready.data["data"] == {"resumed": True, "complete": True}
    assert ready_of_all.data["data"] == {"resumed": True, "complete": False}, "lines were lost"
    assert [message.name for message in first] == ["hunt.completed", "search.sent", "log"]
    kept = numbers([first[2], *rest])
    assert kept == list(range(kept[0], kept[0] + 901))


async def test_events_and_log_lines_come_in_one_order(rig: Rig) -> None:
    """They are in two streams: ids rise over both, live and when resuming."""
    bus = rig.container.events.bus
    async with gateway(rig) as served:
        async with client(served) as reader:
            place = reader.last_id or ""
            for number in range(0, 300, 3):
                await bus.publish(line(number), QueueChanged(queued=number, running=0), line(number + 1))
            live = await reader.take(300)
        async with client(served, after=place) as again:
            resumed = await again.take(300)
    ids = [parse_stream_id(message.id or "") for message in live]
    assert ids == sorted(set(ids), key=ids.index) == sorted(ids, key=lambda found: found or StreamId())
    assert [message.id for message in resumed] == [message.id for message in live]
    assert sum(message.name == "queue" for message in live) == 100


async def test_shutdown_ends_streams_at_once(rig: Rig) -> None:
    """Read or unread; the server itself would wait 15 seconds for them."""
    async with AsyncExitStack() as stack, gateway(rig) as served:
        clients = [await stack.enter_async_context(client(served)) for _ in range(5)]
        await stack.enter_async_context(stalled(served))
        await listeners(served, 6)
        for start in range(0, 500, 50):
            await publish(rig, *range(start, start + 50), text=LONG)
            await asyncio.gather(*(reader.take(50) for reader in clients))
        async with asyncio.timeout(8):
            await served.end()
        assert [await reader.take_rest() for reader in clients] == [[]] * 5
        assert len(served.hub) == 0


async def test_a_session_or_key_that_is_revoked_ends_its_stream(served: Any) -> None:
    rig = served.rig
    owner, other = await served.owner(), await served.owner()
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
        await goes.wait_for_heartbeat()
        await owner.delete(f"/api/auth/api-keys/{revoked['id']}")
        assert await goes.take_rest() == []
        await session.wait_for_heartbeat()
        await other.post("/api/auth/logout")
        assert await session.take_rest() == []
        await stays.wait_for_heartbeat()
        await publish(rig, 1)
        assert numbers(await stays.take(1)) == [1]


async def test_wrong_keys_of_others_end_no_stream(served: Any) -> None:
    """All behind one address, as behind NAT or a proxy."""
    key = (await (await served.owner()).key("read"))["key"]
    async with gateway(served.rig, heartbeat_seconds=0.1) as gate, client(gate, key=key) as stays:
        async with httpx.AsyncClient(base_url=gate.url) as widget:
            stale = [
                (await widget.get("/api/stats", headers={"X-Api-Key": f"huntarr_{number:043}"})).status_code
                for number in range(MAX_WRONG_KEYS + 1)
            ]
        assert stale == [401] * MAX_WRONG_KEYS + [429]
        await stays.wait_for_heartbeat()
        await publish(served.rig, 1)
        assert numbers(await stays.take(1)) == [1]


@pytest.mark.process
async def test_slow_readers_are_ended_and_delay_nobody(rig: Rig) -> None:
    """The short form of `make bench ARGS='--part streams'`."""
    live_count, stalled_count = 20, 20
    async with AsyncExitStack() as stack, gateway(rig) as served:
        live = [await stack.enter_async_context(client(served)) for _ in range(live_count)]
        for _ in range(stalled_count):
            await stack.enter_async_context(stalled(served))
        await listeners(served, live_count + stalled_count)
        for start in range(0, 1000, 50):
            await publish(rig, *range(start, start + 50), text=LONG)
            for taken in await asyncio.gather(*(reader.take(50) for reader in live)):
                assert numbers(taken) == list(range(start, start + 50))
        await listeners(served, live_count)


async def test_a_slow_reader_gets_an_overflow_message_and_can_resume(rig: Rig) -> None:
    async with gateway(rig, max_queued=10) as served:
        async with client(served) as reader:
            await publish(rig, *range(60))
            taken = await reader.take_rest()
        assert taken[-1].name == "stream.overflow"
        assert taken[-1].data["data"] == {"unread": 10}
        assert taken[-1].id is None
        seen = numbers(taken[:-1])
        async with client(served, after=reader.last_id or "") as again:
            seen += numbers(await again.take(60 - len(seen)))
    assert seen == list(range(60))


@pytest.fixture
def short_path() -> Iterator[Path]:
    """The server cuts long paths of sockets."""
    with tempfile.TemporaryDirectory(prefix="hr") as folder:
        yield Path(folder)


@contextmanager
def running_server(server: RedisProcess) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop()


@pytest.mark.process
async def test_losing_redis_ends_no_stream(rig: Rig, short_path: Path) -> None:
    """Neither early listeners nor those that connect meanwhile; both get later events."""
    server = RedisProcess(short_path, durable=True)
    redis = make_redis(RedisSettings(unix_socket_path=str(short_path / "s")))
    bus = EventBus(redis, rig.clock)
    async with gateway(rig, bus=bus, heartbeat_seconds=0.1) as served, AsyncExitStack() as stack:
        early = await stack.enter_async_context(client(served, ready=False))
        await early.wait_for_heartbeat()
        with running_server(server):
            assert [message.name for message in await early.take(1)] == ["stream.ready"]
            await EventBus(redis, rig.clock).publish(line(1))
            assert numbers(await early.take(1)) == [1]
        late = await stack.enter_async_context(client(served, ready=False, after=early.last_id or ""))
        await late.wait_for_heartbeat()
        await early.wait_for_heartbeat()
        with running_server(server):
            [ready] = await late.take(1)
            assert ready.data["data"] == {"resumed": True, "complete": True}
            await EventBus(redis, rig.clock).publish(line(2))
            assert numbers(await early.take(1)) == numbers(await late.take(1)) == [2]
    await redis.aclose()


async def test_after_redis_was_emptied_the_stream_continues_with_lower_ids(rig: Rig) -> None:
    """As after a failover to a machine whose clock is behind."""
    async with gateway(rig) as served, client(served) as reader:
        await rig.container.infra.redis.xadd(LOG_STREAM, {"name": "log", "data": "{}"}, id="9999999999999-0")
        await reader.take(1)
        await rig.container.infra.redis.delete(*STREAMS, IDS)
        await rig.container.infra.redis.client_kill_filter(_type="normal", skipme=True)
        async with asyncio.timeout(20):
            received = asyncio.create_task(reader.take(1))
            while not received.done():
                await EventBus(rig.container.infra.redis, rig.clock).publish(line(1))
                await asyncio.sleep(0.1)
        assert numbers(await received) == [1]


async def test_publishing_never_fails_its_caller(tmp_path: Path) -> None:
    redis = make_redis(RedisSettings(unix_socket_path=str(tmp_path / "nobody.sock")))
    await EventBus(redis, utc_now).publish(line(1))
    await redis.aclose()
