"""What a hunt, or its plan, reads from the app: the queue, and the selection of each pass."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import AppDatabase, HuntPass, Mode, OwnerFacts, SeasonFacts, WantedItem
from app.arr.queue_rows import QueueRow
from app.hunting.selection.candidates import AppHierarchy, active_downloads, downloads, item_key, queued_keys
from app.hunting.selection.derived import DerivedListStore
from app.hunting.selection.item_states import ItemStates, StoredStates
from app.hunting.selection.library import LibraryScanner
from app.hunting.selection.metadata import MetadataCache
from app.hunting.selection.policy import Allowance, Candidate, Rules, StateStatus, merged, status
from app.hunting.selection.requested import Requested, RequestedPager, RequestStore
from app.hunting.selection.selector import PassRules, Probes, Selection, Selector
from app.hunting.selection.wanted import Pager, TaggedOwners, WantedList, WantedPager
from app.settings.filters import ResolvedFilters
from app.settings.hunting import HuntingSettings

log = structlog.get_logger(__name__)

MAX_WALKED_OWNERS = 50
"""So many owners are read one by one, where an including filter leaves no more."""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What the app's queue holds: keys of its items, all downloads, and those that are queued or running."""

    keys: frozenset[str] = frozenset()
    total: int | None = None
    active: int = 0
    stuck: frozenset[str] = frozenset()
    """Ids of downloads that are complete and that the app does not import by itself."""
    download_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SelectionServices:
    """What the selection reads besides the app; one for each process."""

    states: StoredStates
    requests: RequestStore
    derived: DerivedListStore
    metadata: MetadataCache


@dataclass(frozen=True, slots=True)
class ReadTarget:
    """The instance whose app is read, and its settings."""

    instance_id: int
    client: ArrClient
    url: str
    database: AppDatabase
    hunting: HuntingSettings


