"""One pass over a list: every item that is looked at gets one decision, and some are selected for a search.

The hunt and its plan both run this code; they differ only in what happens to the selected items.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.arr.models import FileFacts, Mode, OwnerFacts, SeasonFacts, Unit, WantedItem
from app.hunting.selection.candidates import AppHierarchy, candidate_of, in_order
from app.hunting.selection.item_states import ItemStates
from app.hunting.selection.policy import (
    Allowance,
    Candidate,
    Decision,
    Reason,
    Rules,
    as_owner,
    as_season,
    decide,
    users_tags,
)
from app.hunting.selection.wanted import Pager
from app.settings.hunting import Order, ReleaseDate

LEFT_OVER = (Reason.BATCH_FULL, Reason.CAP, Reason.BUDGET, Reason.CANCELLED)
"""Reasons that lie in the hunt, not in the item: the next hunt goes on with it."""
MIN_MISSING_FOR_SEASON = 3
MAX_SHOWN = 500
"""Items of a pass that a plan and a hunt show one by one; all of them are counted by their reasons."""
MAX_PICKED_LENGTH = 200
MAX_ANIME_EPISODES = 4
"""`auto` searches the season of an anime as one up to so many episodes: the app asks once for each anyway."""
MAX_OWNER_READS = 50
"""Owners that one pass reads singly; then it reads them all with their page."""


@dataclass(frozen=True, slots=True)
class Probes:
    """What is asked about the candidates: their item states, what a season lacks, how much an owner has."""

    item_states: Callable[[Sequence[Candidate]], Awaitable[ItemStates]]
    season: Callable[[int, int, bool], Awaitable[SeasonFacts | None]]
    """By owner and number; the flag says that other seasons of the owner are wanted too."""
    owner: Callable[[int], Awaitable[OwnerFacts | None]]
    """`None` for one that was removed a moment ago."""
    owner_tags: Callable[[], Awaitable[Mapping[int, frozenset[int]]]]


@dataclass(frozen=True, slots=True)
class PassRules:
    """What holds for one pass beside the `Rules` of its decisions."""

    hierarchy: AppHierarchy
    mode: Mode
    order: Order | None
    """`None` keeps the order of the pages."""
    release_date: ReleaseDate
    season_threshold: float
    queued: frozenset[str]
    """Keys of what the app is downloading."""
    max_units: int | None = None
    """The most that one search may cost: the smallest cap; `None` without one."""
    requested: frozenset[str] = frozenset()
    """Keys of the items whose search is asked for out of turn: they come first."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An item with its decision."""

    candidate: Candidate
    decision: Decision


@dataclass(frozen=True, slots=True)
class Selected:
    """An item, a season or an owner that is to be searched."""

    candidate: Candidate
    picked: str
    failed_searches: int = 0
    """In a row, before this one."""
    tag_ids: frozenset[int] = frozenset()
    """Its tags, without the one that we write."""
    before: FileFacts | None = None
    """The file that it has now."""


@dataclass
class Selection:
    """The decisions of one pass."""

    evaluated: list[Evaluated] = field(default_factory=list)
    selected: list[Selected] = field(default_factory=list)
    total: int = 0
    unseen: int = 0
    """Items of the list that were not looked at."""
    requests: int = 0
    """Requests that asked about seasons and owners."""

    @property
    def left(self) -> set[str]:
        """Keys of what may be searched but was not selected."""
        return {item.candidate.key for item in self.evaluated if item.decision.reason in LEFT_OVER}

    @property
    def units(self) -> int:
        return sum(search.candidate.units for search in self.selected)


