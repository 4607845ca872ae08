"""What is stored about past searches, as one page of candidates needs it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from app.arr.models import HuntPass
from app.hunting.selection.paging import Cursor
from app.hunting.selection.policy import Candidate, PastSearches, Rules, after_reset, merged, still_counting


@dataclass(frozen=True, slots=True)
class ItemStates:
    """Past searches by the key of the item, and by the key of each season or owner that the item is part of."""

    by_key: Mapping[str, Sequence[PastSearches]] = field(default_factory=dict)
    by_parent: Mapping[str, Sequence[PastSearches]] = field(default_factory=dict)
    own: Mapping[str, PastSearches] = field(default_factory=dict)
    """Of this pass and of exactly this key."""
    failed_seasons: Mapping[str, datetime] = field(default_factory=dict)
    """Seasons whose last search found nothing, and when that was."""
    by_file: Mapping[int, datetime] = field(default_factory=dict)
    """When an item that has this file was last searched: several episodes may share one."""

    def with_searched(self, searched: Sequence[Candidate], now: datetime) -> "ItemStates":
        """The same, as if these had been searched at `now`."""
        by_key, by_parent = dict(self.by_key), dict(self.by_parent)
        for candidate in searched:
            by_key[candidate.key] = [*by_key.get(candidate.key, ()), PastSearches(now)]
            for parent in candidate.parents:
                by_parent[parent] = [*by_parent.get(parent, ()), PastSearches(now)]
        return replace(self, by_key=by_key, by_parent=by_parent)

    def of(self, candidate: Candidate, rules: Rules, now: datetime) -> PastSearches:
        """The past searches that count for it: its own, those of its season and owner, and those of the items in it.

        The reset of an episode does not reset the other episodes of its season.
        """
        inside = [after_reset(past) for past in self.by_parent.get(candidate.key, ())]
        known = [*self._around(candidate), *self._of_file(candidate), *inside]
        past = merged([still_counting(past, candidate, rules, now) for past in known])
        own = self.own.get(candidate.key, PastSearches())  # only the same search would be refused again
        return replace(past, refused_at=own.refused_at, refusals=own.refusals)

    def last_search(self, candidate: Candidate) -> datetime | None:
        """The latest search that we or the app know of."""
        times = [candidate.last_search_at, *(past.last_searched_at for past in self._around(candidate))]
        return max((at for at in times if at is not None), default=None)

    def is_next_singly(self, episode: Candidate) -> bool:
        """Whether the last search of its season found nothing, and the episode was not searched since."""
        failed_at = self.failed_seasons.get(episode.season_key or "")
        own = self.own.get(episode.key)
        last = own.last_searched_at if own is not None else None
        return failed_at is not None and (last is None or last <= failed_at)

    def failed_searches(self, candidate: Candidate, rules: Rules, now: datetime) -> int:
        """Failed searches of exactly this key that still count."""
        own = self.own.get(candidate.key)
        return still_counting(own, candidate, rules, now).failed_searches if own is not None else 0

    def _of_file(self, candidate: Candidate) -> list[PastSearches]:
        at = self.by_file.get(candidate.file_id or 0)
        return [] if at is None else [PastSearches(at)]

    def _around(self, candidate: Candidate) -> list[PastSearches]:
        return [past for key in (candidate.key, *candidate.parents) for past in self.by_key.get(key, ())]


class StoredStates(Protocol):
    """What the selection reads from the database."""

    async def item_states(
        self,
        instance_id: int,
        hunt_pass: HuntPass,
        keys: Collection[str],
        season_keys: Collection[str] = (),
        owner_keys: Collection[str] = (),
        *,
        file_ids: Collection[int] = (),
        with_items_of_owners: bool = False,
    ) -> ItemStates:
        """Past searches of all these keys, of the items that are part of the seasons and owners, and for the files."""
        ...

    async def cursor(self, instance_id: int, hunt_pass: HuntPass) -> Cursor:
        """Where the last hunt stopped reading the list of this pass."""
        ...
