"""One look of a policy at the queue of its app, and the removals that follow from it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from sqlmodel import col, select

from app.arr.download_control import DownloadControl
from app.arr.errors import ArrError
from app.arr.models import AppType
from app.core.errors import Unavailable
from app.core.queue import NOW, RUN_SWAPARR, try_enqueue
from app.core.slots import is_first_in_slot
from app.hunting.running.context import App
from app.hunting.selection.candidates import AppHierarchy, item_key
from app.hunting.selection.requested import RequestedItem
from app.hunting.store.lease import LeaseLost, Leases
from app.infra import Infra
from app.instances.models import Instance, InstanceState
from app.instances.service import InstanceService
from app.prowlarr.known import known_prowlarrs
from app.settings.service import SettingsService
from app.settings.swaparr import SwaparrSettings
from app.swaparr.downloads import QueuedDownload, missing_items
from app.swaparr.looking import QueueWatcher, Watched, transmissions_of
from app.swaparr.policy import Away, Consequence, LookResult, Verdict, judge
from app.swaparr.rules import rules_of
from app.swaparr.store import KnownQueue, PolicyName, SwaparrStore

log = structlog.get_logger(__name__)

CLIENTS_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, its settings and its app, read once for a look."""

    name: PolicyName
    settings: SwaparrSettings
    app: App
    is_resting: bool
    """Whether the app was away a moment ago and is not asked now."""
    privacy: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look came to, before anything is done about it."""

    before: KnownQueue
    judgement: LookResult
    control: DownloadControl


class SwaparrRunner:
    """Runs the looks of all policies; whoever dies over one leaves nothing half done that the next does not finish."""

    def __init__(
        self,
        infra: Infra,
        settings: SettingsService,
        instances: InstanceService,
        leases: Leases,
        store: SwaparrStore,
        watcher: QueueWatcher,
    ) -> None:
        self._infra = infra
        self._clock = infra.clock
        self._settings = settings
        self._instances = instances
        self._leases = leases
        self._store = store
        self._watcher = watcher

    async def enqueue_due(self) -> None:
        """Enqueue a look of every enabled policy whose time has come."""
        async with self._infra.db.glance() as session:
            query = select(Instance).where(Instance.app_type == AppType.SWAPARR, col(Instance.enabled))
            rows = (await session.exec(query)).all()
        for row in rows:
            minutes = SwaparrSettings.model_validate(row.overrides).interval_minutes
            key = f"swaparr:{row.id}:{row.updated_at.timestamp():.0f}"
            if await is_first_in_slot(self._infra.redis, key, minutes, self._clock()):
                await try_enqueue(self._infra.queue, RUN_SWAPARR, row.id or 0, key=f"swaparr:{row.id}", age=NOW)

    async def run(self, instance_id: int, *, dry_run: bool | None = None) -> None:
        """Look once and do what follows; `dry_run` instead of the policy's own. Nothing while somebody else does."""
        with suppress(LeaseLost):
            async with self._leases.hold(instance_id) as is_ours:
                policy = await self._policy(instance_id) if is_ours else None
                if policy is not None:
                    with structlog.contextvars.bound_contextvars(instance_id=instance_id, app_type=AppType.SWAPARR):
                        await self._run(policy, policy.settings.dry_run if dry_run is None else dry_run)

    async def looked(self, policy: Policy, *, is_test: bool = False) -> Looked:
        """A look without any consequence; `ArrError` when the app cannot be asked.

        `is_test`: it counts although the app may not have asked its clients since the last one.
        """
        now, instance_id = self._clock(), policy.name.instance_id
        before = await self._store.remembered(instance_id)
        if is_test:
            before = replace(before, memory=replace(before.memory, refreshed_at=None))
        control = DownloadControl(self._infra.http, policy.app.app_type, policy.app.connection)
        transmissions, read_at = await self._store.clients(instance_id)
        if read_at is None or now - read_at >= CLIENTS_EVERY:
            transmissions = await transmissions_of(control)
            if not is_test:
                await self._store.keep_clients(instance_id, transmissions)
        client = policy.app.client(self._infra.http)
        settings = policy.settings
        watched = Watched(
            client,
            control,
            policy.privacy,
            transmissions,
            settings.online_check_urls,
            asks_files=bool(settings.malicious_extensions),
        )
        look = await self._watcher.look(watched, before.memory.refreshed_at, now)
        return Looked(before, judge(before.memory, before.records, look, rules_of(policy.settings)), control)

    async def policy_of(self, row: Instance, target: Instance, state: InstanceState) -> Policy:
        """`row` need not be stored."""
        general = await self._settings.general()
        app = App.of(AppType(target.app_type), self._instances.connection(target, general), state)
        return Policy(
            name=PolicyName(row.id or 0, row.name, target.id or 0),
            settings=SwaparrSettings.model_validate(row.overrides),
            app=app,
            is_resting=state.rest_until is not None and self._clock() < state.rest_until,
            privacy=await self._privacy(),
        )

    async def _policy(self, instance_id: int) -> Policy | None:
        """`None` when there is no such policy, or its app is disabled or not known yet."""
        async with self._infra.db.reading() as session:
            row = await session.get(Instance, instance_id)
            target = await session.get(Instance, row.target_instance_id) if row is not None else None
            state = await session.get(InstanceState, row.target_instance_id) if row is not None else None
        if row is None or target is None or state is None or not target.enabled:
            return None
        policy = await self.policy_of(row, target, state)
        return policy if policy.app.is_known else None

    async def _privacy(self) -> dict[str, str]:
        """The privacy of the indexers of every Prowlarr, by their names in lower case."""
        async with self._infra.db.reading() as session:
            known = await known_prowlarrs(session)
        return {
            each.indexer.name.lower(): each.indexer.privacy
            for prowlarr in known
            for each in (prowlarr.figures.indexers if prowlarr.figures is not None else ())
        }

    async def _run(self, policy: Policy, dry_run: bool) -> None:
        if policy.is_resting:
            await self._store.note_away(policy.name.instance_id, Away.APP)
            return
        try:
            looked = await self.looked(policy)
        except ArrError as failure:
            log.warning("queue not read", error=failure.message)
            await self._store.note_away(policy.name.instance_id, Away.APP)
            return
        hierarchy = AppHierarchy.of(policy.app.client(self._infra.http))
        judged = looked.judgement.judged
        items = {each.download.key: requested_items(each.download, hierarchy) for each in judged}
        rules = rules_of(policy.settings)
        limits = {cause: rule.max_strikes for cause, rule in rules.causes.items()}
        await self._store.keep(policy.name, looked.before, looked.judgement, items, limits)
        await self._finish_removals(policy, looked)
        await self._remove(
            [each for each in judged if each.action is Consequence.REMOVE], policy, looked.control, dry_run
        )

    async def _finish_removals(self, policy: Policy, looked: Looked) -> None:
        """What a worker removed before it died is gone from the queue by now."""
        if looked.judgement.memory.away is None:
            for key in looked.before.removing.keys() & looked.judgement.gone.keys():
                await self._store.removed(policy.name, key, search_again=policy.settings.search_again)

    async def _remove(self, due: Sequence[Verdict], policy: Policy, control: DownloadControl, dry_run: bool) -> None:
        settings = policy.settings
        for each in due:
            if dry_run:
                await self._store.would_remove(policy.name, each)
                continue
            key = each.download.key
            if not await self._store.begin_removal(policy.name, key, settings.max_removals_per_hour):
                return
            try:
                await control.remove(
                    each.download.row_id, from_client=settings.remove_from_client, blocklist=settings.blocklist
                )
            except ArrError as failure:
                log.warning("download not removed", title=each.download.title, error=failure.message)
                if failure.http_status is not None or not failure.may_have_reached:
                    await self._store.removal_failed(policy.name.instance_id, key)
                if failure.ends_all:
                    return
                continue
            await self._store.removed(policy.name, key, search_again=settings.search_again)
            log.info("download removed", title=each.download.title, cause=each.cause)

    async def request(self, instance_id: int, dry_run: bool | None) -> None:
        """Enqueue a look now; `Unavailable` without Redis."""
        await self._infra.queue.require()
        flag = {None: -1, False: 0, True: 1}[dry_run]
        moment = f"{self._clock().timestamp():.0f}"
        await self._infra.queue.enqueue(RUN_SWAPARR, instance_id, flag, job_id=f"swaparr:{instance_id}:{moment}")

    async def request_all(self, instance_ids: Sequence[int]) -> None:
        for instance_id in instance_ids:
            with suppress(Unavailable):
                await self.request(instance_id, None)


def requested_items(download: QueuedDownload, hierarchy: AppHierarchy) -> list[RequestedItem]:
    """What a download would have brought and is not there yet."""
    season = download.seasons[0] if len(download.seasons) == 1 else None
    return [
        RequestedItem(
            media_key=item_key(hierarchy.item, item_id),
            item_id=item_id,
            title=download.title,
            owner_id=download.owner_id if hierarchy.owner is not None else None,
            group_key=hierarchy.season_key(download.owner_id, season),
            owner_key=hierarchy.owner_key(download.owner_id),
        )
        for item_id in missing_items(download)
    ]