class Selector:
    """Decides on the items of one pass; made anew for each."""

    def __init__(
        self, rules: Rules, pass_rules: PassRules, probes: Probes, *, now: datetime, rng: random.Random
    ) -> None:
        self._rules = rules
        self._pass = pass_rules
        self._probes = probes
        self._now = now
        self._rng = rng
        self._seen: set[str] = set()
        self._selected: set[str] = set()
        self._selected_files: set[int] = set()
        self._searched_seasons: dict[str, frozenset[int]] = {}
        self._by_episodes: set[str] = set()
        self._last_in: dict[str, datetime] = {}
        self._items: dict[str, WantedItem] = {}
        self._owners: dict[int, OwnerFacts | None] = {}
        self._read_owners: dict[int, OwnerFacts | None] = {}
        self._owner_tags: Mapping[int, frozenset[int]] | None = None
        self._result = Selection()

    async def select(self, pager: Pager, *, batch: int, left: Allowance) -> Selection:
        """Read pages until `batch` searches are found, what is `left` is spent, or the list ends."""
        async with aclosing(pager.pages()) as pages:
            async for items in pages:
                await self._take_page(items, pager, batch=batch, left=left)
                if len(self._result.selected) >= batch or left.is_used_up(self._result.units):
                    break
        self._result.total, self._result.unseen = pager.total, pager.unseen
        return self._result

    async def _take_page(self, items: Sequence[WantedItem], pager: Pager, *, batch: int, left: Allowance) -> None:
        if not all(item.owner_read for item in items):
            await self._read_owner_tags()
        page = [(self._candidate(item), item) for item in items]
        new = {candidate.key: (candidate, item) for candidate, item in page if candidate.key not in self._seen}
        self._items.update({key: item for key, (_, item) in new.items()})
        self._seen.update(new)
        ordered = [candidate for candidate, _ in new.values()]
        states = await self._probes.item_states(ordered)
        self._note_last_in(ordered, states)
        if self._pass.order is not None:
            ordered = in_order(ordered, self._pass.order, self._rng, states.last_search)
        else:
            ordered = not_searched_first(ordered, states)
        for candidate in sorted(ordered, key=lambda each: each.key not in self._pass.requested):
            await self._evaluate(candidate, states, pager, batch=batch, left=left)

    async def _evaluate(
        self, candidate: Candidate, states: ItemStates, pager: Pager, *, batch: int, left: Allowance
    ) -> None:
        decision = self._decide(candidate, states)
        if decision.reason is Reason.SEARCH and self._is_covered(candidate):
            decision = Decision(Reason.COVERED)
        elif decision.reason is Reason.SEARCH and len(self._result.selected) >= batch:
            decision = Decision(Reason.BATCH_FULL)
        elif decision.reason is Reason.SEARCH and left.is_used_up(self._result.units):
            decision = Decision(left.reason)
        elif decision.reason is Reason.SEARCH and not candidate.owner_read:
            candidate = await self._with_owner(candidate, pager)
            decision = self._decide(candidate, states)
        if decision.reason is Reason.SEARCH:
            await self._select_by_mode(candidate, states, left)
        else:
            self._pass_over(candidate, decision)

    async def _select_by_mode(self, candidate: Candidate, states: ItemStates, left: Allowance) -> None:
        """The item, or what it is part of, as the mode says."""
        owner = self._pass.hierarchy.owner
        if owner is not None and self._pass.mode == owner.value and candidate.owner_key is not None:
            await self._select_owner(candidate, owner, states, left)
        elif candidate.season_key is not None and self._pass.mode in (Mode.AUTO, Mode.SEASON):
            await self._select_season(candidate, states, left)
        else:
            self._select(candidate, states)

    async def _select_owner(self, candidate: Candidate, unit: Unit, states: ItemStates, left: Allowance) -> None:
        """The owner costs as many units as it covers.

        Its search leaves out seasons that are not monitored: their episodes are searched singly.
        """
        owner = as_owner(candidate, unit.value, self._last_in.get(candidate.owner_key or ""))
        decision = self._decide(owner, states)
        if decision.reason is not Reason.SEARCH and len(self._read_owners) >= MAX_OWNER_READS:
            self._pass_over(candidate, decision)
            return
        facts = await self._read_owner(owner.owner_id or 0)
        if facts is None:
            self._pass_over(candidate, Decision(Reason.UNMONITORED))
            return
        owner = replace(owner, units=facts.extent)
        if candidate.season_key is not None and candidate.season not in facts.seasons:
            self._select(candidate, states)
        elif decision.reason is not Reason.SEARCH:
            self._pass_over(candidate, decision)
        elif not left.allows(self._result.units + owner.units):
            self._pass_over(candidate, Decision(left.reason))
        else:
            self._searched_seasons[owner.key] = facts.seasons
            self._select(owner, states, brought_by=candidate)

    async def _select_season(self, candidate: Candidate, states: ItemStates, left: Allowance) -> None:
        """The season, where it may be searched and lacks enough; else `auto` selects its episodes singly."""
        season = as_season(candidate, Unit.SEASON.value, self._last_in.get(candidate.season_key or ""))
        if season.key in self._by_episodes or states.is_next_singly(candidate):
            self._select(candidate, states)
            return
        decision, facts = self._decide(season, states), None
        is_wanted = is_season_mode = self._pass.mode is Mode.SEASON
        if decision.reason is Reason.SEARCH or (is_season_mode and season.is_anime):
            self._result.requests += 1
            facts = await self._probes.season(season.owner_id or 0, season.season or 0, self._has_others(season))
            if facts is not None:
                season = with_facts(season, facts)
                decision = self._decide(season, states)  # somebody may have searched an episode that no page shows
            is_wanted = is_season_mode or wants_season(facts, self._pass.season_threshold, is_anime=season.is_anime)
        if self._costs_too_much(season) or not (is_season_mode or (is_wanted and decision.reason is Reason.SEARCH)):
            self._by_episodes.add(season.key)
            self._select(candidate, states)
        elif decision.reason is not Reason.SEARCH:
            self._pass_over(candidate, decision)
        elif not left.allows(self._result.units + season.units):
            self._pass_over(candidate, Decision(left.reason))
        else:
            self._select(season, states, brought_by=candidate, lacks=facts)

    async def _with_owner(self, candidate: Candidate, pager: Pager) -> Candidate:
        """The candidate with the facts of its owner, which a bare page leaves out."""
        owner_id = candidate.owner_id or 0
        if owner_id not in self._owners and len(self._read_owners) >= MAX_OWNER_READS:
            self._owners = {**await pager.owners_of_page(), **self._owners}
        facts = self._owners[owner_id] if owner_id in self._owners else await self._read_owner(owner_id)
        if facts is None:
            return replace(candidate, monitored=False)
        item = self._items[candidate.key] = self._items[candidate.key].with_owner(facts)
        return self._candidate(item)

    async def _read_owner(self, owner_id: int) -> OwnerFacts | None:
        """All facts of an owner; read once in a pass."""
        if owner_id not in self._read_owners:
            self._result.requests += 1
            self._read_owners[owner_id] = self._owners[owner_id] = await self._probes.owner(owner_id)
        return self._read_owners[owner_id]

    def _candidate(self, item: WantedItem) -> Candidate:
        """Of a bare page, with the tags of its owner where a filter needs them."""
        candidate = candidate_of(item, self._pass.hierarchy, self._pass.release_date)
        if item.owner_read or self._owner_tags is None:
            return candidate
        return replace(candidate, tag_ids=self._owner_tags.get(item.owner_id or 0, frozenset()))

    async def _read_owner_tags(self) -> None:
        """Which owner has which tags, in one request, before the first bare page is judged."""
        if self._owner_tags is None and (self._rules.exclude_tags or self._rules.include_tags is not None):
            self._result.requests += 1
            self._owner_tags = await self._probes.owner_tags()

    def _has_others(self, season: Candidate) -> bool:
        """Whether other seasons of its series are in the list too, as far as it was read."""
        return any(item.owner_id == season.owner_id and item.season != season.season for item in self._items.values())

    def _is_covered(self, candidate: Candidate) -> bool:
        """Whether a search of this hunt is for it too: that of its season, its owner, or another item of its file."""
        if candidate.season_key in self._selected or candidate.file_id in self._selected_files:
            return True
        if candidate.owner_key not in self._selected:
            return False
        return candidate.season_key is None or candidate.season in self._searched_seasons[candidate.owner_key]

    def _asked_for(self, candidate: Candidate) -> str:
        return "asked for after a removal; " if candidate.key in self._pass.requested else ""

    def _costs_too_much(self, candidate: Candidate) -> bool:
        return self._pass.max_units is not None and candidate.units > self._pass.max_units

    def _decide(self, candidate: Candidate, states: ItemStates) -> Decision:
        past = states.of(candidate, self._rules, self._now)
        return decide(candidate, self._rules, past, now=self._now, queued=self._pass.queued)

    def _select(
        self,
        candidate: Candidate,
        states: ItemStates,
        *,
        brought_by: Candidate | None = None,
        lacks: SeasonFacts | None = None,
    ) -> None:
        """`brought_by`: the item because of which its season or owner is searched."""
        item = self._items[(brought_by or candidate).key]
        search = Selected(
            candidate,
            picked=self._asked_for(brought_by or candidate)
            + picked_because(brought_by or candidate, states, self._pass.order, item, brought_by, lacks),
            failed_searches=states.failed_searches(candidate, self._rules, self._now),
            tag_ids=users_tags(candidate, self._rules),
            before=item.file if brought_by is None else None,
        )
        self._selected.add(candidate.key)
        if candidate.file_id is not None and brought_by is None:
            self._selected_files.add(candidate.file_id)
        self._result.selected.append(search)
        self._result.evaluated.append(Evaluated(candidate, Decision(Reason.SEARCH)))

    def _pass_over(self, candidate: Candidate, decision: Decision) -> None:
        self._result.evaluated.append(Evaluated(candidate, decision))

    def _note_last_in(self, page: Sequence[Candidate], states: ItemStates) -> None:
        """A season or an owner counts as searched when any of its items was."""
        for item in page:
            if item.last_search_at is None:
                continue
            reset_at = states.of(item, self._rules, self._now).reset_at
            if reset_at is None or item.last_search_at > reset_at:
                for key in item.parents:
                    self._last_in[key] = max(item.last_search_at, self._last_in.get(key, item.last_search_at))


