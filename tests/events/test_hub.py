"""Listeners that join get every event once and in order, also when the gateway's reader is behind."""

import asyncio
from collections.abc import Iterable

import pytest

from app.events.bus import STREAMS, EventBus, StreamEntry, StreamId, parse_stream_id
from app.events.hub import EventHub, Listener
from app.events.payloads import QueueChanged
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


class PausedBus(EventBus):
    """Its reader waits until the test opens the gate."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.container.infra.redis, rig.clock)
        self.gate = asyncio.Event()

    async def follow(
        self, after: StreamId, count: int, wait_seconds: float, streams: Iterable[str] = STREAMS
    ) -> list[StreamEntry]:
        await self.gate.wait()
        return await super().follow(after, count, wait_seconds, streams)


async def next_numbers(listener: Listener, count: int) -> list[int]:
    """The `queued` numbers of the next `count` events."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            chunk = (await listener.next(5)).decode()
            found += [int(part.partition(",")[0]) for part in chunk.split('"queued":')[1:]]
    return found


async def test_a_client_ahead_of_the_reader_gets_nothing_twice(rig: Rig) -> None:
    """Another process, whose reader was faster, had served it."""
    bus = PausedBus(rig)
    hub = EventHub(bus, rig.clock)
    with hub.listening(None, None) as first:
        assert b"stream.ready" in await first.next(5)
        await bus.publish(*(QueueChanged(queued=number, running=0) for number in range(4)))
        seen = (await bus.between(StreamId(), StreamId(2**63), 10))[1].id
        with hub.listening(None, seen) as second:
            assert b'"complete":true' in await second.next(5)
            bus.gate.set()
            assert await next_numbers(second, 2) == [2, 3]
        assert await next_numbers(first, 4) == [0, 1, 2, 3]
    await hub.close()


async def test_events_during_catching_up_come_afterwards(rig: Rig) -> None:
    bus = EventBus(rig.container.infra.redis, rig.clock)
    hub = EventHub(bus, rig.clock)
    await bus.publish(*(QueueChanged(queued=number, running=0) for number in range(250)))
    with hub.listening(None, StreamId(1)) as listener:
        assert b"stream.ready" in await listener.next(5)
        first = await next_numbers(listener, 100)
        await bus.publish(QueueChanged(queued=250, running=0))
        assert first + await next_numbers(listener, 151) == list(range(251))
        assert await listener.next(0.0) == b""
    await hub.close()
    assert len(hub) == 0


@pytest.mark.parametrize(
    "text", ["", "-", "1-", "-1", "1-1-1", "1.5", "\u0661-\u0661", " 1-1", "1-1\n", "0x1", str(2**64)]
)
async def test_a_stream_id_is_two_numbers(text: str) -> None:
    assert parse_stream_id(text) is None


async def test_stream_ids_are_ordered() -> None:
    assert parse_stream_id("12-3") == StreamId(12, 3) < StreamId(12, 3).next < StreamId(13)
    assert StreamId(5, 2**64 - 1).next == StreamId(6, 0)
    assert str(parse_stream_id("12")) == "12-0"
