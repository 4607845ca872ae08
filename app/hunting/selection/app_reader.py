"""What a hunt, or its plan, reads from the app: the queue, the rules as ids, and the selection of each pass."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import AppDatabase, HuntPass, Mode, QualityProfile, QueueRow, SeasonFacts
from app.hunting.selection.candidates import AppHierarchy, active_downloads, downloads, item_key, queued_keys
from app.hunting.selection.derived import DerivedLists
from app.hunting.selection.library import LibraryScanner
from app.hunting.selection.policy import Candidate, Rules, cooldown_end, merged
from app.hunting.selection.selector import ItemStates, Probes, Selection, Selector
from app.hunting.selection.wanted import Walk, WantedPager, WantedSource
from app.hunting.store.searches import SearchStore
from app.settings.hunting import HuntingSettings

log = structlog.get_logger(__name__)

WORDS_LAST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What the queue says: `keys` of the items in it, all downloads, and those that are queued or running."""

    keys: frozenset[str] = frozenset()
    total: int | None = None
    active: int = 0
    stuck: frozenset[str] = frozenset()
    """Ids of downloads that are complete and that the app does not import by itself."""


@dataclass(slots=True)
class AppMetadata:
    """The app's tags and quality profiles, and when each was read."""

    tags: Mapping[str, int] = field(default_factory=dict)
    tags_at: datetime | None = None
    profiles: Mapping[int, QualityProfile] = field(default_factory=dict)
    profiles_at: datetime | None = None


