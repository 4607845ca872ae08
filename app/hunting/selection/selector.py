"""One pass over a list: every item that is looked at gets one decision, and some are selected for a search.

The hunt and its plan both run this code; they differ only in what happens to the selected items.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.arr.models import FileFacts, Mode, SeasonFacts, Unit, WantedItem
from app.hunting.selection.candidates import AppHierarchy, candidate_of, in_order
from app.hunting.selection.item_states import ItemStates
from app.hunting.selection.policy import Candidate, Decision, Reason, Rules, as_owner, as_season, decide, users_tags
from app.hunting.selection.wanted import Pager
from app.settings.hunting import Order, ReleaseDate

LEFT_OVER = (Reason.BATCH_FULL, Reason.CAP, Reason.CANCELLED)
"""Reasons that lie in the hunt, not in the item: the next hunt goes on with it."""
MIN_MISSING_FOR_SEASON = 3


@dataclass(frozen=True, slots=True)
class Probes:
    """What is asked about the candidates: their item states, what a season lacks, how much an owner has."""

    item_states: Callable[[Sequence[Candidate]], Awaitable[ItemStates]]
    season: Callable[[int, int], Awaitable[SeasonFacts | None]]
    extent: Callable[[int], Awaitable[int]]


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
        self._by_episodes: set[str] = set()
        self._last_in: dict[str, datetime] = {}
        self._files: dict[str, FileFacts] = {}
        self._result = Selection()

    async def select(self, pager: Pager, *, batch: int, left: int | None) -> Selection:
        """Read pages until `batch` searches are found or the list ends; `left`: units in the caps, `None` = no cap."""
        async with aclosing(pager.pages()) as pages:
            async for items in pages:
                await self._take_page(items, batch=batch, left=left)
                if len(self._result.selected) >= batch or self._is_cap_used_up(left):
                    break
        self._result.total = pager.total
        return self._result

    async def _take_page(self, items: Sequence[WantedItem], *, batch: int, left: int | None) -> None:
        page = [(candidate_of(item, self._pass.hierarchy, self._pass.release_date), item.file) for item in items]
        self._files.update({candidate.key: file for candidate, file in page if file is not None})
        new = {candidate.key: candidate for candidate, _ in page if candidate.key not in self._seen}
        self._seen.update(new)
        ordered = list(new.values())
        states = await self._probes.item_states(ordered)
        self._note_last_in(ordered, states)
        if self._pass.order is not None:
            ordered = in_order(ordered, self._pass.order, self._rng, states.last_search)
        for candidate in ordered:
            await self._evaluate(candidate, states, batch=batch, left=left)

    async def _evaluate(self, candidate: Candidate, states: ItemStates, *, batch: int, left: int | None) -> None:
        decision, owner = self._decide(candidate, states), self._pass.hierarchy.owner
        if decision.reason is not Reason.SEARCH:
            self._pass_over(candidate, decision)
        elif self._selected.intersection(candidate.parents):
            self._pass_over(candidate, Decision(Reason.COVERED))
        elif len(self._result.selected) >= batch:
            self._pass_over(candidate, Decision(Reason.BATCH_FULL))
        elif self._is_cap_used_up(left):
            self._pass_over(candidate, Decision(Reason.CAP))
        elif owner is not None and self._pass.mode == owner.value and candidate.owner_key is not None:
            await self._select_owner(candidate, owner, states, left)
        elif candidate.season_key is not None and self._pass.mode in (Mode.AUTO, Mode.SEASON):
            await self._select_season(candidate, states)
        else:
            self._select(candidate, states)

    async def _select_owner(self, candidate: Candidate, unit: Unit, states: ItemStates, left: int | None) -> None:
        """The owner costs as many units as it covers; the app is asked how many only if it may be searched."""
        owner = as_owner(candidate, unit.value, self._last_in.get(candidate.owner_key or ""))
        decision = self._decide(owner, states)
        if decision.reason is not Reason.SEARCH:
            self._pass_over(candidate, decision)
            return
        self._result.requests += 1
        owner = replace(owner, units=await self._probes.extent(owner.owner_id or 0))
        if left is not None and self._result.units + owner.units > left:
            self._pass_over(candidate, Decision(Reason.CAP))
        else:
            self._select(owner, states)

    async def _select_season(self, candidate: Candidate, states: ItemStates) -> None:
        """The season, where it may be searched and lacks enough; else `auto` selects its episodes singly."""
        season = as_season(candidate, Unit.SEASON.value, self._last_in.get(candidate.season_key or ""))
        if season.key in self._by_episodes or states.is_next_singly(candidate):
            self._select(candidate, states)
            return
        decision, is_wanted = self._decide(season, states), False
        if decision.reason is Reason.SEARCH:
            self._result.requests += 1
            facts = await self._probes.season(season.owner_id or 0, season.season or 0)
            if facts is not None:
                season = replace(season, last_search_at=_latest(season.last_search_at, facts.last_search_at))
                decision = self._decide(season, states)  # somebody may have searched an episode that no page shows
            is_wanted = self._pass.mode is Mode.SEASON or wants_season(facts, self._pass.season_threshold)
        if decision.reason is Reason.SEARCH and is_wanted:
            self._select(season, states)
        elif self._pass.mode is Mode.SEASON:
            self._pass_over(candidate, decision)
        else:
            self._by_episodes.add(season.key)
            self._select(candidate, states)

    def _decide(self, candidate: Candidate, states: ItemStates) -> Decision:
        past = states.of(candidate, self._rules, self._now)
        return decide(candidate, self._rules, past, now=self._now, queued=self._pass.queued)

    def _select(self, candidate: Candidate, states: ItemStates) -> None:
        last = states.last_search(candidate)
        search = Selected(
            candidate,
            picked="never searched" if last is None else f"last searched {last:%Y-%m-%d %H:%M} UTC",
            failed_searches=states.failed_searches(candidate, self._rules, self._now),
            tag_ids=users_tags(candidate, self._rules),
            before=self._files.get(candidate.key),
        )
        self._selected.add(candidate.key)
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

    def _is_cap_used_up(self, left: int | None) -> bool:
        return left is not None and self._result.units >= left


def wants_season(facts: SeasonFacts | None, threshold: float) -> bool:
    """`auto`: the season is searched as one when it ended and enough of it, at least 3 episodes, lacks a file."""
    if facts is None or not facts.ended or facts.aired <= 0:
        return False
    missing = facts.aired - facts.with_file
    return missing >= MIN_MISSING_FOR_SEASON and missing / facts.aired >= threshold


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)
