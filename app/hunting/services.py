"""The parts of the engine, made together: what plans, runs and follows up hunts."""

from dataclasses import dataclass

from redis.asyncio import Redis

from app.arr.http import ArrHttp
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.running.changes import ChangeDetector
from app.hunting.running.claims import Claims
from app.hunting.running.follow_up import FollowUp
from app.hunting.running.planner import Planner
from app.hunting.running.runner import HuntRunner
from app.hunting.running.sender import Timing
from app.hunting.selection.app_reader import SelectionServices
from app.hunting.selection.metadata import MetadataCache
from app.hunting.store.derived_lists import DerivedLists
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.item_states import ItemStateStore
from app.hunting.store.lease import LEASE_SECONDS, Leases
from app.hunting.store.searches import SearchStore
from app.hunting.store.tracking import OutcomeTracker
from app.instances.service import InstanceService
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class HuntingServices:
    """One of them a process."""

    leases: Leases
    tracker: OutcomeTracker
    planner: Planner
    runner: HuntRunner
    follow_up: FollowUp


def make_hunting(
    db: Database,
    redis: Redis,
    http: ArrHttp,
    instances: InstanceService,
    settings: SettingsService,
    ticker: HuntBroadcaster,
    clock: Clock,
    *,
    lease_seconds: float = LEASE_SECONDS,
    pace: Timing | None = None,
) -> HuntingServices:
    """`pace`: how time passes while a hunt waits."""
    leases = Leases(redis, seconds=lease_seconds)
    ledger = SearchStore(db, settings, clock)
    claims = Claims(db, http, instances, settings, ledger, clock)
    tracker = OutcomeTracker(db, clock)
    selection = SelectionServices(ItemStateStore(db), DerivedLists(db), MetadataCache())
    return HuntingServices(
        leases=leases,
        tracker=tracker,
        planner=Planner(db, http, instances, settings, ledger, selection, clock),
        runner=HuntRunner(db, http, claims, leases, ledger, tracker, selection, ticker, clock, pace=pace),
        follow_up=FollowUp(db, http, claims, leases, ledger, tracker, ChangeDetector(db, clock), clock, pace=pace),
    )
