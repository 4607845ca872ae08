"""Which item may be searched now, and why not: pure decisions, the same for the hunt and for its plan."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Reason(StrEnum):
    """Why an item is searched or not; every decision has exactly one."""

    SEARCH = "search"
    COOLDOWN = "cooldown"
    PARKED = "parked"
    QUEUED = "queued"
    UNMONITORED = "unmonitored"
    UNRELEASED = "unreleased"
    RELEASE_GRACE = "release_grace"
    ADDED_GRACE = "added_grace"
    SPECIALS = "specials"
    EXCLUDED_TAG = "excluded_tag"
    NOT_INCLUDED_TAG = "not_included_tag"
    EXCLUDED_PROFILE = "excluded_profile"
    COVERED = "covered"
    BATCH_FULL = "batch_full"
    CAP = "cap"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item, a season or an owner that could be searched; `key` is its stable identity."""

    key: str
    title: str
    unit: str
    monitored: bool
    item_id: int | None = None
    """`None` for a whole: a season, or all that an owner has."""
    owner_id: int | None = None
    owner_title: str | None = None
    season: int | None = None
    group: str | None = None
    """The key of the season that it is part of."""
    owner: str | None = None
    """The key of the series, artist or author that it belongs to."""
    available: bool | None = None
    """What the app itself says; `None` where it says nothing."""
    released_at: datetime | None = None
    """By the release date that counts; `None` when it is not known."""
    release_dates: tuple[datetime, ...] = ()
    """Every date on which it came or comes out, somewhere."""
    added_at: datetime | None = None
    last_search_at: datetime | None = None
    """The app's own record: somebody else may have searched."""
    tag_ids: frozenset[int] = frozenset()
    quality_profile_id: int | None = None
    units: int = 1
    """Searches that the app will do for it."""

    @property
    def wholes(self) -> tuple[str, ...]:
        """The keys of what covers it: its season, its owner."""
        return tuple(key for key in (self.group, self.owner) if key is not None)


@dataclass(frozen=True, slots=True)
class Record:
    """What we remember of an item in one pass."""

    last_searched_at: datetime | None = None
    fruitless: int = 0
    reset_at: datetime | None = None
    """Searches before this moment are forgotten, the app's own record of them too."""
    woken_at: datetime | None = None
    """When something changed for all that are like it: fruitless searches before this moment count no more."""
    profile_id: int | None = None
    """Its quality profile at the last search; `None` where that is not known."""
    tag_ids: frozenset[int] | None = None
    """Its tags then."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of one pass, resolved: hours are time spans, tag labels and profile names are the app's ids."""

    cooldown: timedelta
    backoff_factor: float = 1.0
    backoff_max: timedelta = timedelta(days=90)
    park_after: int = 0
    """Fruitless searches in a row after which an item waits for a change; 0 = it never does."""
    fresh_window: timedelta = timedelta(0)
    fresh_retry: timedelta = timedelta(hours=2)
    release_grace: timedelta = timedelta(0)
    added_grace: timedelta = timedelta(0)
    include_specials: bool = False
    include_unreleased: bool = False
    skip_queued: bool = True
    include_tags: frozenset[int] | None = None
    """`None` when no tag is asked for; an empty set when none of the asked ones exists in the app."""
    exclude_tags: frozenset[int] = frozenset()
    exclude_profiles: frozenset[int] = frozenset()
    own_tag: int | None = None
    """The tag that we write ourselves: it is no change of the item."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict; `until` is when it may change by itself, where that is known."""

    reason: Reason
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeasonShape:
    """What decides between one season search and searches of its episodes."""

    aired: int
    with_file: int
    ended: bool


SEARCH = Decision(Reason.SEARCH)
MIN_FOR_SEASON = 3
MAX_AHEAD = timedelta(days=1)
"""A past event that is dated further ahead comes from a clock that was wrong: it must not block an item for years."""


def decide(
    candidate: Candidate, rules: Rules, record: Record, *, now: datetime, queued: Collection[str] = ()
) -> Decision:
    """One reason for `candidate`; `queued` holds the keys that the app is downloading."""
    if not candidate.monitored:
        return Decision(Reason.UNMONITORED)
    if rules.skip_queued and candidate.key in queued:
        return Decision(Reason.QUEUED)
    return _filtered(candidate, rules) or _too_early(candidate, rules, now) or _resting(candidate, rules, record, now)


def _filtered(candidate: Candidate, rules: Rules) -> Decision | None:
    if candidate.season == 0 and not rules.include_specials:
        return Decision(Reason.SPECIALS)
    if candidate.tag_ids & rules.exclude_tags:
        return Decision(Reason.EXCLUDED_TAG)
    if rules.include_tags is not None and not candidate.tag_ids & rules.include_tags:
        return Decision(Reason.NOT_INCLUDED_TAG)
    if candidate.quality_profile_id in rules.exclude_profiles:
        return Decision(Reason.EXCLUDED_PROFILE)
    return None


