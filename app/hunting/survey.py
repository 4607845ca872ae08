"""What a hunt, or its plan, reads from the app: the queue, the rules as ids, and the selection of each pass."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import Database, HuntPass, Mode, QueueRow, SeasonFacts, Unit
from app.hunting.candidates import active_downloads, downloads, queued_keys
from app.hunting.ledger import HuntLedger
from app.hunting.policy import Rules
from app.hunting.selection import Selection, Selector
from app.hunting.walk import Cursor
from app.hunting.wanted import WantedWalk
from app.settings.hunting import HuntingSettings

log = structlog.get_logger(__name__)

WORDS_LAST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Words:
    """The app's tags and quality profiles, lower-cased names to ids, as they were at `read_at`."""

    tags: Mapping[str, int]
    profiles: Mapping[str, int]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What the queue says: `keys` of the items in it, all downloads, and those that are queued or running."""

    keys: frozenset[str] = frozenset()
    total: int | None = None
    active: int = 0


class Lexicon:
    """Tags and profiles of the instances, kept for ten minutes in this process."""

    def __init__(self) -> None:
        self._kept: dict[int, Words] = {}

    async def words(self, instance_id: int, client: ArrClient, now: datetime) -> Words:
        kept = self._kept.get(instance_id)
        if kept is None or now - kept.read_at > WORDS_LAST:
            tags = {label.casefold(): tag_id for tag_id, label in (await client.tags()).items()}
            profiles = {one.name.casefold(): one.profile_id for one in await client.quality_profiles()}
            kept = self._kept[instance_id] = Words(tags, profiles, now)
        return kept


class Survey:
    """One look at one instance; made anew for every hunt and every plan."""

    def __init__(
        self,
        client: ArrClient,
        ledger: HuntLedger,
        lexicon: Lexicon,
        hunting: HuntingSettings,
        *,
        instance_id: int,
        now: datetime,
        rng: random.Random,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._lexicon = lexicon
        self._hunting = hunting
        self._instance_id = instance_id
        self._now = now
        self._rng = rng

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
        item = Unit.MOVIE if Unit.MOVIE in self._client.units else Unit.EPISODE
        return QueueFacts(queued_keys(rows, item), downloads(rows), active_downloads(rows))

    async def select(
        self, hunt_pass: HuntPass, *, database: Database, queue: QueueFacts, batch: int, left: int | None
    ) -> tuple[Selection, WantedWalk]:
        """The decisions of one pass. The walk tells afterwards where the next hunt goes on."""
        cursor: Cursor = await self._ledger.cursor(self._instance_id, hunt_pass)
        walk = WantedWalk(
            self._client, hunt_pass, order=self._hunting.order, database=database, cursor=cursor, batch=batch,
            rng=self._rng,
        )  # fmt: skip
        # Missing episodes of a season can be counted; files below the cutoff cannot, so `auto` takes single items.
        mode = self._hunting.of(hunt_pass).mode
        mode = Mode.EPISODE if mode is Mode.AUTO and hunt_pass is HuntPass.CUTOFF else mode
        selector = Selector(
            self._hunting,
            await self._rules(hunt_pass),
            mode,
            recall=lambda page: self._ledger.recall(self._instance_id, hunt_pass, page),
            seasons=self._season if Unit.SEASON in self._client.units else None,
            queued=queue.keys,
            now=self._now,
            rng=self._rng,
        )
        return await selector.select(walk, batch=batch, left=left), walk

    async def _rules(self, hunt_pass: HuntPass) -> Rules:
        hunting = self._hunting
        words = Words({}, {}, self._now)
        if hunting.include_tags or hunting.exclude_tags or hunting.exclude_quality_profiles:
            words = await self._lexicon.words(self._instance_id, self._client, self._now)
        return Rules(
            cooldown=timedelta(hours=hunting.of(hunt_pass).cooldown_hours),
            backoff_factor=hunting.backoff_factor,
            backoff_max=timedelta(days=hunting.backoff_max_days),
            fresh_window=timedelta(hours=hunting.fresh_window_hours),
            fresh_retry=timedelta(hours=hunting.fresh_retry_hours),
            release_grace=timedelta(hours=hunting.release_grace_hours),
            added_grace=timedelta(hours=hunting.added_grace_hours),
            include_specials=hunting.include_specials,
            include_unreleased=hunting.include_unreleased,
            skip_queued=hunting.skip_queued,
            include_tags=_ids(hunting.include_tags, words.tags) if hunting.include_tags else None,
            exclude_tags=_ids(hunting.exclude_tags, words.tags),
            exclude_profiles=_ids(hunting.exclude_quality_profiles, words.profiles),
        )

    async def _season(self, owner_id: int, number: int) -> SeasonFacts | None:
        try:
            return await self._client.season(owner_id, number, now=self._now)
        except ArrError as failure:
            log.warning("season not read; its episodes are searched singly", owner_id=owner_id, error=failure.message)
            return None


def _ids(names: list[str], known: Mapping[str, int]) -> frozenset[int]:
    return frozenset(known[name.casefold()] for name in names if name.casefold() in known)
