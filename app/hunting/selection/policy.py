"""Decides whether an item may be searched now, and why not: pure, and the same for a hunt, its plan and the API."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

REFUSED_HOURS = (1, 4, 12, 24, 72)
"""How long an item is left alone that the app refused to search so many times in a row."""
MAX_AHEAD = timedelta(days=1)
"""A past event with a later date comes from a clock that was wrong: it must not block an item for years."""
FILTERS = frozenset({"include_tags", "exclude_tags", "exclude_quality_profiles", "tag_searched"})


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
    BUDGET = "budget"
    CANCELLED = "cancelled"


class StateStatus(StrEnum):
    """Whether an item that was searched may be searched again; `parked` until something changes."""

    COOLDOWN = "cooldown"
    READY = "ready"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Search units that may still be spent, `None` without a limit, and the reason of what would cost more."""

    units: int | None = None
    reason: Reason = Reason.CAP

    def allows(self, units: int) -> bool:
        return self.units is None or units <= self.units

    def is_used_up(self, units: int) -> bool:
        return self.units is not None and units >= self.units

    def less(self, units: int) -> "Allowance":
        return replace(self, units=None if self.units is None else max(0, self.units - units))

    def and_at_most(self, units: int | None, reason: Reason) -> "Allowance":
        """The narrower of this and another limit."""
        is_narrower = units is not None and (self.units is None or units < self.units)
        return Allowance(units, reason) if is_narrower else self


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item, a season or an owner that could be searched; `key` is its stable identity."""

    key: str
    title: str
    unit: str
    monitored: bool
    item_id: int | None = None
    """`None` for a season or an owner."""
    owner_id: int | None = None
    owner_title: str | None = None
    season: int | None = None
    season_key: str | None = None
    """The season that it is part of."""
    owner_key: str | None = None
    """The series, artist or author that it belongs to."""
    available: bool | None = None
    """As the app says; `None` where it does not."""
    released_at: datetime | None = None
    """The release date that counts; `None` when it is not known."""
    release_dates: tuple[datetime, ...] = ()
    """All release dates: cinema, digital, physical."""
    added_at: datetime | None = None
    last_search_at: datetime | None = None
    """The app's own record, which includes searches of others."""
    tag_ids: frozenset[int] = frozenset()
    quality_profile_id: int | None = None
    owner_read: bool = True
    """Whether all facts of its owner are known; if only its tags are, a decision to search it is preliminary."""
    file_id: int | None = None
    """The file that it has; a search of one item counts for all that share it."""
    has_file: bool = False
    out_at: datetime | None = None
    """Only without release dates: when it must have come out, by its year."""
    is_anime: bool = False
    """Whether the app asks its indexers once for each episode of a season."""
    units: int = 1
    """Searches that the app will do for it."""

    @property
    def parents(self) -> tuple[str, ...]:
        """The keys of its season and its owner, where it has them."""
        return tuple(key for key in (self.season_key, self.owner_key) if key is not None)


@dataclass(frozen=True, slots=True)
class PastSearches:
    """What is stored about the searches of an item in one pass."""

    last_searched_at: datetime | None = None
    failed_searches: int = 0
    """In a row."""
    reset_at: datetime | None = None
    """Searches before this moment do not count, nor those that the app remembers."""
    invalidated_at: datetime | None = None
    """When the app's settings changed: failed searches before this moment do not count."""
    profile_id: int | None = None
    """Its quality profile at the last search; `None` when it is not known."""
    tag_ids: frozenset[int] | None = None
    """Its tags at the last search."""
    refused_at: datetime | None = None
    """When the app last refused to search it."""
    refusals: int = 0
    """In a row."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The filter settings of one pass: hours and days as time spans, tags and profiles as the app's ids.

    A field has the name of its setting, without `_hours` or `_days`.
    """

    cooldown: timedelta
    backoff_factor: float = 1.0
    backoff_max: timedelta = timedelta(days=90)
    park_after: int = 0
    """Failed searches in a row after which an item waits for a change; 0 = never."""
    fresh_window: timedelta = timedelta(0)
    fresh_retry: timedelta = timedelta(hours=2)
    release_grace: timedelta = timedelta(0)
    added_grace: timedelta = timedelta(0)
    undated_after: timedelta = timedelta(days=365)
    """How long after it was added an item without any date counts as released."""
    include_specials: bool = False
    include_unreleased: bool = False
    skip_queued: bool = True
    include_tags: frozenset[int] | None = None
    """`None` without such a filter; empty when the app has none of the tags."""
    exclude_tags: frozenset[int] = frozenset()
    exclude_quality_profiles: frozenset[int] = frozenset()
    tag_searched: frozenset[int] = frozenset()
    """The tag that we write ourselves: it is no change of the item."""

    @classmethod
    def of(cls, settings: Any, cooldown_hours: int, filters: Any = None) -> "Rules":
        """From `HuntingSettings`, and `ResolvedFilters` where tags and profiles matter."""
        values: dict[str, Any] = {"cooldown": timedelta(hours=cooldown_hours)}
        unknown = FILTERS if filters is None else frozenset()
        for name in {field.name for field in fields(cls)} - values.keys() - unknown:
            values[name] = _setting(filters if name in FILTERS else settings, name)
        return cls(**values)


