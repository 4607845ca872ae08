"""One pass over a wanted list: every item that is looked at gets its one decision, some are chosen for a search.

The hunt and its plan both run this code; only what happens to the chosen items differs.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.arr.models import FileFacts, Mode, SeasonFacts, Unit, WantedItem
from app.hunting.selection.candidates import AppHierarchy, candidate_of, in_order
from app.hunting.selection.policy import (
    Candidate,
    Decision,
    Reason,
    Record,
    Rules,
    SeasonShape,
    as_owner,
    as_season,
    decide,
    forgotten,
    marked_tags,
    merged,
    wants_season,
    weighed,
)
from app.hunting.selection.wanted import Walk
from app.settings.hunting import HuntingSettings

LEFT_OVER = (Reason.BATCH_FULL, Reason.CAP, Reason.CANCELLED)
"""Reasons that lie in the hunt, not in the item: the next hunt goes on with it."""
COVERED = Decision(Reason.COVERED)


@dataclass(frozen=True, slots=True)
class ItemStates:
    """Ledger records of a page: by their own key, and those of all that a whole covers by the whole's key."""

    by_key: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    by_whole: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    own: Mapping[str, Record] = field(default_factory=dict)
    """Of this pass and of the very key."""
    failed_seasons: Mapping[str, datetime] = field(default_factory=dict)
    """Seasons whose last search found nothing, and when that was."""

    def with_searched(self, searched: Sequence[Candidate], now: datetime) -> "ItemStates":
        """The same, as if these had been searched just now."""
        by_key, by_whole = dict(self.by_key), dict(self.by_whole)
        for one in searched:
            by_key[one.key] = [*by_key.get(one.key, ()), Record(now)]
            for whole in one.wholes:
                by_whole[whole] = [*by_whole.get(whole, ()), Record(now)]
        return replace(self, by_key=by_key, by_whole=by_whole)

    def of(self, candidate: Candidate, rules: Rules, now: datetime) -> Record:
        """All that touches the unit: itself, the wholes around it, the items in it.

        To reset an episode forgets that it was searched, not that the others of its season were.
        """
        found = [one for key in (candidate.key, *candidate.wholes) for one in self.by_key.get(key, ())]
        found += [forgotten(one) for one in self.by_whole.get(candidate.key, ())]
        return merged([weighed(one, candidate, rules, now) for one in found])

    def last_search(self, candidate: Candidate) -> datetime | None:
        """The latest search that we, or the app, know of."""
        found = [one for key in (candidate.key, *candidate.wholes) for one in self.by_key.get(key, ())]
        times = [candidate.last_search_at, *(one.last_searched_at for one in found)]
        return max((at for at in times if at is not None), default=None)

    def is_next_singly(self, episode: Candidate) -> bool:
        """Whether its season was searched in vain, and the episode not yet by itself since then."""
        failed_at = self.failed_seasons.get(episode.group or "")
        own = self.own.get(episode.key)
        last = own.last_searched_at if own is not None else None
        return failed_at is not None and (last is None or last <= failed_at)

    def fruitless(self, candidate: Candidate, rules: Rules, now: datetime) -> int:
        """Fruitless searches of the very unit that still count."""
        own = self.own.get(candidate.key)
        return weighed(own, candidate, rules, now).fruitless if own is not None else 0


Recall = Callable[[Sequence[Candidate]], Awaitable[ItemStates]]


