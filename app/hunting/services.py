"""The parts of the engine, made together: what plans, runs and follows up hunts."""

from dataclasses import dataclass

from redis.asyncio import Redis

from app.core.clock import Clock
from app.core.db import Database
from app.http.client import ArrHttp
from app.hunting.running.changes import ChangeBook
from app.hunting.running.claims import Claims
from app.hunting.running.follow_up import FollowUp
from app.hunting.running.planner import Planner
from app.hunting.running.runner import HuntRunner
from app.hunting.running.sender import Pace
from app.hunting.selection.derived import DerivedLists
from app.hunting.store.events import Ticker
from app.hunting.store.lease import LEASE_SECONDS, Leases
from app.hunting.store.searches import HuntLedger
from app.hunting.store.tracking import OutcomeTracker
from app.instances.service import InstanceService
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class Engine:
    """One of them a process."""

    leases: Leases
    tracker: OutcomeTracker
    planner: Planner
    runner: HuntRunner
    follow_up: FollowUp


def make_engine(
    db: Database,
    redis: Redis,
    http: ArrHttp,
    instances: InstanceService,
    settings: SettingsService,
    ticker: Ticker,
    clock: Clock,
    *,
    lease_seconds: float = LEASE_SECONDS,
    pace: Pace | None = None,
) -> Engine:
    """`pace`: how time passes while a hunt waits."""
    leases = Leases(redis, seconds=lease_seconds)
    ledger = HuntLedger(db, settings, clock)
    claims = Claims(db, http, instances, settings, ledger, clock)
    tracker, derived = OutcomeTracker(db, clock), DerivedLists(db)
    return Engine(
        leases=leases,
        tracker=tracker,
        planner=Planner(db, http, instances, settings, ledger, derived, clock),
        runner=HuntRunner(db, http, claims, leases, ledger, tracker, derived, ticker, clock, pace=pace),
        follow_up=FollowUp(db, http, claims, leases, ledger, tracker, ChangeBook(db, clock), clock, pace=pace),
    )