def _setting(settings: Any, name: str) -> Any:
    for suffix, unit in (("_hours", timedelta(hours=1)), ("_days", timedelta(days=1))):
        if hasattr(settings, name + suffix):
            return getattr(settings, name + suffix) * unit
    return getattr(settings, name)


@dataclass(frozen=True, slots=True)
class Decision:
    """A reason, and until when it holds where that is known."""

    reason: Reason
    until: datetime | None = None


SEARCH = Decision(Reason.SEARCH)


def decide(
    candidate: Candidate, rules: Rules, past: PastSearches, *, now: datetime, queued: Collection[str] = ()
) -> Decision:
    """One reason for `candidate`; `queued` holds the keys that the app is downloading."""
    if not candidate.monitored:
        return Decision(Reason.UNMONITORED)
    if rules.skip_queued and candidate.key in queued:
        return Decision(Reason.QUEUED)
    return _filtered(candidate, rules) or _too_early(candidate, rules, now) or _resting(candidate, rules, past, now)


def _filtered(candidate: Candidate, rules: Rules) -> Decision | None:
    if candidate.season == 0 and not rules.include_specials:
        return Decision(Reason.SPECIALS)
    if candidate.tag_ids & rules.exclude_tags:
        return Decision(Reason.EXCLUDED_TAG)
    if rules.include_tags is not None and not candidate.tag_ids & rules.include_tags:
        return Decision(Reason.NOT_INCLUDED_TAG)
    if not candidate.owner_read:
        return None
    if candidate.quality_profile_id in rules.exclude_quality_profiles:
        return Decision(Reason.EXCLUDED_PROFILE)
    return None


def _too_early(candidate: Candidate, rules: Rules, now: datetime) -> Decision | None:
    released = candidate.released_at
    if not rules.include_unreleased:
        has_date = released is not None or bool(candidate.release_dates)
        out_at = released if has_date else _out_at(candidate, rules, now)
        if out_at is not None and out_at > now:
            return Decision(Reason.UNRELEASED, out_at)
        if (has_date and candidate.available is False) or (out_at is None and candidate.available is not True):
            return Decision(Reason.UNRELEASED)
    if released is not None and released <= now < released + rules.release_grace:
        return Decision(Reason.RELEASE_GRACE, released + rules.release_grace)
    added = _believable(candidate.added_at, now)
    if added is not None and now < added + rules.added_grace:
        return Decision(Reason.ADDED_GRACE, added + rules.added_grace)
    return None


def _out_at(candidate: Candidate, rules: Rules, now: datetime) -> datetime | None:
    """When an item without dates counts as released: by its file, its year, or the day on which it was added."""
    if candidate.has_file or candidate.available is True:
        return now
    if candidate.out_at is not None:
        return candidate.out_at
    added = _believable(candidate.added_at, now)
    return added + rules.undated_after if added is not None else None


def _resting(candidate: Candidate, rules: Rules, past: PastSearches, now: datetime) -> Decision:
    found, until = status(candidate, rules, past, now)
    if found is not StateStatus.READY:
        return Decision(Reason(found.value), until)
    refused_until = _refused_until(past, now)
    return SEARCH if refused_until is None else Decision(Reason.COOLDOWN, refused_until)


def _refused_until(past: PastSearches, now: datetime) -> datetime | None:
    """Until when an item is left alone because the app refused to search it; `None` when that is over."""
    refused_at = _believable(past.refused_at, now)
    if refused_at is None or not past.refusals or (past.reset_at is not None and refused_at <= past.reset_at):
        return None
    until = refused_at + timedelta(hours=REFUSED_HOURS[min(past.refusals, len(REFUSED_HOURS)) - 1])
    return until if now < until else None


