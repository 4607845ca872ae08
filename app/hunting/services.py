"""The services of hunting: what plans, queues, runs and follows up hunts."""

from dataclasses import dataclass

from app.arr.push import PushRests
from app.core.row_counts import RowCounts
from app.events.bus import EventBus
from app.hunting.dispatcher import HuntDispatcher
from app.hunting.running.changes import ChangeDetector
from app.hunting.running.claims import Claims
from app.hunting.running.context import RunningServices
from app.hunting.running.follow_up import FollowUp
from app.hunting.running.planner import Planner
from app.hunting.running.runner import HuntRunner
from app.hunting.running.timing import Timing
from app.hunting.running.webhook_hints import WebhookHints
from app.hunting.selection.app_reader import SelectionServices
from app.hunting.selection.metadata import MetadataCache
from app.hunting.service import HuntService
from app.hunting.store.derived_lists import DerivedLists
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.followed import FollowedSearches
from app.hunting.store.item_states import ItemStateStore
from app.hunting.store.lease import LEASE_SECONDS, Leases
from app.hunting.store.passes import PassStore
from app.hunting.store.search_requests import SearchRequests
from app.hunting.store.searches import SearchStore
from app.infra import Infra
from app.instances.service import InstanceService
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class HuntingServices:
    """One per process. `row_counts` is shared with the history, so that a restore empties it once."""

    service: HuntService
    dispatcher: HuntDispatcher
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
        db, clock, row_counts = infra.db, infra.clock, RowCounts()
        services = RunningServices(
            db=db,
            http=infra.http,
            clock=clock,
            timing=timing or Timing(),
            instances=instances,
            settings=settings,
            leases=Leases(infra.redis, seconds=lease_seconds),
            searches=SearchStore(db, settings, clock),
            followed=FollowedSearches(db, clock),
            passes=PassStore(db),
            selection=SelectionServices(ItemStateStore(db), SearchRequests(db), DerivedLists(db), MetadataCache()),
            broadcaster=HuntBroadcaster(db, bus),
            push_rests=PushRests(),
        )
        claims = Claims(services)
        dispatcher = HuntDispatcher(db, infra.queue, settings, services.leases, services.broadcaster, clock)
        return cls(
            service=HuntService(db, dispatcher, services.broadcaster, row_counts, clock),
            dispatcher=dispatcher,
            planner=Planner(services),
            runner=HuntRunner(services, claims),
            follow_up=FollowUp(services, claims, ChangeDetector(db, clock)),
            webhook_hints=WebhookHints(db, infra.queue, services.searches, services.followed, clock),
            leases=services.leases,
            row_counts=row_counts,
        )
