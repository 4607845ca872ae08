"""Stored replies: one request holds a key at a time, and all of them expire."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlmodel import func, select

from app.core import retention
from app.core.db import Database
from app.core.errors import Conflict
from app.idempotency.models import Replay
from app.idempotency.service import IdempotencyService, Reservation, StoredResponse
from app.secrets.box import SecretBox
from tests.api.kernel import make_database
from tests.support.rig import ManualClock

pytestmark = pytest.mark.asyncio

REPLY = StoredResponse(201, bytes(range(256)), "application/json")


@dataclass
class Bench:
    db: Database
    clock: ManualClock
    replays: IdempotencyService

    async def begin(self, fingerprint: str = "f", key: str = "k") -> Reservation | StoredResponse:
        return await self.replays.begin("api_key:1", key, fingerprint)

    async def count(self) -> int:
        async with self.db.reading() as session:
            return (await session.exec(select(func.count()).select_from(Replay))).one()


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    db, clock = await make_database(tmp_path), ManualClock()
    yield Bench(db, clock, IdempotencyService(db, SecretBox("k" * 32), clock))
    await db.close()


async def test_one_of_many_requests_begins(bench: Bench) -> None:
    results = await asyncio.gather(*(bench.begin() for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, Reservation) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 19


async def test_any_bytes_come_back(bench: Bench) -> None:
    reservation = await bench.begin()
    assert isinstance(reservation, Reservation)
    await bench.replays.store(reservation, REPLY)
    assert await bench.begin() == REPLY
    with pytest.raises(Conflict, match="another request"):
        await bench.begin("other")


async def test_an_abandoned_key_is_taken_over_and_the_late_reply_is_discarded(bench: Bench) -> None:
    first = await bench.begin()
    assert isinstance(first, Reservation)
    bench.clock.forward(minutes=1, seconds=59)
    with pytest.raises(Conflict, match="still running"):
        await bench.begin()
    bench.clock.forward(seconds=1)
    second = await bench.begin("other")
    assert isinstance(second, Reservation)
    await bench.replays.store(first, REPLY)
    await bench.replays.release(first)
    with pytest.raises(Conflict, match="still running"):
        await bench.begin("other")
    await bench.replays.store(second, REPLY)
    assert await bench.begin("other") == REPLY


async def test_a_reply_of_another_secret_key_does_not_count(bench: Bench) -> None:
    reservation = await bench.begin()
    assert isinstance(reservation, Reservation)
    await bench.replays.store(reservation, REPLY)
    rotated = IdempotencyService(bench.db, SecretBox("r" * 32), bench.clock)
    assert isinstance(await rotated.begin("api_key:1", "k", "f"), Reservation)


async def test_the_stored_fingerprint_is_keyed(bench: Bench) -> None:
    """A body may hold a password, of which a plain hash could be tried out by whoever reads the table."""
    await bench.begin("plain hash of a body")
    async with bench.db.reading() as session:
        stored = (await session.exec(select(Replay.fingerprint))).one()
    assert stored == SecretBox("k" * 32).derive("replay", "plain hash of a body").hex()
    assert stored != SecretBox("r" * 32).derive("replay", "plain hash of a body").hex()


async def test_purge_deletes_expired_replies_in_batches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 3)
    monkeypatch.setattr(retention, "MAX_BATCHES", 2)
    for number in range(8):
        await bench.begin(key=f"old-{number}")
    bench.clock.forward(hours=1)
    await bench.begin(key="new")
    now = bench.clock.now + timedelta(hours=23)
    assert await bench.replays.purge(now) == 0
    now += timedelta(seconds=1)
    assert [await bench.replays.purge(now) for _ in range(3)] == [6, 2, 0]
    assert await bench.count() == 1
