"""From the records of the app's lists to candidates: their keys, what they are part of, and their order."""

import random
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.arr.base import ArrClient
from app.arr.models import SearchTarget, Unit, WantedItem
from app.arr.queue_rows import QueueRow
from app.hunting.selection.policy import Candidate
from app.settings.hunting import Order, ReleaseDate


def item_key(unit: Unit, item_id: int) -> str:
    """The identity of an item, such as `episode:4711`."""
    return f"{unit}:{item_id}"


def season_key(owner_id: int, season: int) -> str:
    """The identity of a season, such as `season:12:3`."""
    return f"{Unit.SEASON}:{owner_id}:{season}"


@dataclass(frozen=True, slots=True)
class AppHierarchy:
    """The unit of an app's items, and what they are part of."""

    item: Unit
    owner: Unit | None
    has_seasons: bool

    @classmethod
    def of(cls, client: ArrClient | type[ArrClient]) -> "AppHierarchy":
        return cls(client.item, client.owner, client.has_seasons)

    def season_key(self, owner_id: int | None, season: int | None) -> str | None:
        """The key of a season, where the app has any."""
        if not self.has_seasons or owner_id is None or season is None:
            return None
        return season_key(owner_id, season)

    def owner_key(self, owner_id: int | None) -> str | None:
        """The key of a series, artist or author."""
        return None if self.owner is None or owner_id is None else item_key(self.owner, owner_id)

    def parents(self, owner_id: int | None, season: int | None) -> tuple[str, ...]:
        """The keys of the season and then the owner, where the app has them."""
        keys = (self.season_key(owner_id, season), self.owner_key(owner_id))
        return tuple(key for key in keys if key is not None)

    def keys(self, item: WantedItem) -> frozenset[str]:
        """The keys of all searches that cover the item: its own and those of what it is part of."""
        return frozenset((item_key(self.item, item.item_id), *self.parents(item.owner_id, item.season)))


def candidate_of(item: WantedItem, hierarchy: AppHierarchy, release_date: ReleaseDate) -> Candidate:
    """A record of a list as the decision needs it."""
    return Candidate(
        key=item_key(item.unit, item.item_id),
        title=item.title,
        unit=item.unit.value,
        monitored=item.monitored,
        item_id=item.item_id,
        owner_id=item.owner_id,
        owner_title=item.owner_title,
        season=item.season if hierarchy.has_seasons else None,
        season_key=hierarchy.season_key(item.owner_id, item.season),
        owner_key=hierarchy.owner_key(item.owner_id),
        available=item.available,
        released_at=released_at(item, release_date),
        release_dates=item.dates.known,
        added_at=item.added_at,
        last_search_at=item.last_search_at,
        tag_ids=item.tag_ids,
        quality_profile_id=item.quality_profile_id,
        owner_read=item.owner_read,
        file_id=item.file_id,
        has_file=item.file is not None or item.file_id is not None,
        out_at=None if item.year is None or item.dates.known else datetime(item.year + 1, 1, 1, tzinfo=UTC),
        is_anime=item.is_anime,
    )


def released_at(item: WantedItem, release_date: ReleaseDate) -> datetime | None:
    """The date that counts as the release of `item`; `None` when the app does not know it."""
    dates = item.dates
    if release_date is ReleaseDate.AVAILABLE and item.available is not None:
        return None
    if dates.released is not None:
        return dates.released
    chosen = {
        ReleaseDate.DIGITAL: dates.digital,
        ReleaseDate.PHYSICAL: dates.physical,
        ReleaseDate.CINEMA: dates.cinema,
    }
    return chosen[release_date] if release_date in chosen else min(dates.known, default=None)


def target_of(candidate: Candidate) -> SearchTarget:
    """What the app is asked to search."""
    return search_target(candidate.unit, candidate.item_id, candidate.owner_id, candidate.season)


def search_target(unit: str, item_id: int | None, owner_id: int | None, season: int | None) -> SearchTarget:
    """The same from the columns of a stored search."""
    if item_id is not None:
        return SearchTarget(Unit(unit), item_id=item_id)
    return SearchTarget(Unit(unit), owner_id=owner_id, season=season)


def queued_keys(rows: Iterable[QueueRow], hierarchy: AppHierarchy) -> frozenset[str]:
    """The keys of all that is in the app's queue: the items, and what they are part of."""
    keys: set[str] = set()
    for row in rows:
        if row.item_id:
            keys.add(item_key(hierarchy.item, row.item_id))
        keys.update(hierarchy.parents(row.owner_id, row.season))
    return frozenset(keys)


def downloads(rows: Iterable[QueueRow]) -> int:
    """Distinct downloads in the queue; a season pack is one, whatever its rows."""
    return len({row.download_id for row in rows if row.download_id})


def active_downloads(rows: Iterable[QueueRow]) -> int:
    """Distinct downloads that are queued or running; stuck, completed and failed ones do not count."""
    stuck = ("warning", "error")
    return downloads(row for row in rows if row.status in ("queued", "downloading") and row.tracked_status not in stuck)


def in_order(
    candidates: Collection[Candidate],
    order: Order,
    rng: random.Random,
    last_search: Callable[[Candidate], datetime | None],
) -> list[Candidate]:
    """The candidates of one page in the order that the user asked for."""
    listed = list(candidates)
    if order is Order.RANDOM:
        rng.shuffle(listed)
        return listed
    if order is Order.LONGEST_UNSEARCHED:
        searched = {candidate.key: last_search(candidate) for candidate in listed}
        return sorted(listed, key=lambda item: (searched[item.key] is not None, _seconds(searched[item.key])))
    sign = -1 if order is Order.NEWEST else 1
    return sorted(listed, key=lambda item: (item.released_at is None, sign * _seconds(item.released_at)))


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
