"""An installation under attack: two apps, a user who goes on all the while, and the reckoning when all is at rest."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.core.db import Database
from app.hunting.store.models import Hunt, Outcome, Search
from app.notifications.models import Delivery
from app.schedules.models import ScheduleRun
from tests.chaos.deployment import Deployment, deployed
from tests.chaos.judge import Books, wrongs
from tests.chaos.user import Hunted, Leniency, User
from tests.notifications.receivers import receiver
from tests.simulator import LibrarySpec, SimApp, SimClock, SimSettings, serve
from tests.simulator.definitions import AppKind
from tests.support.huntarr_process import FastClock

KINDS: tuple[AppKind, ...] = ("sonarr", "radarr")
MISSING = 5000
BATCH = 3
SPEED = 20.0
MAX_REST = 60.0
MAX_START = 30.0
HUNTING: dict[str, Any] = {
    "missing_batch": BATCH,
    "missing_cooldown_hours": 2160,
    "cutoff_batch": 0,
    "min_gap_seconds": 0,
    "hourly_cap": 400,
    "interval_minutes": 10080,
    "max_queue": -1,
    "skip_queued": False,
}
MODES: dict[str, dict[str, Any]] = {"sonarr": {"missing_mode": "episode"}}


@dataclass
class Report:
    """What is left to say of a run; `problems` must be empty."""

    attacks: Counter[str] = field(default_factory=Counter)
    hunts: int = 0
    taken_over: int = 0
    searches: int = 0
    lost: int = 0
    """Searches of which nobody will ever know: their worker died around the POST."""
    runs: int = 0
    deliveries: int = 0
    answered: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        attacks = ", ".join(f"{count} {name}" for name, count in sorted(self.attacks.items()))
        return (
            f"{self.seconds:5.1f} s  {attacks}: {self.answered} calls answered, {self.unanswered} not,"
            f" {self.hunts} hunts ({self.taken_over} taken over), {self.searches} searches ({self.lost} lost),"
            f" {self.runs} runs of schedules, {self.deliveries} deliveries"
        )


class Experiment:
    """What an attack works with."""

    def __init__(self, made: Deployment, seed: int, leniency: Leniency) -> None:
        self.made = made
        self.rng = random.Random(seed)
        self.report = Report()
        settings = SimSettings(command_seconds=1.5, grab_share=0.1, tie_block=1, latency_ms=3, seed=seed)
        clock = SimClock(FastClock(made.clock.epoch, made.clock.speed))  # the apps are on another machine
        library = LibrarySpec.with_missing(MISSING)
        self.apps = {kind: SimApp(kind, settings, library=library, clock=clock) for kind in KINDS}
        self.user = User(made.url, self.rng, leniency)

    async def undergo(self, attack: "Attack") -> Report:
        began_at = time.monotonic()
        async with AsyncExitStack() as stack:
            urls = {kind: await stack.enter_async_context(serve(app)) for kind, app in self.apps.items()}
            hears = stack.enter_context(receiver())
            await self._set_up(urls, hears.url)
            is_over = asyncio.Event()
            living = asyncio.create_task(self.user.live(is_over))
            await attack(self)
            is_over.set()
            await living
            await self.user.retire()
            books = await self._books_at_rest()
            self.report.problems += [*self.user.problems, *await self.user.broken()]
        self.report.problems += wrongs(books, self.user.promises, self.apps, BATCH, self.user.leniency)
        self.report.problems += books.unheard(hears.ids)
        self._count(books)
        self.report.seconds = time.monotonic() - began_at
        return self.report

    async def answering(self) -> None:
        """Until the gateway is there."""
        deadline = time.monotonic() + MAX_START
        async with self.user.client() as client:
            while time.monotonic() < deadline:
                with suppress(httpx.TransportError):
                    if (await client.get("/api/health")).is_success:
                        return
                await asyncio.sleep(0.05)
        raise TimeoutError("the gateway did not start")

    async def _set_up(self, urls: Mapping[AppKind, str], hook: str) -> None:
        await self.answering()
        async with self.user.client() as client:
            for kind, url in urls.items():
                hunting = HUNTING | MODES.get(kind, {})
                body = {"name": kind, "url": url, "api_key": self.apps[kind].settings.api_key, "hunting": hunting}
                made = (await client.post(f"/api/instances/{kind}", json=body)).raise_for_status().json()["data"]
                self.user.meet(Hunted(kind, made["id"]), made["name"])
            told = {"name": "All", "provider": "webhook", "settings": {"url": hook}, "events": ["hunt.*", "media.*"]}
            (await client.post("/api/notifications/connections", json=told)).raise_for_status()

    async def _books_at_rest(self) -> Books:
        """When all that was begun is at its end; else as they are after a minute."""
        db = Database(self.made.stores.database_url)
        deadline = time.monotonic() + MAX_REST
        try:
            while True:
                books = await Books.read(db)
                if not books.unrest() or time.monotonic() > deadline:
                    return books
                await asyncio.sleep(0.2)
        finally:
            await db.close()

    def _count(self, books: Books) -> None:
        report, searches = self.report, books.of(Search)
        report.hunts = len(books.of(Hunt))
        report.taken_over = sum(hunt.attempts > 1 for hunt in books.of(Hunt))
        report.searches = sum(len(app.searcher.records) for app in self.apps.values())
        report.lost = sum(one.outcome == Outcome.UNKNOWN and one.command_id is None for one in searches)
        report.runs, report.deliveries = len(books.of(ScheduleRun)), len(books.of(Delivery))
        report.answered, report.unanswered = self.user.answered, self.user.unanswered


Attack = Callable[[Experiment], Awaitable[None]]


async def undergo(
    database_url: str, folder: Path, attack: Attack, *, seed: int = 1, leniency: Leniency | None = None
) -> Report:
    """One experiment on a database that is empty and migrated."""
    with deployed(database_url, folder, speed=SPEED) as made:
        return await Experiment(made, seed, leniency or Leniency()).undergo(attack)