class MetadataCache:
    """Tags and profiles of the instances, each kept for ten minutes in this process."""

    def __init__(self) -> None:
        self._kept: dict[int, AppMetadata] = {}

    async def tags(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[str, int]:
        """Tag ids by label, in lower case."""
        words = self._kept.setdefault(instance_id, AppMetadata())
        if _is_old(words.tags_at, now):
            words.tags = {label.casefold(): tag_id for tag_id, label in (await client.tags()).items()}
            words.tags_at = now
        return words.tags

    async def profiles(self, instance_id: int, client: ArrClient, now: datetime) -> Mapping[int, QualityProfile]:
        words = self._kept.setdefault(instance_id, AppMetadata())
        if _is_old(words.profiles_at, now):
            words.profiles = {one.profile_id: one for one in await client.quality_profiles()}
            words.profiles_at = now
        return words.profiles

    async def tag_of(self, instance_id: int, client: ArrClient, label: str, now: datetime) -> int:
        """The id of a tag, made if the app has none of that label."""
        tags = await self.tags(instance_id, client, now)
        if label not in tags:
            self._kept[instance_id].tags = {**tags, label: await client.add_tag(label)}
        return self._kept[instance_id].tags[label]


def _is_old(read_at: datetime | None, now: datetime) -> bool:
    return read_at is None or not timedelta(0) <= now - read_at <= WORDS_LAST


class AppReader:
    """One look at one instance; made anew for every hunt and every plan.

    `pretends`: nothing is sent, so what a pass chose has to be remembered for the next pass.
    """

    def __init__(
        self,
        client: ArrClient,
        ledger: SearchStore,
        lexicon: MetadataCache,
        derived: DerivedLists,
        hunting: HuntingSettings,
        *,
        instance_id: int,
        url: str,
        database: AppDatabase,
        now: datetime,
        rng: random.Random,
        pretends: bool = False,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._lexicon = lexicon
        self._derived = derived
        self._hunting = hunting
        self._instance_id = instance_id
        self._url = url
        self._database = database
        self._now = now
        self._rng = rng
        self._pretends = pretends
        self._pretended: list[Candidate] = []
        self._highest = 0
        self.shape = AppHierarchy.of(client)

    async def queue(self) -> QueueFacts:
        """One request; none when no setting asks for the queue. `ArrError` when a limit hangs on it and it fails."""
        if self._hunting.max_queue < 0 and not self._hunting.skip_queued:
            return QueueFacts()
        try:
            rows: list[QueueRow] = await self._client.queue()
        except ArrError as failure:
            if self._hunting.max_queue >= 0:
                raise
            log.warning("queue not read; nothing is skipped for it", error=failure.message)
            return QueueFacts()
        stuck = frozenset(row.download_id for row in rows if row.download_id and row.is_refused)
        return QueueFacts(queued_keys(rows, self.shape), downloads(rows), active_downloads(rows), stuck)

    def refusal(self, hunt_pass: HuntPass) -> str | None:
        """Why this app has no such pass; `None` when it has."""
        if hunt_pass is HuntPass.UPGRADE and not self._client.has_scores:
            return f"{self._client.app_name} keeps no custom-format scores, so there is nothing to upgrade by them."
        return None

    async def select(
        self, hunt_pass: HuntPass, *, queue: QueueFacts, batch: int, left: int | None
    ) -> tuple[Selection, Walk]:
        """The decisions of one pass. The walk tells afterwards where the next hunt goes on."""
        rules = await self._rules(hunt_pass)
        walk = await self._walk(hunt_pass, rules, batch)
        selector = Selector(
            self._hunting,
            rules,
            self._mode(hunt_pass),
            self.shape,
            recall=lambda page: self._recall(hunt_pass, page),
            looks=Probes(self._season, self._client.extent),
            queued=queue.keys,
            now=self._now,
            rng=self._rng,
            is_ranked=hunt_pass is HuntPass.UPGRADE,
        )
        selection = await selector.select(walk, batch=batch, left=left)
        if isinstance(walk, WantedPager):
            self._highest = max(self._highest, walk.highest)
        if self._pretends:
            self._pretended += [choice.candidate for choice in selection.choices]
        return selection, walk

    async def with_files(self, hunt_pass: HuntPass, selection: Selection) -> None:
        """Note what the chosen items have now, to compare with what they get; at most one request."""
        wanted = [one.candidate.item_id for one in selection.choices if one.before is None and one.candidate.item_id]
        if hunt_pass is HuntPass.MISSING or not wanted or not self._hunting.track_outcomes:
            return
        try:
            files = await self._client.files(wanted)
        except ArrError as failure:
            log.warning("files not read; searches go on without them", error=failure.message)
            return
        selection.choices = [
            replace(one, before=one.before or files.get(one.candidate.item_id or 0)) for one in selection.choices
        ]

    async def tag(self, ids: Collection[int], label: str) -> None:
        """Write the label onto what was searched; one request, besides those for the tag's id."""
        tag_id = await self._lexicon.tag_of(self._instance_id, self._client, label, self._now)
        await self._client.tag_owners(sorted(ids), tag_id)

    def _mode(self, hunt_pass: HuntPass) -> Mode:
        """What the app has of the mode; `auto` counts missing episodes, files below the cutoff it takes singly."""
        mode = self._hunting.of(hunt_pass).mode
        if mode not in self._client.modes or (mode is Mode.AUTO and hunt_pass is not HuntPass.MISSING):
            return Mode(self.shape.item.value) if hunt_pass is not HuntPass.MISSING else Mode.AUTO
        return mode

    async def _walk(self, hunt_pass: HuntPass, rules: Rules, batch: int) -> Walk:
        cursor = await self._ledger.cursor(self._instance_id, hunt_pass)
        if hunt_pass is HuntPass.UPGRADE:
            profiles = await self._lexicon.profiles(self._instance_id, self._client, self._now)
            return LibraryScanner(
                self._client,
                self.shape,
                profiles,
                cursor=cursor,
                highest=self._highest,
                is_known=lambda ids: self._cooling(ids, rules),
            )
        source: WantedSource = self._client
        spent, page_cost = 0, 1
        if not self._client.has_wanted:
            source, spent = await self._derived.source(self._instance_id, self._url, self._client, self._now)
            page_cost = 0
        return WantedPager(
            source,
            self.shape,
            hunt_pass,
            order=self._hunting.order,
            database=self._database,
            cursor=cursor,
            batch=batch,
            rng=self._rng,
            spent=spent,
            page_cost=page_cost,
        )

    async def _recall(self, hunt_pass: HuntPass, page: Sequence[Candidate]) -> ItemStates:
        keys = {one.key for one in page}
        groups = {one.group for one in page if one.group}
        owners = {one.owner for one in page if one.owner}
        # All that an owner has may be much; only a search of the owner needs it.
        covers_owners = self.shape.owner is not None and self._mode(hunt_pass) == self.shape.owner.value
        remembered = await self._ledger.recall(
            self._instance_id, hunt_pass, keys, groups, owners, with_all_of_owners=covers_owners
        )
        return remembered.with_searched(self._pretended, self._now)

    async def _cooling(self, item_ids: Sequence[int], rules: Rules) -> set[int]:
        """Items that we know to be cooling down, so that nothing more need be asked of them."""
        keys = {item_key(self.shape.item, one): one for one in item_ids}
        remembered = await self._ledger.recall(self._instance_id, HuntPass.UPGRADE, keys)
        remembered = remembered.with_searched(self._pretended, self._now)
        found: set[int] = set()
        for key, item_id in keys.items():
            searched = replace(merged(remembered.by_key.get(key, ())), fruitless=0)  # what woke up is to be looked at
            candidate = Candidate(key, "", self.shape.item.value, monitored=True, item_id=item_id)
            until = cooldown_end(candidate, rules, searched, self._now)
            if until is not None and self._now < until:
                found.add(item_id)
        return found

    async def _rules(self, hunt_pass: HuntPass) -> Rules:
        hunting, tags, profiles = self._hunting, {}, {}
        if hunting.include_tags or hunting.exclude_tags or hunting.tag_searched:
            tags = dict(await self._lexicon.tags(self._instance_id, self._client, self._now))
        if hunting.exclude_quality_profiles:
            found = await self._lexicon.profiles(self._instance_id, self._client, self._now)
            profiles = {one.name.casefold(): one.profile_id for one in found.values()}
        return Rules(
            cooldown=timedelta(hours=hunting.of(hunt_pass).cooldown_hours),
            backoff_factor=hunting.backoff_factor,
            backoff_max=timedelta(days=hunting.backoff_max_days),
            park_after=hunting.park_after,
            fresh_window=timedelta(hours=hunting.fresh_window_hours),
            fresh_retry=timedelta(hours=hunting.fresh_retry_hours),
            release_grace=timedelta(hours=hunting.release_grace_hours),
            added_grace=timedelta(hours=hunting.added_grace_hours),
            include_specials=hunting.include_specials,
            include_unreleased=hunting.include_unreleased,
            skip_queued=hunting.skip_queued,
            include_tags=_ids(hunting.include_tags, tags) if hunting.include_tags else None,
            exclude_tags=_ids(hunting.exclude_tags, tags),
            exclude_profiles=_ids(hunting.exclude_quality_profiles, profiles),
            own_tag=tags.get(hunting.tag_searched or ""),
        )

    async def _season(self, owner_id: int, season: int) -> SeasonFacts | None:
        try:
            return await self._client.season(owner_id, season, now=self._now)
        except ArrError as failure:
            log.warning(
                "season not read; its episodes are searched singly",
                owner_id=owner_id,
                season=season,
                error=failure.message,
            )
            return None


def _ids(names: list[str], known: Mapping[str, int]) -> frozenset[int]:
    return frozenset(known[name.casefold()] for name in names if name.casefold() in known)
