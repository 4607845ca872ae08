"""From the records of the app's lists to candidates: what each is called for ever, and which comes first."""

import random
from collections.abc import Collection, Iterable
from datetime import datetime

from app.arr.models import QueueRow, SearchTarget, Unit, WantedItem
from app.hunting.policy import Candidate
from app.settings.hunting import Order, ReleaseDate


def item_key(unit: Unit, item_id: int) -> str:
    """The identity of an item, as `episode:4711`."""
    return f"{unit}:{item_id}"


def season_key(owner_id: int, season: int) -> str:
    """The identity of a season, as `season:12:3`, whichever of its episodes came first."""
    return f"{Unit.SEASON}:{owner_id}:{season}"


def names_of(item: WantedItem) -> frozenset[str]:
    """What a search that covers the item may be called: by itself, or by its season."""
    names = {item_key(item.unit, item.item_id)}
    if item.owner_id is not None and item.season is not None:
        names.add(season_key(item.owner_id, item.season))
    return frozenset(names)


def candidate_of(item: WantedItem, release_date: ReleaseDate) -> Candidate:
    """A record of a wanted list as the decision sees it."""
    group = None
    if item.owner_id is not None and item.season is not None:
        group = season_key(item.owner_id, item.season)
    return Candidate(
        key=item_key(item.unit, item.item_id),
        title=item.title,
        unit=item.unit.value,
        monitored=item.monitored,
        item_id=item.item_id,
        owner_id=item.owner_id,
        owner_title=item.owner_title,
        season=item.season,
        group=group,
        available=item.available,
        released_at=released_at(item, release_date),
        added_at=item.added_at,
        last_search_at=item.last_search_at,
        tag_ids=item.tag_ids,
        quality_profile_id=item.quality_profile_id,
    )


def released_at(item: WantedItem, release_date: ReleaseDate) -> datetime | None:
    """The date that counts as the release of `item`; `None` when the app does not know it."""
    dates = item.dates
    if dates.released is not None:
        return dates.released
    chosen = {
        ReleaseDate.DIGITAL: dates.digital,
        ReleaseDate.PHYSICAL: dates.physical,
        ReleaseDate.CINEMA: dates.cinema,
        ReleaseDate.AVAILABLE: None,
    }
    if release_date in chosen:
        return chosen[release_date]
    return min((at for at in (dates.cinema, dates.digital, dates.physical) if at is not None), default=None)


def target_of(candidate: Candidate) -> SearchTarget:
    """What the app is asked for."""
    if candidate.unit == Unit.SEASON:
        return SearchTarget(Unit.SEASON, owner_id=candidate.owner_id, season=candidate.season)
    return SearchTarget(Unit(candidate.unit), item_id=candidate.item_id)


def queued_keys(rows: Iterable[QueueRow], unit: Unit) -> frozenset[str]:
    """The keys of all that is in the app's queue: the items, and the seasons that they are part of."""
    keys: set[str] = set()
    for row in rows:
        if row.item_id:
            keys.add(item_key(unit, row.item_id))
        if row.owner_id and row.season is not None:
            keys.add(season_key(row.owner_id, row.season))
    return frozenset(keys)


def downloads(rows: Iterable[QueueRow]) -> int:
    """Distinct downloads in the queue; a season pack is one, whatever its rows."""
    return len({row.download_id for row in rows if row.download_id})


def active_downloads(rows: Iterable[QueueRow]) -> int:
    """Distinct downloads that are queued or running; stuck, completed and failed ones do not count."""
    stuck = ("warning", "error")
    return downloads(row for row in rows if row.status in ("queued", "downloading") and row.tracked_status not in stuck)


def in_order(candidates: Collection[Candidate], order: Order, rng: random.Random) -> list[Candidate]:
    """The candidates of one page in the order that the user asked for."""
    listed = list(candidates)
    if order is Order.RANDOM:
        rng.shuffle(listed)
        return listed
    if order is Order.LONGEST_UNSEARCHED:
        return sorted(listed, key=lambda one: (one.last_search_at is not None, _seconds(one.last_search_at)))
    sign = -1 if order is Order.NEWEST else 1
    return sorted(listed, key=lambda one: (one.released_at is None, sign * _seconds(one.released_at)))


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