def shown_singly(evaluated: Sequence[Evaluated]) -> list[Evaluated]:
    """Those that are shown one by one: the first ones, and all that are searched."""
    first, rest = evaluated[:MAX_SHOWN], evaluated[MAX_SHOWN:]
    return [*first, *(item for item in rest if item.decision.reason is Reason.SEARCH)]


def wants_season(facts: SeasonFacts | None, threshold: float, *, is_anime: bool = False) -> bool:
    """`auto`: the season is searched as one when it ended and enough of it, at least 3 episodes, lacks a file.

    An anime is not, unless it is short: the app asks its indexers once for each of its episodes.
    """
    if facts is None or not facts.ended or facts.aired <= 0:
        return False
    if is_anime and facts.monitored > MAX_ANIME_EPISODES:
        return False
    missing = facts.aired - facts.with_file
    return missing >= MIN_MISSING_FOR_SEASON and missing / facts.aired >= threshold


def with_facts(season: Candidate, facts: SeasonFacts) -> Candidate:
    """The season with what was read of it: its last search, and what its search costs."""
    searched = [at for at in (season.last_search_at, facts.last_search_at) if at is not None]
    units = max(facts.monitored, 1) if season.is_anime else 1
    return replace(season, last_search_at=max(searched, default=None), units=units)