class AppReader:
    """Reads one app for one hunt or one plan; made anew for each.

    `pretends`: nothing will be sent, so what a pass selects has to be remembered for the next pass.
    """

    def __init__(
        self,
        target: ReadTarget,
        services: SelectionServices,
        *,
        now: datetime,
        rng: random.Random,
        pretends: bool = False,
    ) -> None:
        self._instance_id = target.instance_id
        self._client = target.client
        self._target = target
        self._hunting = target.hunting
        self._states = services.states
        self._derived = services.derived
        self._metadata = services.metadata
        self._now = now
        self._rng = rng
        self._pretends = pretends
        self._pretended: list[Candidate] = []
        self._highest = 0
        self._hierarchy = AppHierarchy.of(target.client)
        self._filters: ResolvedFilters | None = None
        self._seasons: dict[int, dict[int, SeasonFacts]] = {}
        self._requests = services.requests
        self._requested: Requested | None = None

    async def filters(self) -> ResolvedFilters:
        """The tags and profiles of the settings as ids of the app; at most one request for each kind."""
        if self._filters is None:
            self._filters = await self._metadata.filters(self._instance_id, self._client, self._hunting, self._now)
        return self._filters

    async def queue(self, *, is_needed: bool = False) -> QueueFacts:
        """One request, or none when nothing needs the queue. `ArrError` when it fails and `max_queue` is set."""
        if self._hunting.max_queue < 0 and not self._hunting.skip_queued and not is_needed:
            return QueueFacts()
        try:
            rows: list[QueueRow] = await self._client.queue()
        except ArrError as failure:
            if failure.ends_all or self._hunting.max_queue >= 0:
                raise
            log.warning("queue not read; nothing is skipped for it", error=failure.message)
            return QueueFacts()
        stuck = frozenset(row.download_id for row in rows if row.download_id and row.is_refused)
        return QueueFacts(
            queued_keys(rows, self._hierarchy),
            downloads(rows),
            active_downloads(rows),
            stuck,
            frozenset(row.download_id for row in rows if row.download_id),
        )

    def refusal(self, hunt_pass: HuntPass) -> str | None:
        """Why this app has no such pass; `None` when it has."""
        if hunt_pass is HuntPass.UPGRADE and not self._client.has_scores:
            return f"{self._client.app_name} keeps no custom-format scores, so there is nothing to upgrade by them."
        return None

    async def select(
        self, hunt_pass: HuntPass, *, queue: QueueFacts, batch: int, left: Allowance
    ) -> tuple[Selection, Pager]:
        """The decisions of one pass; the pager knows afterwards where the next hunt goes on."""
        rules = await self._rules(hunt_pass)
        requested = await self._requested_items(rules)
        pager = await self._pager(hunt_pass, rules, batch)
        if requested.by_owner and hunt_pass is not HuntPass.UPGRADE:
            pager = RequestedPager(pager, lambda: self._read_requested(hunt_pass, requested), len(requested.by_owner))
        pass_rules = PassRules(
            hierarchy=self._hierarchy,
            mode=self._mode(hunt_pass),
            order=self._hunting.order if hunt_pass is not HuntPass.UPGRADE else None,
            release_date=self._hunting.release_date,
            season_threshold=self._hunting.season_threshold,
            queued=queue.keys,
            max_units=min(cap for cap in (self._hunting.hourly_cap, self._hunting.daily_cap) if cap),
            requested=requested.keys,
        )
        probes = Probes(lambda page: self._item_states(hunt_pass, page), self._season, self._owner, self._owner_tags)
        selector = Selector(rules, pass_rules, probes, now=self._now, rng=self._rng)
        selection = await selector.select(pager, batch=batch, left=left)
        if isinstance(pager, WantedPager):
            self._highest = max(self._highest, pager.highest)
        if self._pretends:
            self._pretended += [search.candidate for search in selection.selected]
        return selection, pager

    async def forget_unwanted(self) -> None:
        """Give up requests whose items no list of this hunt had."""
        if self._requested is not None:
            await self._requests.forget(self._instance_id, self._requested.unwanted)

    async def _requested_items(self, rules: Rules) -> Requested:
        """The requests that this hunt looks at, read once."""
        if self._requested is None:
            found = await self._requests.open(self._instance_id, self._now)
            self._requested = Requested.of(found, self._now, rules.cooldown)
        return self._requested

    async def _read_requested(self, hunt_pass: HuntPass, requested: Requested) -> list[WantedItem]:
        """What the app lists of the requested items; one that cannot be read holds up nothing."""
        found: list[WantedItem] = []
        for owner_id, items in requested.by_owner.items():
            try:
                wanted = await self._client.wanted_of(hunt_pass, owner_id, now=self._now)
            except ArrError as failure:
                if failure.ends_all:
                    raise
                log.warning("requested items not read", owner_id=owner_id, error=failure.message)
                requested.found.update(item.media_key for item in items)
                continue
            keys = {item.media_key for item in items}
            mine = [item for item in wanted if item_key(self._hierarchy.item, item.item_id) in keys]
            requested.found.update(item_key(self._hierarchy.item, item.item_id) for item in mine)
            found += mine
        requested.is_read = True
        return found

    async def with_files(self, hunt_pass: HuntPass, selection: Selection) -> None:
        """Add the files that the selected items have now, to compare with what they get; at most one request."""
        unknown = [search.candidate.item_id for search in selection.selected if search.before is None]
        item_ids = [item_id for item_id in unknown if item_id]
        if hunt_pass is HuntPass.MISSING or not item_ids or not self._hunting.track_outcomes:
            return
        try:
            files = await self._client.files(item_ids)
        except ArrError as failure:
            log.warning("files not read; searches go on without them", error=failure.message)
            return
        selection.selected = [
            replace(search, before=search.before or files.get(search.candidate.item_id or 0))
            for search in selection.selected
        ]

    async def tag(self, ids: Collection[int], label: str) -> None:
        """Add the label to these owners, or items that have none; one request, besides those for the tag's id."""
        tag_id = await self._metadata.tag_id(self._instance_id, self._client, label, self._now)
        await self._client.tag_owners(sorted(ids), tag_id)

    def _mode(self, hunt_pass: HuntPass) -> Mode:
        """The mode, or what the app has instead of it; `auto` searches files below their cutoff singly."""
        mode = self._hunting.of(hunt_pass).mode
        if mode not in self._client.modes or (mode is Mode.AUTO and hunt_pass is not HuntPass.MISSING):
            return Mode(self._hierarchy.item.value) if hunt_pass is not HuntPass.MISSING else Mode.AUTO
        return mode

    async def _pager(self, hunt_pass: HuntPass, rules: Rules, batch: int) -> Pager:
        cursor = await self._states.cursor(self._instance_id, hunt_pass)
        if hunt_pass is HuntPass.UPGRADE:
            profiles = await self._metadata.profiles(self._instance_id, self._client, self._now)
            return LibraryScanner(
                self._client,
                self._hierarchy,
                profiles,
                cursor=cursor,
                highest=self._highest,
                is_known=lambda ids: self._cooling_down(ids, rules),
            )
        wanted = WantedList(self._hierarchy, hunt_pass, self._hunting.order, self._target.database)
        if self._client.has_wanted:
            wanted = replace(wanted, owners=await self._tagged_owners(hunt_pass, rules))
            return WantedPager(self._client, wanted, cursor=cursor, batch=batch, rng=self._rng)
        source = await self._derived.source(self._instance_id, self._target.url, self._client, self._now)
        return WantedPager(source, wanted, cursor=cursor, batch=batch, rng=self._rng, derived_requests=source.requests)

    async def _item_states(self, hunt_pass: HuntPass, page: Sequence[Candidate]) -> ItemStates:
        # An owner may have many items; only a search of the owner needs their states.
        owner = self._hierarchy.owner
        states = await self._states.item_states(
            self._instance_id,
            hunt_pass,
            {candidate.key for candidate in page},
            {candidate.season_key for candidate in page if candidate.season_key},
            {candidate.owner_key for candidate in page if candidate.owner_key},
            file_ids=[] if hunt_pass is HuntPass.MISSING else {each.file_id for each in page if each.file_id},
            with_items_of_owners=owner is not None and self._mode(hunt_pass) == owner.value,
        )
        return states.with_searched(self._pretended, self._now)

    async def _cooling_down(self, item_ids: Sequence[int], rules: Rules) -> set[int]:
        """Items that cool down by our own record, so that the app need not be asked about them."""
        keys = {item_key(self._hierarchy.item, item_id): item_id for item_id in item_ids}
        states = await self._states.item_states(self._instance_id, HuntPass.UPGRADE, keys)
        states = states.with_searched(self._pretended, self._now)
        found: set[int] = set()
        for key, item_id in keys.items():
            # Whether its failed searches still count is only known when the item was read.
            past = replace(merged(states.by_key.get(key, ())), failed_searches=0)
            candidate = Candidate(key, "", self._hierarchy.item.value, monitored=True, item_id=item_id)
            if status(candidate, rules, past, self._now)[0] is StateStatus.COOLDOWN:
                found.add(item_id)
        return found

    async def _rules(self, hunt_pass: HuntPass) -> Rules:
        return Rules.of(self._hunting, self._hunting.of(hunt_pass).cooldown_hours, await self.filters())

    async def _owner(self, owner_id: int) -> OwnerFacts | None:
        try:
            return await self._client.owner_facts(owner_id)
        except ArrError as failure:
            if failure.code is ErrorCode.NOT_FOUND:
                return None
            raise

    async def _owner_tags(self) -> Mapping[int, frozenset[int]]:
        """The tags of every owner that has any."""
        tags: dict[int, frozenset[int]] = {}
        for tag_id, owner_ids in (await self._metadata.tagged(self._instance_id, self._client, self._now)).items():
            for owner_id in owner_ids:
                tags[owner_id] = tags.get(owner_id, frozenset()) | {tag_id}
        return tags

    async def _tagged_owners(self, hunt_pass: HuntPass, rules: Rules) -> TaggedOwners | None:
        """The owners, or movies, that the tag filters leave, if they are few."""
        if rules.include_tags is None:
            return None
        tagged = await self._metadata.tagged(self._instance_id, self._client, self._now) if rules.include_tags else {}
        ids = _all_of(tagged, rules.include_tags) - _all_of(tagged, rules.exclude_tags)
        if len(ids) > MAX_WALKED_OWNERS:
            return None
        requests_each = 1 if self._hierarchy.owner is None else 2

        async def read(owner_id: int) -> Sequence[WantedItem]:
            return await self._client.wanted_of(hunt_pass, owner_id, now=self._now)

        return TaggedOwners(sorted(ids), requests_each, read)

    async def _season(self, owner_id: int, season: int, has_others: bool) -> SeasonFacts | None:
        """One request for the season, or for all seasons of a series of which others are wanted too."""
        try:
            if has_others and owner_id not in self._seasons:
                self._seasons[owner_id] = await self._client.seasons(owner_id, now=self._now)
            known = self._seasons.get(owner_id, {}).get(season)
            return known or await self._client.season(owner_id, season, now=self._now)
        except ArrError as failure:
            log.warning(
                "season not read; its episodes are searched singly",
                owner_id=owner_id,
                season=season,
                error=failure.message,
            )
            return None


def _all_of(tagged: Mapping[int, frozenset[int]], tag_ids: Collection[int]) -> frozenset[int]:
    return frozenset().union(*(tagged.get(tag_id, frozenset()) for tag_id in tag_ids))
