"""The parts of the engine, made together: what plans, runs and follows up hunts."""

from dataclasses import dataclass

from redis.asyncio import Redis

from app.arr.http import ArrHttp
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.changes import ChangeBook
from app.hunting.derived import DerivedLists
from app.hunting.follow_up import FollowUp
from app.hunting.jobs import Claims
from app.hunting.lease import LEASE_SECONDS, Leases
from app.hunting.ledger import HuntLedger
from app.hunting.plan import Planner
from app.hunting.runner import HuntRunner
from app.hunting.sending import Pace
from app.hunting.telling import Ticker
from app.hunting.tracking import OutcomeTracker
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
