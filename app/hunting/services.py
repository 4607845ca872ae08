"""The services of hunting: what plans, queues, runs and follows up hunts."""

from dataclasses import dataclass

from app.core.row_counts import RowCounts
from app.events.bus import EventBus
from app.hunting.running.changes import ChangeDetector
from app.hunting.running.claims import Claims
from app.hunting.running.follow_up import FollowUp
from app.hunting.running.planner import Planner
from app.hunting.running.runner import HuntRunner
from app.hunting.running.sender import Timing
from app.hunting.running.webhook_hints import WebhookHints
from app.hunting.selection.app_reader import SelectionServices
from app.hunting.selection.metadata import MetadataCache
from app.hunting.service import HuntService
from app.hunting.store.derived_lists import DerivedLists
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.item_states import ItemStateStore
from app.hunting.store.lease import LEASE_SECONDS, Leases
from app.hunting.store.searches import SearchStore
from app.hunting.store.tracking import OutcomeTracker
from app.infra import Infra
from app.instances.service import InstanceService
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class HuntingServices:
    """One per process. `row_counts` is shared with the history, so that a restore empties it once."""

    service: HuntService
    planner: Planner
    runner: HuntRunner
    follow_up: FollowUp
    webhook_hints: WebhookHints
    leases: Leases
    row_counts: RowCounts

    @classmethod
    def build(
        cls,
        infra: Infra,
        settings: SettingsService,
        instances: InstanceService,
        bus: EventBus,
        *,
        lease_seconds: float = LEASE_SECONDS,
        timing: Timing | None = None,
    ) -> "HuntingServices":
        """`timing`: how time passes while a hunt waits."""
        db, http, clock = infra.db, infra.http, infra.clock
        leases, row_counts, ticker = Leases(infra.redis, seconds=lease_seconds), RowCounts(), HuntBroadcaster(db, bus)
        ledger = SearchStore(db, settings, clock)
        tracker, changes = OutcomeTracker(db, clock), ChangeDetector(db, clock)
        claims = Claims(db, http, instances, settings, ledger, clock)
        selection = SelectionServices(ItemStateStore(db), DerivedLists(db), MetadataCache())
        return cls(
            service=HuntService(db, infra.queue, settings, row_counts, leases, ticker, clock),
            planner=Planner(db, http, instances, settings, ledger, selection, clock),
            runner=HuntRunner(db, http, claims, leases, ledger, tracker, selection, ticker, clock, pace=timing),
            follow_up=FollowUp(db, http, claims, leases, ledger, tracker, changes, clock, pace=timing),
            webhook_hints=WebhookHints(db, infra.queue, tracker, clock),
            leases=leases,
            row_counts=row_counts,
        )