def status(
    candidate: Candidate, rules: Rules, past: PastSearches, now: datetime
) -> tuple[StateStatus, datetime | None]:
    """Whether past searches let the item be searched again; the time is the end of a cooldown."""
    until = cooldown_end(candidate, rules, past, now)
    if until is not None and 0 < rules.park_after <= past.failed_searches:
        return StateStatus.PARKED, None
    return (StateStatus.COOLDOWN, until) if until is not None and now < until else (StateStatus.READY, None)


def cooldown_end(candidate: Candidate, rules: Rules, past: PastSearches, now: datetime) -> datetime | None:
    """When the item may be searched again; `None` when nobody searched it since its last reset."""
    searched = [
        at
        for at in (_believable(past.last_searched_at, now), _believable(candidate.last_search_at, now))
        if at is not None and (past.reset_at is None or at > past.reset_at)
    ]
    if not searched:
        return None
    released = candidate.released_at if candidate.item_id is not None else None  # not for a season or an owner
    if rules.fresh_window and released is not None and released <= now < released + rules.fresh_window:
        return max(searched) + rules.fresh_retry
    return max(searched) + wait_after(rules, past.failed_searches)


def _believable(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is None or moment <= now + MAX_AHEAD else None


def wait_after(rules: Rules, failed_searches: int) -> timedelta:
    """The cooldown after so many failed searches in a row, never above the maximum."""
    if failed_searches <= 0 or rules.backoff_factor <= 1 or not rules.cooldown:
        return rules.cooldown
    longest = max(rules.backoff_max, rules.cooldown)
    wait = rules.cooldown
    for _ in range(failed_searches):
        if wait >= longest / rules.backoff_factor:
            return longest
        wait *= rules.backoff_factor
    return wait


def still_counting(past: PastSearches, candidate: Candidate, rules: Rules, now: datetime) -> PastSearches:
    """`past` without its failed searches, if something changed since that makes the next search worth more."""
    has_failed = past.failed_searches > 0
    return replace(past, failed_searches=0) if has_failed and has_changed(past, candidate, rules, now) else past


def has_changed(past: PastSearches, candidate: Candidate, rules: Rules, now: datetime) -> bool:
    """Whether a release date passed, or the profile, the tags or the app itself changed since the last search."""
    searched = past.last_searched_at
    if searched is None:
        return False
    if any(moment is not None and searched <= moment for moment in (past.invalidated_at, past.reset_at)):
        return True
    if any(searched < date <= now for date in candidate.release_dates):
        return True
    if past.profile_id is not None and past.profile_id != candidate.quality_profile_id:
        return True
    return past.tag_ids is not None and past.tag_ids != users_tags(candidate, rules)


def users_tags(candidate: Candidate, rules: Rules) -> frozenset[int]:
    """The item's tags without the one that we write ourselves."""
    return candidate.tag_ids - rules.tag_searched


def merged(known: Collection[PastSearches]) -> PastSearches:
    """All past searches that count for one item: the latest search, the most failures, the latest reset."""
    searched = [past.last_searched_at for past in known if past.last_searched_at is not None]
    resets = [past.reset_at for past in known if past.reset_at is not None]
    return PastSearches(
        last_searched_at=max(searched, default=None),
        failed_searches=max((past.failed_searches for past in known), default=0),
        reset_at=max(resets, default=None),
    )


def after_reset(past: PastSearches) -> PastSearches:
    """`past` with its own reset applied, so that the reset does not reach other items when they are merged."""
    searched, reset_at = past.last_searched_at, past.reset_at
    counts = searched is not None and (reset_at is None or searched > reset_at)
    return replace(past, last_searched_at=searched if counts else None, reset_at=None)


def as_season(episode: Candidate, unit: str, last_search_at: datetime | None) -> Candidate:
    """The season of an episode: the same key whichever episode came first."""
    if episode.season_key is None:
        raise ValueError("only an episode has a season")
    return replace(
        episode,
        key=episode.season_key,
        season_key=None,
        item_id=None,
        unit=unit,
        title=f"{episode.owner_title or 'Series'} - Season {episode.season}",
        last_search_at=last_search_at,
    )


def as_owner(item: Candidate, unit: str, last_search_at: datetime | None) -> Candidate:
    """The series, artist or author of an item: the same key whichever item came first."""
    if item.owner_key is None:
        raise ValueError("the item has no owner")
    return replace(
        item,
        key=item.owner_key,
        season_key=None,
        owner_key=None,
        item_id=None,
        season=None,
        unit=unit,
        title=item.owner_title or f"{unit.capitalize()} {item.owner_id}",
        last_search_at=last_search_at,
    )
