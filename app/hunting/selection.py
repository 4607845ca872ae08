"""One pass over a wanted list: every item that is looked at gets its one decision, some are chosen for a search.

The hunt and its plan both run this code; only what happens to the chosen items differs.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from app.arr.models import Mode, SeasonFacts, Unit, WantedItem
from app.hunting.candidates import candidate_of, in_order
from app.hunting.policy import (
    Candidate,
    Decision,
    Reason,
    Record,
    Rules,
    SeasonShape,
    as_season,
    decide,
    forgotten,
    merged,
    wants_season,
)
from app.hunting.wanted import WantedWalk
from app.settings.hunting import HuntingSettings

UNITS_OF_A_SEARCH = 1
LEFT_OVER = (Reason.BATCH_FULL, Reason.CAP, Reason.CANCELLED)
"""Reasons that lie in the hunt, not in the item: the next hunt goes on with it."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Ledger records of a page: by their own key, and those of a season's episodes by the season's key."""

    by_key: Mapping[str, Record] = field(default_factory=dict)
    by_group: Mapping[str, Sequence[Record]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> Record:
        """All that touches the unit: itself, the season around it, the episodes in it.

        To reset an episode forgets that it was searched, not that the others of its season were.
        """
        keys = [candidate.key] + ([candidate.group] if candidate.group else [])
        found = [self.by_key[key] for key in keys if key in self.by_key]
        return merged([*found, *(forgotten(one) for one in self.by_group.get(candidate.key, ()))])


Recall = Callable[[Sequence[Candidate]], Awaitable[Remembered]]
Seasons = Callable[[int, int], Awaitable[SeasonFacts | None]]


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with its decision."""

    candidate: Candidate
    decision: Decision


@dataclass(frozen=True, slots=True)
class Choice:
    """An item, or a season, that is to be searched."""

    candidate: Candidate
    picked: str


@dataclass
class Selection:
    """The decisions of one pass."""

    judged: list[Judged] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    total: int = 0
    looks: int = 0
    """Seasons that were asked for."""

    @property
    def left(self) -> set[str]:
        """What may be searched but was not chosen."""
        return {one.candidate.key for one in self.judged if one.decision.reason in LEFT_OVER}


class Selector:
    """Decides on the items of one pass. `left` is what the caps still allow (`None`: no cap)."""

    def __init__(
        self,
        settings: HuntingSettings,
        rules: Rules,
        mode: Mode,
        *,
        recall: Recall,
        seasons: Seasons | None,
        queued: frozenset[str],
        now: datetime,
        rng: random.Random,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._mode = mode
        self._recall = recall
        self._seasons = seasons
        self._queued = queued
        self._now = now
        self._rng = rng
        self._seen: set[str] = set()
        self._chosen: set[str] = set()
        self._by_episodes: set[str] = set()
        self._facts: dict[tuple[int, int], SeasonFacts | None] = {}
        self._last_in_season: dict[str, datetime] = {}
        self._result = Selection()

    async def select(self, walk: WantedWalk, *, batch: int, left: int | None) -> Selection:
        """Read pages until `batch` items are chosen or the walk ends."""
        async with aclosing(walk.pages()) as pages:
            async for items in pages:
                await self._take_page(items, batch=batch, left=left)
                if len(self._result.choices) >= batch or self._is_spent(left):
                    break
        self._result.total, self._result.looks = walk.total, len(self._facts)
        return self._result

    async def _take_page(self, items: Sequence[WantedItem], *, batch: int, left: int | None) -> None:
        page = [candidate_of(item, self._settings.release_date) for item in items]
        fresh = [one for one in {c.key: c for c in page}.values() if one.key not in self._seen]
        self._seen.update(one.key for one in fresh)
        remembered = await self._recall(fresh)
        self._note_seasons(fresh, remembered)
        for candidate in in_order(fresh, self._settings.order, self._rng):
            await self._judge(candidate, remembered, batch=batch, left=left)

    async def _judge(self, candidate: Candidate, remembered: Remembered, *, batch: int, left: int | None) -> None:
        decision = decide(candidate, self._rules, remembered.of(candidate), now=self._now, queued=self._queued)
        if decision.reason is not Reason.SEARCH:
            self._note(candidate, decision)
        elif candidate.group in self._chosen:
            self._note(candidate, Decision(Reason.COVERED))
        elif len(self._result.choices) >= batch:
            self._note(candidate, Decision(Reason.BATCH_FULL))
        elif self._is_spent(left):
            self._note(candidate, Decision(Reason.CAP))
        else:
            await self._choose(candidate, remembered)

    async def _choose(self, candidate: Candidate, remembered: Remembered) -> None:
        """Its season, where that is what the mode asks for; else itself."""
        season = self._season_of(candidate)
        if season is None:
            self._take(candidate, remembered)
            return
        verdict = decide(season, self._rules, remembered.of(season), now=self._now, queued=self._queued)
        is_free = verdict.reason is Reason.SEARCH and season.key not in self._by_episodes
        if is_free and (self._mode is Mode.SEASON or await self._is_worth(season)):
            self._take(season, remembered)
        elif self._mode is Mode.SEASON:
            self._note(candidate, verdict)
        else:
            # As long as one of its episodes cools down, or downloads, the season is no choice; the others still are.
            self._by_episodes.add(season.key)
            self._take(candidate, remembered)

    def _season_of(self, candidate: Candidate) -> Candidate | None:
        """The season to think of; `None` where the mode, or the app, knows only items."""
        if candidate.group is None or candidate.unit != Unit.EPISODE or self._mode not in (Mode.AUTO, Mode.SEASON):
            return None
        return as_season(candidate, self._last_in_season.get(candidate.group))

    async def _is_worth(self, season: Candidate) -> bool:
        """`auto`: whether enough of the season lacks. The app is asked once per season, and only before a choice."""
        if self._seasons is None or season.owner_id is None or season.season is None:
            return False
        key = (season.owner_id, season.season)
        if key not in self._facts:
            self._facts[key] = await self._seasons(*key)
        facts = self._facts[key]
        shape = SeasonShape(facts.aired, facts.with_file, facts.ended) if facts is not None else None
        return wants_season(shape, self._settings.season_threshold)

    def _take(self, candidate: Candidate, remembered: Remembered) -> None:
        last = candidate.last_search_at or remembered.of(candidate).last_searched_at
        picked = "never searched" if last is None else f"last searched {last:%Y-%m-%d %H:%M} UTC"
        self._chosen.add(candidate.key)
        self._result.choices.append(Choice(candidate, picked))
        self._result.judged.append(Judged(candidate, Decision(Reason.SEARCH)))

    def _note(self, candidate: Candidate, decision: Decision) -> None:
        self._result.judged.append(Judged(candidate, decision))

    def _note_seasons(self, page: Sequence[Candidate], remembered: Remembered) -> None:
        """A season counts as searched when any of its episodes was: nothing is searched twice."""
        for one in page:
            if one.group is None or one.last_search_at is None:
                continue
            reset_at = remembered.of(one).reset_at
            if reset_at is None or one.last_search_at > reset_at:
                known = self._last_in_season.get(one.group)
                self._last_in_season[one.group] = max(one.last_search_at, known or one.last_search_at)

    def _is_spent(self, left: int | None) -> bool:
        return left is not None and len(self._result.choices) * UNITS_OF_A_SEARCH >= left