def not_searched_first(page: Sequence[Candidate], states: ItemStates) -> list[Candidate]:
    """The page in its order, but what this pass has searched comes last, the latest at the end."""

    def searched_at(candidate: Candidate) -> float:
        past = states.own.get(candidate.key)
        return 0.0 if past is None or past.last_searched_at is None else past.last_searched_at.timestamp()

    return sorted(page, key=searched_at)


def picked_because(
    decided: Candidate,
    states: ItemStates,
    order: Order | None,
    item: WantedItem,
    brought_by: Candidate | None,
    lacks: SeasonFacts | None,
) -> str:
    """What decided: the order of the user, then the last search of the item that was due, and what its season lacks."""
    last = states.last_search(decided)
    searched = "never searched" if last is None else f"last searched {last:%Y-%m-%d %H:%M} UTC"
    released = f"{decided.released_at:%Y-%m-%d}" if decided.released_at else "unknown"
    by_order = {
        Order.NEWEST: f"newest first, release {released}",
        Order.OLDEST: f"oldest first, release {released}",
        Order.RANDOM: "drawn at random",
    }
    parts = [by_order[order]] if order in by_order else []
    if order is None and item.file is not None and item.file.score is not None:
        parts.append(f"score {item.file.score} is below the profile's")
    if lacks is not None:
        parts.append(f"{lacks.aired - lacks.with_file} of {lacks.aired} episodes lack a file")
    parts.append(searched if brought_by is None else f"{brought_by.title}: {searched}")
    return "; ".join(parts)[:MAX_PICKED_LENGTH]