def _too_early(candidate: Candidate, rules: Rules, now: datetime) -> Decision | None:
    released = candidate.released_at
    if not rules.include_unreleased:
        if released is not None and released > now:
            return Decision(Reason.UNRELEASED, released)
        if candidate.available is False or (released is None and candidate.available is None):
            return Decision(Reason.UNRELEASED)
    if released is not None and released <= now < released + rules.release_grace:
        return Decision(Reason.RELEASE_GRACE, released + rules.release_grace)
    added = _believable(candidate.added_at, now)
    if added is not None and now < added + rules.added_grace:
        return Decision(Reason.ADDED_GRACE, added + rules.added_grace)
    return None


def _resting(candidate: Candidate, rules: Rules, record: Record, now: datetime) -> Decision:
    until = cooldown_end(candidate, rules, record, now)
    if until is not None and 0 < rules.park_after <= record.fruitless:
        return Decision(Reason.PARKED)
    return Decision(Reason.COOLDOWN, until) if until is not None and now < until else SEARCH


def cooldown_end(candidate: Candidate, rules: Rules, record: Record, now: datetime) -> datetime | None:
    """When the item may be searched again; `None` when nobody searched it since its last reset."""
    searched = [
        at
        for at in (_believable(record.last_searched_at, now), _believable(candidate.last_search_at, now))
        if at is not None and (record.reset_at is None or at > record.reset_at)
    ]
    if not searched:
        return None
    released = candidate.released_at if candidate.item_id is not None else None  # one fresh item renews no other
    if rules.fresh_window and released is not None and released <= now < released + rules.fresh_window:
        return max(searched) + rules.fresh_retry
    return max(searched) + wait_after(rules, record.fruitless)


def _believable(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is None or moment <= now + MAX_AHEAD else None


def wait_after(rules: Rules, fruitless: int) -> timedelta:
    """The cooldown after `fruitless` searches in a row that found nothing, never above the maximum."""
    if fruitless <= 0 or rules.backoff_factor <= 1 or not rules.cooldown:
        return rules.cooldown
    longest = max(rules.backoff_max, rules.cooldown)
    wait = rules.cooldown
    for _ in range(fruitless):
        if wait >= longest / rules.backoff_factor:
            return longest
        wait *= rules.backoff_factor
    return wait


def weighed(record: Record, candidate: Candidate, rules: Rules, now: datetime) -> Record:
    """`record` without its fruitless searches, if something changed since that makes the next one worth more."""
    return replace(record, fruitless=0) if record.fruitless and has_changed(record, candidate, rules, now) else record


def has_changed(record: Record, candidate: Candidate, rules: Rules, now: datetime) -> bool:
    """Whether a release date passed, or the profile, the tags or the app itself changed since the last search."""
    searched = record.last_searched_at
    if searched is None:
        return False
    if any(moment is not None and searched <= moment for moment in (record.woken_at, record.reset_at)):
        return True
    if any(searched < date <= now for date in candidate.release_dates):
        return True
    if record.profile_id is not None and record.profile_id != candidate.quality_profile_id:
        return True
    return record.tag_ids is not None and record.tag_ids != marked_tags(candidate, rules)


def marked_tags(candidate: Candidate, rules: Rules) -> frozenset[int]:
    """The tags whose change means something: not the one that we write."""
    return candidate.tag_ids - {rules.own_tag}


def merged(records: Collection[Record]) -> Record:
    """What is known of a unit from all that touches it: the wholes that it is part of, or the items it covers."""
    searched = [r.last_searched_at for r in records if r.last_searched_at is not None]
    resets = [r.reset_at for r in records if r.reset_at is not None]
    return Record(
        last_searched_at=max(searched, default=None),
        fruitless=max((r.fruitless for r in records), default=0),
        reset_at=max(resets, default=None),
    )


def forgotten(record: Record) -> Record:
    """The record after its own reset, which then says nothing of anything else."""
    searched, reset_at = record.last_searched_at, record.reset_at
    counts = searched is not None and (reset_at is None or searched > reset_at)
    return replace(record, last_searched_at=searched if counts else None, reset_at=None)


def wants_season(shape: SeasonShape | None, threshold: float) -> bool:
    """`auto`: the season is searched as one when it ended and enough of it, at least 3 episodes, lacks a file."""
    if shape is None or not shape.ended or shape.aired <= 0:
        return False
    lacking = shape.aired - shape.with_file
    return lacking >= MIN_FOR_SEASON and lacking / shape.aired >= threshold


def as_season(episode: Candidate, unit: str, last_search_at: datetime | None) -> Candidate:
    """The season that an episode stands for: the same identity whichever episode came first."""
    if episode.group is None:
        raise ValueError("only an episode has a season")
    title = f"{episode.owner_title or 'Series'} - Season {episode.season}"
    return replace(
        episode, key=episode.group, group=None, item_id=None, unit=unit, title=title, last_search_at=last_search_at
    )


def as_owner(item: Candidate, unit: str, last_search_at: datetime | None) -> Candidate:
    """The series, artist or author that an item stands for."""
    if item.owner is None:
        raise ValueError("the item has no owner")
    return replace(
        item,
        key=item.owner,
        group=None,
        owner=None,
        item_id=None,
        season=None,
        unit=unit,
        title=item.owner_title or f"{unit.capitalize()} {item.owner_id}",
        last_search_at=last_search_at,
    )
