"""One pass over a wanted list: every item that is looked at gets its one decision, some are chosen for a search.

The hunt and its plan both run this code; only what happens to the chosen items differs.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.arr.models import Mode, SeasonFacts, Unit
from app.hunting.candidates import WantedWalk, candidate_of, in_order
from app.hunting.policy import (
    Candidate,
    Decision,
    Reason,
    Record,
    Rules,
    SeasonShape,
    as_season,
    decide,
    merged,
    wants_season,
)
from app.settings.hunting import HuntingSettings

UNITS_OF_A_SEARCH = 1
SPARE_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Remembered:
    """Ledger records of a page: by their own key, and those of a season's episodes by the season's key."""

    by_key: Mapping[str, Record] = field(default_factory=dict)
    by_group: Mapping[str, Sequence[Record]] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> Record:
        """All that touches the unit: itself, the season around it, the episodes in it."""
        keys = [candidate.key] + ([candidate.group] if candidate.group else [])
        found = [self.by_key[key] for key in keys if key in self.by_key]
        return merged([*found, *self.by_group.get(candidate.key, ())])


Recall = Callable[[Sequence[Candidate]], Awaitable[Remembered]]
Seasons = Callable[[int], Awaitable[Mapping[int, SeasonFacts]]]


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with its decision."""

    candidate: Candidate
    decision: Decision


@dataclass(frozen=True, slots=True)
class Choice:
    """An item, or a season, that is to be searched. `rows` of the wanted list move when it is."""

    candidate: Candidate
    picked: str
    rows: int = 1


@dataclass
class Selection:
    """The decisions of one pass."""

    judged: list[Judged] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    total: int = 0
    looks: int = 0
    """Series that were asked for their seasons."""


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
        self._shut: dict[str, Decision] = {}
        self._facts: dict[int, Mapping[int, SeasonFacts]] = {}
        self._last_in_season: dict[str, datetime] = {}
        self._result = Selection()

    async def select(self, walk: WantedWalk, *, batch: int, left: int | None) -> Selection:
        """Read pages until `batch` items are chosen or the walk ends."""
        async for items in walk.pages():
            page = [candidate_of(item, self._settings.release_date) for item in items]
            fresh = [one for one in {c.key: c for c in page}.values() if one.key not in self._seen]
            self._seen.update(one.key for one in fresh)
            self._note_seasons(fresh)
            remembered = await self._recall(fresh)
            for candidate in in_order(fresh, self._settings.order, self._rng):
                await self._judge(candidate, remembered, batch=batch, left=left)
            if len(self._result.choices) >= batch or self._is_spent(left):
                break
        self._result.total, self._result.looks = walk.total, len(self._facts)
        return self._result

    async def _judge(self, candidate: Candidate, remembered: Remembered, *, batch: int, left: int | None) -> None:
        decision = decide(candidate, self._rules, remembered.of(candidate), now=self._now, queued=self._queued)
        if decision.reason is not Reason.SEARCH:
            self._note(candidate, decision)
        elif candidate.group in self._chosen:
            self._note(candidate, Decision(Reason.COVERED))
        elif candidate.group in self._shut:
            self._note(candidate, self._shut[candidate.group])
        elif len(self._result.choices) >= batch or self._looked_enough(batch):
            self._note(candidate, Decision(Reason.BATCH_FULL))
        elif self._is_spent(left):
            self._note(candidate, Decision(Reason.CAP))
        else:
            await self._choose(candidate, remembered)

    async def _choose(self, candidate: Candidate, remembered: Remembered) -> None:
        facts = await self._season_facts(candidate)
        if not self._goes_by_season(candidate, facts):
            self._take(candidate, candidate.last_search_at or remembered.of(candidate).last_searched_at, rows=1)
            return
        season = as_season(candidate, self._last_in_season.get(candidate.group or ""))
        record = remembered.of(season)
        decision = decide(season, self._rules, record, now=self._now, queued=self._queued)
        if decision.reason is Reason.SEARCH:
            lacking = facts.aired - facts.with_file if facts else 1
            self._take(season, season.last_search_at or record.last_searched_at, rows=max(1, lacking))
        else:
            self._shut[season.key] = decision
            self._note(season, decision)

    def _take(self, candidate: Candidate, last: datetime | None, *, rows: int) -> None:
        picked = "never searched" if last is None else f"last searched {last:%Y-%m-%d %H:%M} UTC"
        self._chosen.add(candidate.key)
        self._result.choices.append(Choice(candidate, picked, rows))
        self._result.judged.append(Judged(candidate, Decision(Reason.SEARCH)))

    def _note(self, candidate: Candidate, decision: Decision) -> None:
        self._result.judged.append(Judged(candidate, decision))

    def _note_seasons(self, page: Sequence[Candidate]) -> None:
        """A season counts as searched when any of its episodes was: nothing is searched twice."""
        for one in page:
            if one.group is not None and one.last_search_at is not None:
                known = self._last_in_season.get(one.group)
                self._last_in_season[one.group] = max(one.last_search_at, known or one.last_search_at)

    async def _season_facts(self, candidate: Candidate) -> SeasonFacts | None:
        """The season's counts; asked for only in `auto`, once per owner."""
        if self._mode is not Mode.AUTO or self._seasons is None:
            return None
        if candidate.owner_id is None or candidate.season is None:
            return None
        if candidate.owner_id not in self._facts:
            self._facts[candidate.owner_id] = await self._seasons(candidate.owner_id)
        return self._facts[candidate.owner_id].get(candidate.season)

    def _goes_by_season(self, candidate: Candidate, facts: SeasonFacts | None) -> bool:
        if candidate.group is None or candidate.unit != Unit.EPISODE:
            return False
        if self._mode is Mode.SEASON:
            return True
        shape = SeasonShape(facts.aired, facts.with_file, facts.ended) if facts is not None else None
        return wants_season(shape, self._settings.season_threshold)

    def _looked_enough(self, batch: int) -> bool:
        """Seasons that turn out to be cooling down cost a request each: a few more than the batch, then no more."""
        return len(self._facts) >= batch + SPARE_LOOKS

    def _is_spent(self, left: int | None) -> bool:
        return left is not None and len(self._result.choices) * UNITS_OF_A_SEARCH >= left