@dataclass(frozen=True, slots=True)
class Probes:
    """What the app can be asked about the wholes that are in question."""

    season: Callable[[int, int], Awaitable[SeasonFacts | None]]
    extent: Callable[[int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An item with its decision."""

    candidate: Candidate
    decision: Decision


@dataclass(frozen=True, slots=True)
class Selected:
    """An item, or a whole, that is to be searched."""

    candidate: Candidate
    picked: str
    fruitless: int = 0
    """Fruitless searches in a row before this one."""
    tag_ids: frozenset[int] = frozenset()
    """Its tags, without the one that we write."""
    before: FileFacts | None = None
    """What it has now."""


@dataclass
class Selection:
    """The decisions of one pass."""

    judged: list[Evaluated] = field(default_factory=list)
    choices: list[Selected] = field(default_factory=list)
    total: int = 0
    looks: int = 0
    """Requests that were made about wholes."""

    @property
    def left(self) -> set[str]:
        """What may be searched but was not chosen."""
        return {one.candidate.key for one in self.judged if one.decision.reason in LEFT_OVER}

    @property
    def units(self) -> int:
        return sum(choice.candidate.units for choice in self.choices)


class Selector:
    """Decides on the items of one pass. `left` is what the caps still allow (`None`: no cap)."""

    def __init__(
        self,
        settings: HuntingSettings,
        rules: Rules,
        mode: Mode,
        shape: AppHierarchy,
        *,
        recall: Recall,
        looks: Probes,
        queued: frozenset[str],
        now: datetime,
        rng: random.Random,
        is_ranked: bool = False,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._mode = mode
        self._shape = shape
        self._recall = recall
        self._looks = looks
        self._queued = queued
        self._now = now
        self._rng = rng
        self._is_ranked = is_ranked
        self._seen: set[str] = set()
        self._chosen: set[str] = set()
        self._by_episodes: set[str] = set()
        self._last_in: dict[str, datetime] = {}
        self._files: dict[str, FileFacts] = {}
        self._result = Selection()

    async def select(self, walk: Walk, *, batch: int, left: int | None) -> Selection:
        """Read pages until `batch` searches are chosen or the walk ends."""
        async with aclosing(walk.pages()) as pages:
            async for items in pages:
                await self._take_page(items, batch=batch, left=left)
                if len(self._result.choices) >= batch or self._is_spent(left):
                    break
        self._result.total = walk.total
        return self._result

    async def _take_page(self, items: Sequence[WantedItem], *, batch: int, left: int | None) -> None:
        page = [candidate_of(item, self._shape, self._settings.release_date) for item in items]
        self._files.update({one.key: item.file for one, item in zip(page, items, strict=True) if item.file is not None})
        fresh = [one for one in {c.key: c for c in page}.values() if one.key not in self._seen]
        self._seen.update(one.key for one in fresh)
        remembered = await self._recall(fresh)
        self._note_wholes(fresh, remembered)
        ordered = fresh
        if not self._is_ranked:
            ordered = in_order(fresh, self._settings.order, self._rng, remembered.last_search)
        for candidate in ordered:
            await self._judge(candidate, remembered, batch=batch, left=left)

    async def _judge(self, candidate: Candidate, remembered: ItemStates, *, batch: int, left: int | None) -> None:
        decision = self._decide(candidate, remembered)
        if decision.reason is not Reason.SEARCH:
            self._note(candidate, decision)
        elif self._chosen.intersection(candidate.wholes):
            self._note(candidate, COVERED)
        elif len(self._result.choices) >= batch:
            self._note(candidate, Decision(Reason.BATCH_FULL))
        elif self._is_spent(left):
            self._note(candidate, Decision(Reason.CAP))
        elif self._shape.owner is not None and self._mode == self._shape.owner.value and candidate.owner is not None:
            await self._choose_owner(candidate, remembered, left)
        elif candidate.group is not None and self._mode in (Mode.AUTO, Mode.SEASON):
            await self._choose_season(candidate, remembered)
        else:
            self._take(candidate, remembered)

    async def _choose_owner(self, candidate: Candidate, remembered: ItemStates, left: int | None) -> None:
        """The owner costs as many units as it covers; the app is asked how many, and only before a choice."""
        unit = self._shape.owner or Unit(candidate.unit)
        owner = as_owner(candidate, unit.value, self._last_in.get(candidate.owner or ""))
        verdict = self._decide(owner, remembered)
        if verdict.reason is not Reason.SEARCH:
            self._note(candidate, verdict)
            return
        self._result.looks += 1
        owner = replace(owner, units=await self._looks.extent(owner.owner_id or 0))
        if left is not None and self._result.units + owner.units > left:
            self._note(candidate, Decision(Reason.CAP))
        else:
            self._take(owner, remembered)

    async def _choose_season(self, candidate: Candidate, remembered: ItemStates) -> None:
        """The season, where it is free and worth it; as long as it is not, `auto` takes its episodes singly."""
        season = as_season(candidate, Unit.SEASON.value, self._last_in.get(candidate.group or ""))
        if season.key in self._by_episodes or remembered.is_next_singly(candidate):
            self._take(candidate, remembered)
            return
        verdict = self._decide(season, remembered)
        is_worth = False
        if verdict.reason is Reason.SEARCH:
            self._result.looks += 1
            facts = await self._looks.season(season.owner_id or 0, season.season or 0)
            if facts is not None:
                season = replace(season, last_search_at=_later(season.last_search_at, facts.last_search_at))
                verdict = self._decide(season, remembered)  # somebody may have searched an episode that no page shows
            is_worth = self._mode is Mode.SEASON or _is_worth(facts, self._settings.season_threshold)
        if verdict.reason is Reason.SEARCH and is_worth:
            self._take(season, remembered)
        elif self._mode is Mode.SEASON:
            self._note(candidate, verdict)
        else:
            self._by_episodes.add(season.key)
            self._take(candidate, remembered)

    def _decide(self, candidate: Candidate, remembered: ItemStates) -> Decision:
        record = remembered.of(candidate, self._rules, self._now)
        return decide(candidate, self._rules, record, now=self._now, queued=self._queued)

    def _take(self, candidate: Candidate, remembered: ItemStates) -> None:
        last = remembered.last_search(candidate)
        picked = "never searched" if last is None else f"last searched {last:%Y-%m-%d %H:%M} UTC"
        fruitless = remembered.fruitless(candidate, self._rules, self._now)
        self._chosen.add(candidate.key)
        tags, before = marked_tags(candidate, self._rules), self._files.get(candidate.key)
        self._result.choices.append(Selected(candidate, picked, fruitless, tags, before))
        self._result.judged.append(Evaluated(candidate, Decision(Reason.SEARCH)))

    def _note(self, candidate: Candidate, decision: Decision) -> None:
        self._result.judged.append(Evaluated(candidate, decision))

    def _note_wholes(self, page: Sequence[Candidate], remembered: ItemStates) -> None:
        """A whole counts as searched when any of its items was: nothing is searched twice."""
        for one in page:
            if one.last_search_at is None:
                continue
            reset_at = remembered.of(one, self._rules, self._now).reset_at
            if reset_at is None or one.last_search_at > reset_at:
                for key in one.wholes:
                    self._last_in[key] = max(one.last_search_at, self._last_in.get(key, one.last_search_at))

    def _is_spent(self, left: int | None) -> bool:
        return left is not None and self._result.units >= left


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _is_worth(facts: SeasonFacts | None, threshold: float) -> bool:
    shape = SeasonShape(facts.aired, facts.with_file, facts.ended) if facts is not None else None
    return wants_season(shape, threshold)
