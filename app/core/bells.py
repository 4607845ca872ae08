"""Bells: tell the loops of all processes that there is something to do, so that they need not look all the time.

A ring may be lost; whoever waits for one looks without it too, more rarely.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from enum import StrEnum
from typing import NoReturn
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import event, inspect
from sqlalchemy.orm import object_session
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

log = structlog.get_logger(__name__)

CHANNEL = "huntarr:bells"
LISTEN_SECONDS = 8.0
"""Less than the time-out of a connection (`core/redis.py`)."""
RETRY_SECONDS = 2.0
TELL_SECONDS = 2.0
_AFTER_COMMIT = "bells"


class BellName(StrEnum):
    """What there may be more of."""

    JOBS = "jobs"
    EVENTS = "events"
    DELIVERIES = "deliveries"
    PLANS = "plans"
    """A hunt or a schedule is planned for an earlier moment."""
    SETTINGS = "settings"


class Bell:
    """One of them, in this process."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Until it rings or has rung since the last wait, or the time is over; whether it rang."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        has_rung = self._rung.is_set()
        self._rung.clear()
        return has_rung


class Bells:
    """The bells of one process. With `redis` the ones of the same name ring in all processes that listen."""

    def __init__(self, redis: Redis | None = None) -> None:
        self._redis = redis
        self._origin = uuid4().hex
        self._bells: dict[BellName, Bell] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def bell(self, name: BellName) -> Bell:
        return self._bells.setdefault(name, Bell())

    def ring(self, names: Collection[BellName]) -> None:
        """Ring here, and tell the other processes without waiting for Redis."""
        for name in names:
            self.bell(name).ring()
        if self._redis is not None and names:
            sending = asyncio.create_task(self._tell(self._redis, names))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def listen(self) -> NoReturn:
        """Ring what other processes ring, until cancelled; while Redis is away, try again and again."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as failure:
                log.debug("bells not heard: Redis unavailable", error=str(failure))
            await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _tell(self, redis: Redis, names: Collection[BellName]) -> None:
        with suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(TELL_SECONDS):
                for name in names:
                    await redis.publish(CHANNEL, f"{self._origin} {name.value}")

    def _heard(self, message: bytes) -> None:
        """Ring what another process rang; its version may know other bells."""
        origin, _, name = message.decode(errors="replace").partition(" ")
        for bell_name in BellName:
            if bell_name.value == name and origin != self._origin:
                self.bell(bell_name).ring()

    async def _listen(self) -> None:
        if self._redis is None:
            return
        async with self._redis.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            for bell in self._bells.values():  # for what came before
                bell.ring()
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                if message is not None:
                    self._heard(message["data"])


def ring_after_commit(session: AsyncSession, name: BellName) -> None:
    """Have a bell rung once the unit of work is committed (`core/db.py`)."""
    session.info.setdefault(_AFTER_COMMIT, set()).add(name)


def ring_when_sooner(table: type[SQLModel], column: str, name: BellName) -> None:
    """From now on ring after each commit that brings a time of a row forward, as the ORM sees it."""

    def look(_mapper: object, _connection: object, row: SQLModel) -> None:
        session = object_session(row)
        history = inspect(row).attrs[column].history
        new, old = (next(iter(values or ()), None) for values in (history.added, history.deleted))
        if session is not None and new is not None and (old is None or new < old):
            session.info.setdefault(_AFTER_COMMIT, set()).add(name)

    for moment in ("after_insert", "after_update"):
        event.listen(table, moment, look)


def rings_of(session: AsyncSession) -> Collection[BellName]:
    """What is to be rung after the commit."""
    found: set[BellName] = session.info.get(_AFTER_COMMIT, set())
    return found
