"""The publisher: of all workers one is connected to the broker, tells what changed and hears commands.

It is a task of its own: while the broker is away, or slow, nothing else waits.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiomqtt import Message
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app import __version__
from app.core.errors import HuntarrError, Unavailable
from app.core.leader_lock import LeaderLock
from app.core.loops import forever
from app.dashboard.service import StatsService
from app.events.bus import EventBus, StreamEntry, StreamId
from app.events.catalogue import EVENTS, EventName
from app.home_assistant.broker import REPLY_SECONDS, MqttConnection, linked
from app.home_assistant.commands import Commands
from app.home_assistant.entities import GONE, OFFLINE, ONLINE, Topics, retained, told
from app.home_assistant.settings import MqttSettingsService, MqttTarget, RetainedTopics
from app.http.addresses import Resolve, resolve_name
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

LEASE: Final = "huntarr:mqtt"
BATCH: Final = 100
READ_SECONDS: Final = 4.0
MOVING: Final = {name for name, kind in EVENTS.items() if kind.is_durable} | {EventName.QUEUE}
"""Events after which the states are others."""


@dataclass(frozen=True, slots=True)
class PublishTiming:
    """How often things are done, in seconds."""

    poll: float = 2.0
    """The settings are read, and the turn is asked for."""
    states: float = 5.0
    """States are looked at without being told that they changed."""
    gap: float = 1.0
    """Least time between two looks: many events at once are one look."""
    lease: float = 20.0
    """A worker that was killed keeps its turn for so long."""
    first_rest: float = 1.0
    longest_rest: float = 60.0


@dataclass(frozen=True, slots=True)
class Sources:
    """What is published, and who is asked to do something."""

    stats: StatsService
    settings: SettingsService
    bus: EventBus
    commands: Commands


class Publisher:
    """Keeps Home Assistant informed, from whichever worker has the turn."""

    def __init__(
        self,
        settings: MqttSettingsService,
        sources: Sources,
        redis: Redis,
        *,
        tempo: PublishTiming | None = None,
        timer: Callable[[], float] = time.monotonic,
        resolve: Resolve = resolve_name,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._tempo = tempo or PublishTiming()
        self._timer = timer
        self._resolve = resolve
        self._leader = LeaderLock(redis, LEASE, seconds=self._tempo.lease, is_better_twice=False)
        self._tried: MqttTarget | None = None
        self._rest = 0.0
        self._rest_until = 0.0

    async def run(self) -> None:
        """Publish until cancelled."""
        try:
            await forever("mqtt publisher", self._step, pause_seconds=self._tempo.poll)
        finally:
            await self._leader.release()

    async def _step(self) -> None:
        try:
            if await self._leader.held():
                await self._work()
        except HuntarrError as failure:
            self._put_off(failure.message)
        except Exception:
            self._put_off("an error of our own")
            raise

    async def _work(self) -> None:
        """Clear up elsewhere, then publish here until that is no longer what is wanted."""
        place, past = await self._settings.place(), await self._settings.published()
        if place != self._tried:
            self._tried, self._rest, self._rest_until = place, 0.0, 0.0
        if self._timer() < self._rest_until:
            return
        if past is not None and (place is None or not place.is_at(past.place)):
            await self._retire(past, is_moving=place is not None)
            past = None
        if place is None:
            return
        known = past.topics if past is not None else ()
        if past is not None and place != past.place:
            await self._settings.remember(place, known)
        session = PublisherSession(self._settings, self._sources, self._leader, self._tempo, place, known)
        await session.run(self._resolve, self._arrived)

    async def _retire(self, past: RetainedTopics, *, is_moving: bool) -> None:
        """Take back what is retained at the place we left. A new place does not wait for an old one that is gone."""
        try:
            async with linked(past.place.broker, resolve=self._resolve) as link:
                await link.say(Topics(past.place).availability, OFFLINE, retain=True)
                for topic in past.topics:
                    await link.say(topic, GONE, retain=True)
        except HuntarrError as failure:
            if not is_moving:
                raise
            log.warning("what was published at the mqtt broker before stays there", reason=failure.message)
        await self._settings.forget()
        log.info("mqtt discovery cleared", broker=past.place.broker.name)

    def _arrived(self) -> None:
        self._rest = 0.0

    def _put_off(self, reason: str) -> None:
        """Each time in a row the rest is twice as long; other settings end it."""
        tempo = self._tempo
        self._rest = min(tempo.longest_rest, self._rest * 2 or tempo.first_rest)
        self._rest_until = self._timer() + self._rest
        log.warning("nothing is published over mqtt", reason=reason, next_try_seconds=round(self._rest, 1))


class PublisherSession:
    """One connection, from birth to last will."""

    def __init__(
        self,
        settings: MqttSettingsService,
        sources: Sources,
        leader: LeaderLock,
        tempo: PublishTiming,
        place: MqttTarget,
        known: tuple[str, ...],
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._leader = leader
        self._tempo = tempo
        self._place = place
        self._topics = Topics(place)
        self._known = known
        """Topics with a retained message of ours, as remembered."""
        self._sent: dict[str, bytes] = {}
        self._has_moved = asyncio.Event()

    async def run(self, resolve: Resolve, arrived: Callable[[], None]) -> None:
        """Until the settings or the turn change; a broken connection is an error. Leaving, we say that we do."""
        last_words = (self._topics.availability, OFFLINE)
        async with linked(self._place.broker, last_words=last_words, resolve=resolve) as link:
            try:
                await link.listen(*self._heard())
                await link.say(self._topics.availability, ONLINE, retain=True)
                arrived()
                log.info("publishing over mqtt", broker=self._place.broker.name)
                await _first_end(self._watch(), self._refresh(link), self._listen(link), self._follow(link))
            finally:
                # Whoever took the turn from us has said that it is there: nothing is to be said against it.
                if await self._leader.held():
                    with suppress(HuntarrError, TimeoutError):
                        async with asyncio.timeout(REPLY_SECONDS):
                            await link.say(self._topics.availability, OFFLINE, retain=True)

    def _heard(self) -> tuple[str, ...]:
        topics = self._topics
        return (topics.command(), topics.command("+"), topics.paused, topics.birth, topics.availability)

    async def _watch(self) -> None:
        """Until this is no longer ours to do."""
        while True:
            if not await self._leader.held() or not await self._is_wanted():
                return
            await asyncio.sleep(self._tempo.poll)

    async def _is_wanted(self) -> bool:
        try:
            return await self._settings.place() == self._place
        except Unavailable:  # a database that rests says nothing of the broker
            return True

    async def _refresh(self, link: MqttConnection) -> None:
        while True:
            self._has_moved.clear()
            try:
                await self._publish(link)
            except Unavailable as failure:
                log.warning("states wait", reason=failure.message)
            await asyncio.sleep(self._tempo.gap)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tempo.states - self._tempo.gap):
                    await self._has_moved.wait()

    async def _publish(self, link: MqttConnection) -> None:
        """Say what is not said yet, and take back what is no longer so."""
        stats, general = await self._sources.stats.read(), await self._sources.settings.general()
        wanted = retained(self._place, stats, is_paused=general.hunting_paused, version=__version__)
        if not set(wanted) <= set(self._known):
            self._known = tuple(dict.fromkeys([*self._known, *wanted]))
            await self._settings.remember(self._place, self._known)
        for topic, payload in wanted.items():
            if self._sent.get(topic) != payload:
                await link.say(topic, payload, retain=True)
                self._sent[topic] = payload
        gone = [topic for topic in self._known if topic not in wanted]
        for topic in gone:
            await link.say(topic, GONE, retain=True)
            self._sent.pop(topic, None)
        if gone:
            self._known = tuple(wanted)
            await self._settings.remember(self._place, self._known)

    async def _listen(self, link: MqttConnection) -> None:
        async with aclosing(link.messages()) as messages:
            async for message in messages:
                await self._hear(link, message)

    async def _hear(self, link: MqttConnection, message: Message) -> None:
        topic, payload = message.topic.value, _bytes(message.payload)
        if topic == self._topics.availability:
            await self._insist(link, payload)
        elif topic == self._topics.birth:
            if payload == ONLINE:
                self._sent.clear()
                self._has_moved.set()
        elif await self._sources.commands.obey(self._topics, topic, payload, is_retained=message.retain):
            self._has_moved.set()

    async def _insist(self, link: MqttConnection, payload: bytes) -> None:
        """The last will of a worker that was here before may come late."""
        if payload != ONLINE:
            await link.say(self._topics.availability, ONLINE, retain=True)

    async def _follow(self, link: MqttConnection) -> None:
        """Tell of events in the moment they happen; those of before are no longer news."""
        place: StreamId | None = None
        while True:
            try:
                if place is None:
                    place = (await self._sources.bus.range()).last
                entries = await self._sources.bus.follow(place, BATCH, READ_SECONDS)
            except (RedisError, OSError):
                await asyncio.sleep(self._tempo.poll)
                continue
            for entry in entries:
                place = entry.id
                await self._tell(link, entry)

    async def _tell(self, link: MqttConnection, entry: StreamEntry) -> None:
        if entry.name not in MOVING:
            return
        self._has_moved.set()
        found = told(self._place, json.loads(entry.data))
        if found is not None:
            await link.say(*found, retain=False)


async def _first_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run them together until one ends, or fails; the others end with it."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _bytes(payload: object) -> bytes:
    return bytes(payload) if isinstance(payload, bytes | bytearray) else str(payload).encode()
