"""The relay: every stored event is routed once and streamed once, whatever breaks on the way."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from arq.connections import RedisSettings
from sqlalchemy.exc import OperationalError
from sqlmodel import select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from structlog.testing import capture_logs

from app.auth.models import Audit
from app.core.errors import Unavailable
from app.core.redis import make_redis
from app.events.bus import STREAM, EventBus, StreamId
from app.events.catalogue import EventName
from app.events.models import Event
from app.events.outbox import RETENTION, RecordedEvent, Router, purge, record_event
from app.events.payloads import Level
from app.events.relay import BATCH, EventRelay
from tests.events.samples import hunt_completed, instance_offline, record_events, search_sent, stored_events
from tests.hunting.crashes import Killed
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


@dataclass
class RecordingRouter:
    """Writes a row for each event, so that a rollback also undoes its work."""

    mistakes: frozenset[int] = frozenset()
    failure: Exception | None = None
    batches: list[list[int]] = field(default_factory=list)

    async def route(self, session: AsyncSession, events: Sequence[RecordedEvent]) -> None:
        self.batches.append([event.id for event in events])
        for event in events:
            session.add(Audit(at=event.created_at, action="routed", address="", target={"event": event.id}))
        await session.flush()
        if self.failure is not None:
            raise self.failure
        if self.mistakes & {event.id for event in events}:
            raise ValueError("a bug in the router")


class DyingBus(EventBus):
    """The process is killed right before or after appending to the stream."""

    is_after = False

    async def append(self, events: Sequence[RecordedEvent]) -> None:
        if self.is_after:
            await super().append(events)
        raise Killed


def relay_of(rig: Rig, *routers: Router, bus: EventBus | None = None) -> EventRelay:
    container = rig.container
    return EventRelay(
        container.infra.db, container.infra.redis, bus or container.events.bus, container.infra.clock, routers=routers
    )


async def routed(rig: Rig) -> list[int]:
    async with rig.container.infra.db.reading() as session:
        rows = (await session.exec(select(Audit).order_by(Audit.id))).all()  # type: ignore[arg-type]
    return [row.target["event"] for row in rows]


async def streamed(rig: Rig) -> list[dict[str, Any]]:
    found = await rig.container.events.bus.between(StreamId(), StreamId(2**63), 5000)
    return [json.loads(entry.data) for entry in found]


async def streamed_ids(rig: Rig) -> list[int]:
    return [message["event_id"] for message in await streamed(rig)]


async def relay_without_redis(rig: Rig) -> EventRelay:
    redis = make_redis(RedisSettings(unix_socket_path=str(rig.config.data_dir / "nobody.sock")))
    return EventRelay(rig.container.infra.db, redis, EventBus(redis, rig.clock), rig.clock)


@pytest.mark.storage
async def test_events_are_routed_in_order_and_then_streamed(rig: Rig) -> None:
    router = RecordingRouter()
    count = BATCH + 20
    await record_events(rig, *(search_sent(number) for number in range(count)))
    assert await relay_of(rig, router).relay_waiting() == count
    assert await routed(rig) == list(range(1, count + 1))
    assert [len(batch) for batch in router.batches] == [BATCH, 20]
    assert await streamed_ids(rig) == list(range(1, count + 1))
    assert await relay_of(rig, router).relay_waiting() == 0


@pytest.mark.storage
async def test_a_message_contains_the_complete_event(rig: Rig) -> None:
    await record_events(rig, instance_offline("No answer at http://tv:8989/?apikey=abcdef"))
    await relay_of(rig).relay_waiting()
    assert await streamed(rig) == [
        {
            "type": "instance.offline",
            "level": "warning",
            "timestamp": "2026-11-23T12:00:00.000Z",
            "event_id": 1,
            "data": {
                "app_type": "sonarr",
                "instance_id": 7,
                "instance_name": "TV",
                "error_code": "unreachable",
                "error": "No answer at http://tv:8989/?apikey=********",
                "next_try_at": None,
            },
        }
    ]


@pytest.mark.storage
async def test_an_event_exists_exactly_when_its_fact_does(rig: Rig) -> None:
    async def fact() -> None:
        async with rig.container.infra.db.session() as session:
            await record_event(session, search_sent(), rig.clock.now)
            raise LookupError

    with pytest.raises(LookupError):
        await fact()
    assert await stored_events(rig) == []
    await record_events(rig, search_sent(5), hunt_completed())
    [first, second] = await stored_events(rig)
    assert (first.name, first.level, first.app_type, first.instance_id) == ("search.sent", "info", "sonarr", 7)
    assert first.payload["pass"] == "missing"
    assert second.created_at == rig.clock.now
    assert second.routed_at is None


@pytest.mark.storage
async def test_two_relays_at_once_route_nothing_twice(rig: Rig) -> None:
    router = RecordingRouter()
    await record_events(rig, *(search_sent(number) for number in range(BATCH * 2)))
    counts = await asyncio.gather(*(relay_of(rig, router).relay_waiting() for _ in range(4)))
    assert sum(counts) == BATCH * 2
    assert sorted(await routed(rig)) == list(range(1, BATCH * 2 + 1))
    assert sorted(await streamed_ids(rig)) == list(range(1, BATCH * 2 + 1))


@pytest.mark.storage
@pytest.mark.parametrize("is_after", [False, True])
async def test_a_relay_that_dies_while_streaming_loses_and_repeats_no_event(rig: Rig, is_after: bool) -> None:
    router, dying = RecordingRouter(), DyingBus(rig.container.infra.redis, rig.clock)
    dying.is_after = is_after
    await record_events(rig, search_sent(), hunt_completed())
    with pytest.raises(Killed):
        await relay_of(rig, router, bus=dying).relay_waiting()
    await record_events(rig, instance_offline())
    await relay_of(rig, router).relay_waiting()
    assert await routed(rig) == [1, 2, 3]
    assert await streamed_ids(rig) == [1, 2, 3]


@pytest.mark.storage
async def test_a_router_is_rolled_back_together_with_the_mark(rig: Rig) -> None:
    """A database failure is not caused by the events: all of them are routed again."""
    router = RecordingRouter(failure=OperationalError("insert", {}, Exception("locked")))
    await record_events(rig, search_sent(), hunt_completed())
    with pytest.raises(Unavailable):
        await relay_of(rig, router).relay_waiting()
    assert await routed(rig) == []
    router.failure = None
    assert await relay_of(rig, router).relay_waiting() == 2
    assert await routed(rig) == [1, 2]


@pytest.mark.storage
async def test_a_router_that_fails_on_an_event_loses_only_that_one(rig: Rig) -> None:
    failing, other = RecordingRouter(mistakes=frozenset({2})), RecordingRouter()
    await record_events(rig, *(search_sent(number) for number in range(4)))
    with capture_logs() as lines:
        await relay_of(rig, failing).relay_waiting()
        await record_events(rig, *(search_sent(number) for number in range(2)))
        await relay_of(rig, other).relay_waiting()
    assert await routed(rig) == [1, 3, 4, 5, 6]
    assert [line["event_id"] for line in lines if line["event"] == "event not routed"] == [2]
    assert await streamed_ids(rig) == [1, 2, 3, 4, 5, 6]


async def test_an_event_of_another_version_blocks_nothing(rig: Rig) -> None:
    await record_events(rig, search_sent(), search_sent(), search_sent())
    async with rig.container.infra.db.session() as session:
        await session.exec(update(Event).where(Event.id == 1).values(name="moon.landed"))  # type: ignore[arg-type]
        await session.exec(update(Event).where(Event.id == 2).values(payload={"x": 1}))  # type: ignore[arg-type]
    router = RecordingRouter()
    assert await relay_of(rig, router).relay_waiting() == 3
    assert await routed(rig) == [3]
    assert await streamed_ids(rig) == [3]


async def test_without_redis_events_are_routed_and_streamed_when_it_is_back(rig: Rig) -> None:
    relay = await relay_without_redis(rig)
    await record_events(rig, search_sent())
    assert await relay.relay_waiting() == 1
    [row] = await stored_events(rig)
    assert row.routed_at is not None
    assert row.published_at is None
    await relay_of(rig).relay_waiting()
    assert await streamed_ids(rig) == [1]


async def test_a_relay_without_redis_continues(rig: Rig) -> None:
    relay = await relay_without_redis(rig)
    task = asyncio.create_task(relay.run())
    for number in range(2):
        await record_events(rig, search_sent(number))
        async with asyncio.timeout(20):
            while any(row.routed_at is None for row in await stored_events(rig)):  # noqa: ASYNC110 - it is another task's
                await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_stream_keeps_about_the_last_thousand(rig: Rig) -> None:
    await record_events(rig, *(search_sent(number) for number in range(1600)))
    await relay_of(rig).relay_waiting()
    kept = await streamed_ids(rig)
    assert kept == list(range(kept[0], 1601))
    assert 1000 <= len(kept) < 1200
    assert await rig.container.infra.redis.xlen(STREAM) == len(kept)


@pytest.mark.storage
async def test_routed_events_are_kept_for_a_week(rig: Rig) -> None:
    await record_events(rig, *(search_sent(number) for number in range(700)))
    await relay_of(rig).relay_waiting()
    await record_events(rig, hunt_completed())
    rig.clock.forward(seconds=RETENTION.total_seconds())
    assert await purge(rig.container.infra.db, rig.clock.now) == 0
    assert await purge(rig.container.infra.db, rig.clock.now + timedelta(seconds=1)) == 700
    assert [row.name for row in await stored_events(rig)] == ["hunt.completed"], "it was never routed"


async def test_routers_get_parsed_events(rig: Rig) -> None:
    seen: list[RecordedEvent] = []

    class Listener:
        async def route(self, session: AsyncSession, events: Sequence[RecordedEvent]) -> None:
            seen.extend(events)

    event = search_sent(4)
    await record_events(rig, event)
    await relay_of(rig, Listener()).relay_waiting()
    assert seen == [RecordedEvent(1, EventName.SEARCH_SENT, Level.INFO, "sonarr", 7, event, rig.clock.now)]
